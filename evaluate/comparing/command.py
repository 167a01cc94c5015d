"""`demitasse score` and `demitasse compare`."""

from __future__ import annotations

import argparse
import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.atomic import write_text
from demitasse.errors import ConfigError, DemitasseError
from demitasse.visible import one_visible_line
from evaluate.spelled import named_run, spelled

if TYPE_CHECKING:
    from demitasse.labels.keys import Keys

WORSE, INVALID, INCOMPLETE = 1, 2, 3  # exit codes


@contextmanager
def _without_collection() -> Iterator[None]:
    """Millions of rows and no cycle among them: looking for one again and again takes a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def _not_taken_for_new(page: Path) -> Iterator[None]:
    """An earlier report stays where a comparison is refused: whoever reads of the refusal is told of it."""
    try:
        yield
    except DemitasseError as fault:
        if page.is_file():
            fault.args = (f"{fault}; {page} is still that of an earlier comparison",)
        raise


def add_score_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse score`."""
    from evaluate.official.command import add_profile_arguments

    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="folders that `demitasse predict` wrote")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table's figures there, by run and task")
    _add_keys(parser)
    _add_skip(parser)
    add_profile_arguments(parser)


@_without_collection()
def run_score(args: argparse.Namespace) -> int:
    """Score runs, write `scores.jsonl` into each, and print a table."""
    from evaluate.comparing.arm import check_gold, load_arm
    from evaluate.comparing.summary import validity
    from evaluate.comparing.table import by_task, score_table
    from evaluate.comparing.wording import extent
    from evaluate.judging.judgements import UNSCORED_LIMIT
    from evaluate.official.command import refuse_without_profile, run_profile
    from evaluate.records import write_rows

    if args.profile:
        return run_profile(args)
    refuse_without_profile(args)
    if not args.runs:
        raise ConfigError("give run folders, or a benchmark's --profile with its --references and --predictions")
    incomplete = False
    figures = {}
    keys = _keys(args.keys)
    for folder in args.runs:
        arm = load_arm(folder, keys=keys)
        skipped = check_gold(arm.items, args.skip_gold_faults)
        rows = list(arm.scores(without=skipped).values())
        write_rows(folder / "scores.jsonl", [row.to_json() for row in rows])
        count = len({row.asked.video_id for row in rows})
        print(f"{folder}: {extent(len(rows), count, [row.metric for row in rows])}")
        print(score_table(rows))
        figures[str(folder)] = by_task(rows)
        for sentence in skipped.values():
            print(f"left out: {one_visible_line(sentence)}")
        unscored = validity(rows)["unscored_share"]
        if unscored > UNSCORED_LIMIT:
            print(f"incomplete: {unscored:.1%} of the judged items are unscored (limit {UNSCORED_LIMIT:.0%})")
        incomplete |= bool(skipped) or len(arm.predictions) < len(arm.items) or unscored > UNSCORED_LIMIT
    if args.json is not None:
        write_text(args.json, json.dumps(figures, indent=2) + "\n")
    return INCOMPLETE if incomplete else 0


def add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse compare`."""
    parser.add_argument(
        "runs", nargs="+", metavar="[NAME=]RUN", help="the run before, the run after, and others to show beside them"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for index.html, report.md, report.json, tasks.csv"
    )
    parser.add_argument("--media", type=Path, help="folder of the videos or images, for the page")
    parser.add_argument("--report-only", action="store_true", help="exit with 0 even if something got worse")
    parser.add_argument("--calibration", type=Path, metavar="DIR", help="of `demitasse calibrate`: judge beside people")
    parser.add_argument("--published", type=Path, metavar="FILE", help="published figures, to lay beside these")
    parser.add_argument("--note", action="append", default=[], help="a sentence that readers must know")
    _add_keys(parser)
    _add_skip(parser)


@_without_collection()
def run_compare(args: argparse.Namespace) -> int:
    """Compare runs and write the report.

    Returns:
        0 if nothing got worse, 1 if some metric did, 2 if nothing can be concluded, 3 if part of a run is missing.
    """
    from evaluate.calibrating.tell import read_calibration
    from evaluate.comparing.arm import load_arms
    from evaluate.comparing.compare import compare
    from evaluate.comparing.wording import change
    from evaluate.media_folder import check_media_folder
    from evaluate.report.page import PAGE, write_report
    from evaluate.report.published import read_published

    with _not_taken_for_new(args.out / PAGE):
        check_media_folder(args.media)
        named, keys = [named_run(text) for text in args.runs], _keys(args.keys)
        comparison = compare(load_arms(named, keys), args.skip_gold_faults)
        calibration = read_calibration(args.calibration) if args.calibration else None
        published = read_published(args.published) if args.published else None
    page = write_report(comparison, args.out, args.note, args.media, spelled("compare", args), calibration, published)
    result = comparison.result
    print(result["verdict"]["sentence"])
    for entry in result["metrics"].values():
        print(f"  {change(entry)}")
    for complaint in result["invalid"]:
        print(f"invalid: {one_visible_line(complaint)}")
    for complaint in result["complaints"]:
        print(f"incomplete: {one_visible_line(complaint)}")
    print(page)
    if result["invalid"]:
        return INVALID
    if result["verdict"]["state"] in ("worse", "mixed") and not args.report_only:
        return WORSE
    return INCOMPLETE if result["complaints"] else 0


def _add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keys", type=Path, metavar="FILE", help="what the answers of each key are: closed, graded, multi or prose"
    )


def _keys(path: Path | None) -> Keys | None:
    from demitasse.labels.keys import read_keys

    return read_keys(path) if path else None


def _add_skip(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--skip-gold-faults", action="store_true", help="leave out items whose reference is at fault, and say so"
    )
