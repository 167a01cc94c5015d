"""`demitasse score` and `demitasse compare`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from demitasse.atomic import write_text
from demitasse.errors import ConfigError
from evaluate.spelled import spelled

INCOMPLETE = 3


def add_score_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse score`."""
    from evaluate.official.command import add_profile_arguments

    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="folders that `demitasse predict` wrote")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table's figures there, by run and task")
    _add_skip(parser)
    add_profile_arguments(parser)


def run_score(args: argparse.Namespace) -> int:
    """Score runs, write `scores.jsonl` into each, and print a table."""
    from evaluate.comparing.arm import check_gold, load_arm
    from evaluate.comparing.table import by_task, score_table
    from evaluate.comparing.wording import media
    from evaluate.official.command import refuse_without_profile, run_profile
    from evaluate.records import write_rows

    if args.profile:
        return run_profile(args)
    refuse_without_profile(args)
    if not args.runs:
        raise ConfigError("give run folders, or a benchmark's --profile with its --references and --predictions")
    incomplete = False
    figures = {}
    for folder in args.runs:
        arm = load_arm(folder)
        skipped = check_gold(arm.items, args.skip_gold_faults)
        rows = list(arm.scores(without=skipped).values())
        write_rows(folder / "scores.jsonl", [row.to_json() for row in rows])
        count = len({row.asked.video_id for row in rows})
        print(f"{folder}: {len(rows)} items of {count} {media(row.metric for row in rows)}")
        print(score_table(rows))
        figures[str(folder)] = by_task(rows)
        for sentence in skipped.values():
            print(f"left out: {sentence}")
        incomplete = incomplete or bool(skipped) or len(arm.predictions) < len(arm.items)
    if args.json is not None:
        write_text(args.json, json.dumps(figures, indent=2) + "\n")
    return INCOMPLETE if incomplete else 0


def add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse compare`."""
    parser.add_argument("--before", required=True, metavar="[NAME=]RUN", help="the run to compare with")
    parser.add_argument("--after", required=True, metavar="[NAME=]RUN", help="the run that is to be better")
    parser.add_argument("--arm", action="append", default=[], metavar="NAME=RUN", help="a run to show beside them")
    parser.add_argument("--out", type=Path, required=True, help="folder for index.html, report.md and report.json")
    parser.add_argument("--media", type=Path, help="folder of the videos or images, for the page")
    parser.add_argument("--note", action="append", default=[], help="a sentence that readers must know")
    _add_skip(parser)


def run_compare(args: argparse.Namespace) -> int:
    """Compare runs and write the report; returns the exit code."""
    from evaluate.comparing.arm import load_arm
    from evaluate.comparing.compare import compare
    from evaluate.comparing.wording import change
    from evaluate.report.page import write_report

    named = [_named(args.before), _named(args.after), *(_named(text) for text in args.arm)]
    comparison = compare([load_arm(folder, name) for name, folder in named], args.skip_gold_faults)
    page = write_report(comparison, args.out, args.note, args.media, spelled("compare", args))
    print(comparison.result["verdict"]["sentence"])
    for entry in comparison.result["metrics"].values():
        print(f"  {change(entry)}")
    for complaint in comparison.result["complaints"]:
        print(f"incomplete: {complaint}")
    print(page)
    return INCOMPLETE if comparison.result["complaints"] else 0


def _add_skip(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--skip-gold-faults", action="store_true", help="leave out items whose reference is at fault, and say so"
    )


def _named(text: str) -> tuple[str, Path]:
    """`NAME=DIR`, or `DIR` with the folder's own name."""
    name, equals, folder = text.partition("=")
    if equals and not name:
        raise ConfigError(f"'{text}' names no arm; write NAME=DIR")
    return (name, Path(folder)) if equals else (Path(text).name, Path(text))
