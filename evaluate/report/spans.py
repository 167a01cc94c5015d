"""Figures of time spans: how many are found, and by how many seconds their ends are missed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup
from matplotlib.axes import Axes

from evaluate.comparing.compare import Comparison
from evaluate.metric import TEMPORAL
from evaluate.report.figures import ARM_COLOURS, FAINT, svg
from evaluate.report.spread import calm

OVERLAPS = [step / 20 for step in range(1, 21)]


def found(comparison: Comparison) -> Markup | None:
    """The share of time spans found, by the overlap that is asked for."""
    curves = {
        name: [row.score for row in rows.values() if row.metric == TEMPORAL.name and row.score is not None]
        for name, rows in comparison.scores.items()
    }
    curves = {name: scores for name, scores in curves.items() if scores}
    if not curves:
        return None

    def draw(axes: Axes) -> None:
        for place, (name, scores) in enumerate(curves.items()):
            shares = [100 * sum(score >= overlap for score in scores) / len(scores) for overlap in OVERLAPS]
            axes.plot(OVERLAPS, shares, color=ARM_COLOURS[place % len(ARM_COLOURS)], linewidth=2.2, label=name)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 101)
        axes.set_xlabel("IoU asked for")
        axes.set_ylabel("spans found, %")
        calm(axes)
        axes.legend(ncols=len(curves), loc="lower left", bbox_to_anchor=(0, 1), frameon=False, handlelength=1.5)

    return svg(draw, (7.6, 2.8), "Time spans found by the overlap that is asked for, of each arm")


def errors(comparison: Comparison) -> Markup | None:
    """How many seconds starts and ends are too early or too late, of each of the first two arms."""
    sides = {
        name: [
            (row.value[0] - row.gold[0], row.value[1] - row.gold[1])
            for row in comparison.scores[name].values()
            if row.metric == TEMPORAL.name and row.value
        ]
        for name in (comparison.before, comparison.after)
    }
    told = [error for errors in sides.values() for pair in errors for error in pair]
    if not told:
        return None
    reach = max(1.0, sorted(map(abs, told))[int(0.98 * (len(told) - 1))])
    edges = [reach * (step - 10.5) / 10 for step in range(22)]  # a bar for no error, and ten to each side

    def draw(axes: Axes) -> None:
        for place, (name, errors) in enumerate(sides.items()):
            for side, (what, style) in enumerate((("start", "-"), ("end", ":"))):
                values = [min(max(pair[side], -reach), reach) for pair in errors]
                counts = _counts(values, edges)
                colour = ARM_COLOURS[place]
                axes.stairs(counts, edges, color=colour, linestyle=style, linewidth=1.8, label=f"{name}, {what}")
        axes.axvline(0, color=FAINT, linewidth=0.8)
        axes.set_xlabel("seconds too early (left) or too late (right); the outermost bars hold all beyond")
        axes.set_ylabel("answers")
        calm(axes)
        axes.legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1), frameon=False, handlelength=1.5)

    return svg(draw, (7.6, 2.6), "Errors of start and end in seconds")


def _counts(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    last = edges[-1]
    return [
        sum(low <= value < high or (high == last and value == last) for value in values)
        for low, high in pairwise(edges)
    ]
