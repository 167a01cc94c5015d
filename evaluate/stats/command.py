"""`demitasse power`: what a study of this size can see, and how many videos a wished difference needs."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.errors import ConfigError, DataError
from evaluate.spelled import named_run

if TYPE_CHECKING:
    from evaluate.records import Json, Scored

POWERS = (0.8, 0.9)
PLANNED = ("sd", "per_video", "icc", "answer_sd", "repeats")
UNPAIRED = 3

_ROW = "  {:28}{:>7}{:>8}{:>9}{:>7}{:>8}{:>11}{:>10}{:>13}{:>10}"


def add_power_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse power`."""
    parser.add_argument("runs", nargs="*", metavar="[NAME=]RUN", help="two run folders, before and after")
    parser.add_argument(
        "--difference", type=float, metavar="D", help="the difference to find, in the score's unit: 0.05 is 5 points"
    )
    parser.add_argument("--task", action="append", default=[], metavar="NAME", help="only this task of the runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--skip-gold-faults", action="store_true", help="leave out items whose reference is at fault")
    numbers = parser.add_argument_group("from numbers alone, without runs")
    numbers.add_argument("--sd", type=float, help="standard deviation of the paired difference over items")
    numbers.add_argument("--per-video", type=float, metavar="N", help="items a video (default: 1)")
    numbers.add_argument("--icc", type=float, help="how alike the differences of one video are, 0 to 1 (default: 0)")
    numbers.add_argument(
        "--answer-sd", type=float, metavar="SD", help="of one item's score over answers drawn anew (default: 0, greedy)"
    )
    numbers.add_argument("--repeats", type=int, metavar="K", help="answers drawn for each item (default: 1)")


def run_power(args: argparse.Namespace) -> int:
    """Print what can be seen and what is needed; returns 3 if some items could not be paired.

    Raises:
        DemitasseError: for arguments that make no study, or runs that cannot be read.
    """
    given = {name: getattr(args, name) for name in PLANNED if getattr(args, name) is not None}
    if args.difference is not None and (args.difference == 0 or not math.isfinite(args.difference)):
        raise ConfigError(f"--difference is {args.difference:g}; give the smallest that matters, which is not 0")
    if args.runs and given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ConfigError(f"{flags} describe a study without runs; give these or two run folders")
    if args.runs:
        return _from_runs(args)
    if args.task:
        raise ConfigError("--task is for run folders; leave it out, or give two")
    return _from_numbers(args.difference, given, args.json)


def _from_numbers(difference: float | None, given: Mapping[str, float], out: Path | None) -> int:
    from evaluate.stats.power import Design, clusters_needed, design_effect

    if "sd" not in given or difference is None:
        raise ConfigError("give two run folders, or --sd and --difference of a study that is planned")
    names = {"per_video": "per_cluster"}
    try:
        design = Design(**{names.get(name, name): value for name, value in given.items()})  # type: ignore[arg-type]
        needed = {power: clusters_needed(difference, design, power) for power in POWERS}
    except ValueError as error:
        raise ConfigError(f"this is no study: {error}") from error
    effect = design_effect(design.per_cluster, design.icc)
    print(f"{design.per_cluster:g} items a video, alike by {design.icc:g}: a design effect of {effect:.2f}")
    for power, videos in needed.items():
        items = round(videos * design.per_cluster)
        print(
            f"a difference of {difference:g} is found {power:.0%} of the time with {videos:,} videos ({items:,} items)"
        )
    found = {"difference": difference, "design_effect": effect, "videos": {f"{key:g}": needed[key] for key in needed}}
    _write(out, found)
    return 0


def _from_runs(args: argparse.Namespace) -> int:
    from evaluate.comparing.arm import check_gold, load_arm

    if len(args.runs) != 2:
        raise ConfigError(f"before and after are two run folders, and {len(args.runs)} were given")
    named = [named_run(text) for text in args.runs]
    arms = [load_arm(folder, name) for name, folder in named]
    before, after = (arm.scores(without=check_gold(arm.items, args.skip_gold_faults)) for arm in arms)
    pairs = [
        (row, after[key])
        for key, row in before.items()
        if key in after and row.score is not None and after[key].score is not None
    ]
    if not pairs:
        raise DataError(
            f"{named[0][1]} and {named[1][1]} have no scored item in common; predict both from the same data"
        )
    rows = _rows(pairs, args.task, args.difference)
    _check_difference(args.difference, {row["metric"] for row in rows})
    print(f"{named[1][0]} against {named[0][0]}, item by item:")
    print(_table(rows, args.difference))
    alone = len(before.keys() | after.keys()) - len(pairs)
    if alone:
        print(f"{alone:,} items are in one run only or not scored in both, and had no part in this")
    _write(args.json, {"difference": args.difference, "rows": rows, "unpaired": alone})
    return UNPAIRED if alone else 0


def _check_difference(difference: float | None, metrics: Iterable[str]) -> None:
    """Refuse a difference that no two scores can have: 5 where 5 points are 0.05."""
    from evaluate.metric import METRICS

    widest = max(METRICS[metric].high - METRICS[metric].low for metric in metrics)
    if difference is not None and abs(difference) > widest:
        raise ConfigError(
            f"--difference is {difference:g}, and no two scores of these tasks are more than {widest:g} apart; "
            "5 points are 0.05"
        )


def _rows(pairs: Sequence[tuple[Scored, Scored]], tasks: Sequence[str], difference: float | None) -> list[Json]:
    """A row for each task, in the order of the names."""
    known = sorted({row.asked.task for row, _ in pairs})
    strange = [task for task in tasks if task not in known]
    if strange:
        raise ConfigError(f"no item of task '{strange[0]}' is scored in both runs; there are: {', '.join(known)}")
    return [
        _row(task, [(one, two) for one, two in pairs if one.asked.task == task], difference)
        for task in (tasks or known)
    ]


def _row(task: str, pairs: Sequence[tuple[Scored, Scored]], difference: float | None) -> Json:
    import numpy as np

    from evaluate.stats.power import clusters_for, design_effect, intraclass_correlation, minimum_detectable_effect

    deltas = np.array([(two.score or 0.0) - (one.score or 0.0) for one, two in pairs])
    videos = [one.asked.video_id for one, _ in pairs]
    sizes = np.unique(videos, return_counts=True)[1].astype(float)
    icc = intraclass_correlation(deltas, videos)
    needed = {f"{power:g}": difference and clusters_for(difference, deltas, videos, power) for power in POWERS}
    return {
        "task": task,
        "metric": pairs[0][0].metric,
        "items": len(deltas),
        "videos": len(sizes),
        "sd": float(deltas.std(ddof=1)) if len(deltas) > 1 else None,
        "icc": icc,
        "design_effect": None if icc is None else design_effect(float(np.sum(sizes**2) / sizes.sum()), icc),
        "sees": {f"{power:g}": minimum_detectable_effect(deltas, videos, power) for power in POWERS},
        "needs_videos": needed,
    }


def _table(rows: Sequence[Json], difference: float | None) -> str:
    from evaluate.comparing.wording import difference as signed

    heads = ["task", "items", "videos", "SD", "ICC", "design", "sees, 80 %", "90 %"]
    wished = ["needs, 80 %", "90 %"] if difference else ["", ""]
    lines = [_ROW.format(*heads, *wished).rstrip()]
    for row in rows:
        sees = [signed(row["sees"][f"{power:g}"], row["metric"]).lstrip("+") for power in POWERS]
        needs = [_number(row["needs_videos"][f"{power:g}"], ",") for power in POWERS] if difference else ["", ""]
        spread = [_number(row[name], ".2f") for name in ("sd", "icc", "design_effect")]
        lines.append(_ROW.format(row["task"], row["items"], row["videos"], *spread, *sees, *needs).rstrip())
        if row["sees"][f"{POWERS[0]:g}"] is None:
            lines.append("    one video only, or no score that changed: it is not known how much changes vary")
    if difference:
        lines.append(
            f"needs: videos, with as many items each, to find a difference of {difference:g} (5 points are 0.05)"
        )
    return "\n".join(lines)


def _number(value: float | None, form: str) -> str:
    return "\u2013" if value is None else format(value, form)


def _write(out: Path | None, found: Json) -> None:
    from demitasse.atomic import write_text

    if out is not None:
        write_text(out, json.dumps(found, indent=2) + "\n")
