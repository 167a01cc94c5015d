"""Figures of how a difference is spread: over videos, over lengths of answers, over checkpoints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from evaluate.comparing.compare import Comparison
from evaluate.comparing.entry import words
from evaluate.comparing.wording import media
from evaluate.metric import JUDGE, METRICS
from evaluate.records import Json
from evaluate.report.figures import (
    ARM_COLOURS,
    FAINT,
    GRID,
    INK,
    ROOM,
    UNDECIDED,
    VERDICT_COLOURS,
    label,
    legend,
    svg,
)

SLANTED: dict[str, Any] = {"rotation": 20, "ha": "right", "rotation_mode": "anchor"}
MOST_TICKS = 12  # names under the runs; of more, every second, third, ...
MOST_VIDEOS = 400  # beyond, bars are thinner than a pixel


def by_video(comparison: Comparison) -> Markup | None:
    """Each video's mean paired difference, worst to best; all metrics as points of their range."""
    moves: dict[str, list[float]] = defaultdict(list)
    for one, two in comparison.pairs:
        metric = METRICS[one.metric]
        if one.score is not None and two.score is not None:
            moves[one.asked.video_id].append(100 * (two.score - one.score) / (metric.high - metric.low))
        if len(moves) > MOST_VIDEOS:
            return None
    means = sorted(sum(some) / len(some) for some in moves.values())
    about = {one.metric for one, _ in comparison.pairs}
    if len(means) < 2:
        return None
    colours = [VERDICT_COLOURS["improved" if mean > 0 else "worse"] if mean else UNDECIDED for mean in means]

    def draw(axes: Axes) -> None:
        axes.bar(range(len(means)), means, width=1.0, color=colours)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xlabel(f"{len(means)} {media(about)}, worst to best")
        axes.set_ylabel("after \u2212 before, points")
        axes.set_xticks([])
        calm(axes)

    return svg(draw, (7.6, 2.4), f"Mean paired difference of each {media(about, many=False)}")


def by_length(comparison: Comparison) -> Markup | None:
    """The judge's paired difference against the change of the answer's length, with the fitted mean by length."""
    points = [
        (words(two) - words(one), two.score - one.score)
        for one, two in comparison.pairs
        if one.metric == JUDGE.name and one.score is not None and two.score is not None
    ]
    if len({length for length, _ in points}) < 3:
        return None
    by_place: dict[tuple[float, float], int] = defaultdict(int)
    for point in points:
        by_place[point] += 1
    most = max(by_place.values())

    def draw(axes: Axes) -> None:
        lengths, gains = zip(*by_place, strict=True)
        sizes = [10 + 90 * count / most for count in by_place.values()]
        axes.scatter(lengths, gains, s=sizes, color=ARM_COLOURS[1], alpha=0.45, linewidths=0)
        axes.plot(*_binned(points), color=INK, linewidth=1.6)
        axes.axhline(0, color=FAINT, linewidth=0.8)
        axes.axvline(0, color=FAINT, linewidth=0.8)
        axes.set_xlabel("words after \u2212 words before")
        axes.set_ylabel("score after \u2212 before")
        calm(axes)

    return svg(draw, (7.6, 2.8), "Change of the judge's score against the change of length")


def over_runs(result: Json) -> Markup | None:
    """Every run's mean with its interval, in the order given: a learning curve where the runs are checkpoints."""
    names = list(result["validity"])
    entries = [entry for entry in result["metrics"].values() if sum(name in entry["arms"] for name in names) > 2]
    if len(names) < 3 or not entries:
        return None

    def draw(axes: Axes) -> None:
        for place, entry in enumerate(entries):
            low, high = entry["range"]
            told = [(names.index(name), arm) for name, arm in entry["arms"].items() if arm["n"]]
            places = [at + (place - len(entries) / 2) * 0.04 for at, _ in told]
            scaled = [
                [100 * (value - low) / (high - low) for value in (arm["mean"], *(arm["ci95"] or [arm["mean"]] * 2))]
                for _, arm in told
            ]
            means = [mean for mean, _, _ in scaled]
            reach = [[mean - under for mean, under, _ in scaled], [over - mean for mean, _, over in scaled]]
            colour = (INK, *ARM_COLOURS[1:])[place % 6]
            axes.errorbar(places, means, yerr=reach, marker="o", color=colour, label=METRICS[entry["metric"]].short)
        crowded = sum(map(len, map(label, names))) > ROOM
        shown = range(0, len(names), -(-len(names) // MOST_TICKS))
        axes.set_xticks(shown, [label(names[place]) for place in shown], **(SLANTED if crowded else {}))
        axes.set_ylabel("share of the metric's range, %")
        calm(axes)
        legend(axes)

    return svg(draw, (7.6, 3.0), "Mean of every run with its 95 % interval")


def _binned(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Mean gain in up to eight groups of the same number of points, by length."""
    ordered = sorted(points)
    edges = sorted({round(step * len(ordered) / 8) for step in range(9)})
    groups = [ordered[start:stop] for start, stop in pairwise(edges) if stop > start]
    means = [(sum(one[0] for one in group) / len(group), sum(one[1] for one in group) / len(group)) for group in groups]
    return [one for one, _ in means], [two for _, two in means]


def calm(axes: Axes) -> None:
    """Faint lines across, and no frame."""
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
