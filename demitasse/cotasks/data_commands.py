"""`demitasse data coverage` and `demitasse data leaks`: what can be known of CoTasks without a model."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demitasse.errors import DataError

FRAME_COUNTS = "4,8,16,32,64,128"
MOST_FRAMES = 100_000
SAMPLINGS = ("ends", "middles")
_ROW = "{:14}{:>8}{:>11}{:>9}{:>10}{:>13}"
_LEAK_COLUMNS = (
    "chance",
    "overlap",
    "overlap_guarded",
    "events",
    "count",
    "right_option_in_text",
    "wrong_option_in_text",
)
_LEAK_HEADS = ("chance", "overlap", "guarded", "events", "count", "right told", "wrong told")


def add_coverage_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse data coverage`."""
    parser.add_argument("--spans", type=Path, required=True, metavar="JSON", help="NExT-GQA's gsub_val.json")
    parser.add_argument(
        "--frames", default=FRAME_COUNTS, metavar="N,N,...", help="how many are sampled (default: %(default)s)"
    )
    parser.add_argument(
        "--questions",
        type=Path,
        metavar="CSV",
        help="the questions' file, whose frame counts are exact; the spans' durations are rounded to seconds",
    )
    parser.add_argument(
        "--sampling",
        choices=SAMPLINGS,
        default=SAMPLINGS[0],
        help="from the first frame to the last, or the middles of equal parts, as our students see "
        "(default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_coverage(args: argparse.Namespace) -> int:
    """Print how many questions no sampled frame meets, for each frame count; 0.

    Raises:
        DataError: if a file cannot be used, or a frame count is none.
    """
    from demitasse.cotasks.coverage import report
    from demitasse.cotasks.nextgqa import read_spans
    from demitasse.cotasks.nextqa import read_questions

    spans = read_spans(args.spans)
    asked = read_questions(args.questions).questions if args.questions else ()
    counted = {question.video: question.frame_count for question in asked if question.frame_count}
    told = report(spans, _frame_counts(args.frames), args.sampling, counted)
    if args.json:
        print(json.dumps(told, indent=2))
        return 0
    print(f"{told['questions']} questions with spans about {told['videos']} videos; frames sampled by {args.sampling}")
    print(_ROW.format("videos", "frames", "questions", "missed", "missed %", "key frames"))
    for name, rows in (("all", told["coverage"]), *told["by_length"].items()):
        for row in rows:
            share = f"{row['missed_percent']:.2f}"
            numbers = (row["frames"], row["questions"], row["missed"], share, f"{row['mean_key_frames']:.2f}")
            print(_ROW.format(name, *numbers))
    rounded = told["videos"] - told["videos_with_frame_count"]
    if rounded:
        print(f"{rounded} videos are taken to last the whole seconds that the spans say: --questions has exact counts")
    return 0


def add_leaks_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse data leaks`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="results of `demitasse annotate cotasks`")
    parser.add_argument("--json", action="store_true", help="print JSON, each CoTask by itself included")


def run_leaks(args: argparse.Namespace) -> int:
    """Print how far answers can be had from the CoTasks alone, by question type; 0.

    Raises:
        DataError: if the folder holds no such items.
    """
    from demitasse.cotasks.leaks import cases_of, leak_report
    from demitasse.dataset import read_folder

    inner = args.folder / "items"
    files = read_folder(inner if inner.is_dir() else args.folder)
    told = leak_report(cases_of(item for file in files for item in file.items))
    executes = _executes(args.folder / "cotasks.jsonl")
    if executes:
        told["program_executes"] = executes
    if args.json:
        print(json.dumps(told, indent=2))
        return 0
    print(f"{told['questions']} questions; percent right by CoTasks alone, without the video (± 95 %, by video)")
    width = max(map(len, told["types"])) + 2
    print(f"{'type':{width}}{'n':>6}" + "".join(f"{head:>13}" for head in _LEAK_HEADS))
    for name, row in told["types"].items():
        shown = "".join(f"{_percent(row[column]):>13}" for column in _LEAK_COLUMNS)
        print(f"{name:{width}}{row['questions']:>6}{shown}")
    if executes:
        right = sum(count for reading, count in executes.items() if not reading.startswith("no"))
        print(f"STAR's programs lead to the answer by the graph alone: {right} of {sum(executes.values())} questions")
    return 0


def _frame_counts(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and 0 < int(part) <= MOST_FRAMES for part in parts):
        raise DataError(f"--frames {text} is no list of frame counts from 1 to {MOST_FRAMES}; write --frames 4,8,16")
    return [int(part) for part in dict.fromkeys(parts)]


def _percent(value: Mapping[str, Any] | None) -> str:
    if value is None:
        return "-"
    half = value["half_width"]
    return f"{100 * value['mean']:.1f}" + (f" ± {100 * half:.1f}" if half else "")


def _executes(path: Path) -> dict[str, int]:
    """By which reading STAR's programs led to the answer, as the results' rows say; empty for other sources."""
    counts: dict[str, int] = {}
    if path.is_file():
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            try:
                reading = json.loads(line).get("provenance", {}).get("executes")
            except (ValueError, AttributeError) as fault:
                raise DataError(f"{path} line {number} is no row of CoTasks ({fault}); annotate again") from fault
            if reading is not None:
                counts[str(reading)] = counts.get(str(reading), 0) + 1
    return counts
