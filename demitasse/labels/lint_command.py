"""`demitasse data lint`: every oddity of people's labels, with its file, key, value, and what it becomes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from demitasse.atomic import write_text
from demitasse.labels.folder import SUFFIX, Labels, read_labels, summary
from demitasse.labels.keys import read_keys
from demitasse.labels.mend import LEFT_OUT

SHOWN = 20  # oddities on the terminal, where a file has them all


def add_lint_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `demitasse data lint` takes."""
    parser.add_argument("source", type=Path, help=f"a folder of videos and NAME{SUFFIX} files")
    parser.add_argument("--keys", type=Path, required=True, metavar="FILE", help="what the answer of each key is")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help=f"write them there as JSON Lines, and print only the first {SHOWN}"
    )


def run_lint(args: argparse.Namespace) -> int:
    """Returns 3 if a label, or a key of one, cannot be used."""
    labels = read_labels(args.source, read_keys(args.keys))
    told = [f"{path}: {oddity}" for path, oddity in labels.oddities()]
    for line in told if args.out is None else told[:SHOWN]:
        print(line)
    if args.out is not None:
        write_text(args.out, _rows(labels))
        print(f"{args.out}: {len(told)} oddities")
    for sentence in labels.left_out:
        print(f"left out: {sentence}")
    for line in summary(labels):
        print(line)
    return 3 if labels.left_out or any(one.became is LEFT_OUT for _, one in labels.oddities()) else 0


def _rows(labels: Labels) -> str:
    rows = [
        {"file": str(path), "key": one.key, "oddity": one.kind, "value": one.value}
        | ({} if one.became is LEFT_OUT else {"became": one.became})
        for path, one in labels.oddities()
    ]
    return "".join(f"{json.dumps(row)}\n" for row in rows)
