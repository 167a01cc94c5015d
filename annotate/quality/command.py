"""`demitasse annotate quality`: filters over task files of any origin; what they keep and what they reject."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from demitasse.config.overrides import take_overrides_anywhere

RESOLVED = "quality.yaml"


def add_quality_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse annotate quality`."""
    parser.add_argument("data", type=Path, metavar="DATA", help="a task file, or a folder of them")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets kept/, rejected/ and the counts")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a YAML file with a section `quality`")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="filters=[times,leak,blind] llm.backend=openai llm.openai.base_url=URL ...",
    )
    take_overrides_anywhere(parser)


def check_quality_arguments(args: argparse.Namespace) -> None:
    """Refuse settings that no run could begin with."""
    from annotate.quality.config import read_quality

    read_quality(args.config, args.overrides)


def run_quality(args: argparse.Namespace) -> int:
    """Filter, write what is kept and what is not, and say all of it in the last line.

    Returns:
        0 if every chosen filter could judge every item that is kept, 3 if not, or if the budget is spent, 130 if
        interrupted.
    """
    from annotate.quality.config import read_quality
    from annotate.quality.export import check_places, write_items
    from annotate.quality.pipeline import filter_items
    from annotate.quality.prompts import PROMPTS
    from annotate.quality.report import last_line, summarise, write_report
    from demitasse.config import save_resolved
    from demitasse.dataset import read, read_folder
    from demitasse.prompts import load_pack

    config = read_quality(args.config, args.overrides)
    files = read_folder(args.data) if args.data.is_dir() else [read(args.data)]
    check_places(files, args.out)
    filtered = filter_items(files, config, args.out, progress=not args.quiet)
    if filtered.cut_off:
        why = filtered.halted or "interrupted"
        print(f"{args.out}: {why}; nothing written, run the same command to go on", file=sys.stderr)
        return 130 if filtered.interrupted else 3
    save_resolved(config, args.out / RESOLVED)
    write_items(files, filtered.entries, filtered.verdicts, config, args.out)
    report = summarise(filtered, config, load_pack(config.prompts, PROMPTS) if filtered.models else None)
    write_report(report, args.out)
    if filtered.models:
        counts = filtered.counts
        print(f"{counts.requests} requests sent, {counts.replayed} answered from the journal")
    print(last_line(report, args.out))
    return 3 if report["kept_unjudged"] else 0
