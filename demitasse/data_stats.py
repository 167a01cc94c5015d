"""`demitasse data stats`: what a dataset holds, counted and printed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from demitasse.dataset import TaskFile, read, read_folder, stats
from demitasse.interchange.espresso_profile import MEASURES, Measure, profile
from demitasse.interchange.formats import refuse_other
from demitasse.interchange.recognise import OWN

PROFILES = ("espresso",)
BAR = 40  # characters of the longest bar of a histogram
_ROW = "{:24}{:>7}{:>7}{:>10}{:>10}{:>8}{:>17}  {}"
_HEADINGS = {
    "core_frames": "frames",
    "seconds_apart": "apart (s)",
    "frames_apart": "apart (fr)",
    "key_items": "key items",
    "question_words": "question",
    "answer_words": "answer",
    "words_over_longest": "over longest",
}


def add_stats_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `demitasse data stats` takes."""
    parser.add_argument("path", type=Path, metavar="PATH", help="a dataset file or a folder")
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        help="espresso: what VideoEspresso's paper tells of its data: core frames, key items, lengths",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_stats(args: argparse.Namespace) -> int:
    """Print the counts, or a profile."""
    refuse_other(args.path, OWN)
    files = read_files(args.path)
    counts = profile(files) if args.profile else stats(files)
    if args.json:
        print(json.dumps(counts, indent=2))
    elif args.profile:
        _print_profile(counts)
    else:
        _print_counts(counts)
    return 0


def _print_counts(counts: Mapping[str, Any]) -> None:
    print("files {files}, items {items}, videos {videos}, images {images}".format(**counts))
    print(_ROW.format("task", "items", "media", "reasoned", "question", "answer", "reasoning words", "answers"))
    for task, of_task in counts["tasks"].items():
        print(_line(task or "(none)", of_task))


def _line(task: str, of_task: Mapping[str, Any]) -> str:
    answers = " ".join(f"{value}:{count}" for value, count in of_task.get("answers", {}).items())
    numbers = (of_task[key] for key in ("items", "media", "with_reasoning"))
    words = (of_task[f"{text}_words"] for text in ("question", "answer", "reasoning"))
    return _ROW.format(task, *numbers, *words, answers).rstrip()


def _print_profile(found: Mapping[str, Any]) -> None:
    print(f"{'means by task':26}{'items':>8}" + "".join(f"{heading:>14}" for heading in _HEADINGS.values()))
    for task, summary in [*found["tasks"].items(), ("overall", found["overall"])]:
        means = "".join(f"{_mean(summary[name]):>14}" for name in _HEADINGS)
        print(f"{task or '(no sub_task)':26}{summary['items']:>8}{means}")
    overall = found["overall"]
    longest = overall["right_is_longest"]
    if longest["of"]:
        share = longest["count"] / longest["of"]
        print(f"the right option is the longest of all in {longest['count']} of {longest['of']} ({share:.1%})")
    for name, measure in MEASURES.items():
        spread = overall[name]
        if spread["n"]:
            print(f"\n{measure.title}: {spread['n']} of {spread['items']} items, {_quantiles(spread)}")
            _print_histogram(measure, spread["histogram"]["counts"])


def _mean(spread: Mapping[str, Any]) -> str:
    return f"{spread['mean']:.2f}" if spread["n"] else "-"


def _quantiles(spread: Mapping[str, Any]) -> str:
    return "mean {mean:g}, sd {sd:g}, p10 {p10:g}, median {median:g}, p90 {p90:g}, from {min:g} to {max:g}".format(
        **spread
    )


def _print_histogram(measure: Measure, counts: Sequence[int]) -> None:
    edges = measure.edges
    labels = [f"below {edges[0]:g}", *(_bin(*ends, measure.is_count) for ends in pairwise(edges))]
    most = max(counts)
    for label, count in zip([*labels, f"{edges[-1]:g} and more"], counts, strict=True):
        print(f"  {label:>14} {count:>8}  {'█' * -(-BAR * count // most)}".rstrip())


def _bin(low: float, high: float, is_count: bool) -> str:
    last = high - is_count
    return f"{low:g}" if last == low else f"{low:g} to {last:g}"


def read_files(path: Path) -> list[TaskFile]:
    """The dataset files of a folder, or the one that a path names."""
    return read_folder(path) if path.is_dir() else [read(path)]
