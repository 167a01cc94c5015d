"""Figures of time spans: how many are found, and by how many seconds their ends are missed."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from evaluate.comparing.compare import Comparison
from evaluate.metric import TEMPORAL
from evaluate.report.figures import ARM_COLOURS, FAINT, label, legend, svg
from evaluate.report.spread import calm

OVERLAPS = [step / 20 for step in range(1, 21)]


def found(comparison: Comparison) -> Markup | None:
    """The share of time spans found, by the overlap that is asked for."""
    curves = {
        name: np.array([row.score for row in rows.values() if row.metric == TEMPORAL.name and row.score is not None])
        for name, rows in comparison.scores.items()
    }
    curves = {name: scores for name, scores in curves.items() if scores.size}
    if not curves:
        return None

    def draw(axes: Axes) -> None:
        for place, (name, scores) in enumerate(curves.items()):
            shares = [100 * np.count_nonzero(scores >= overlap) / len(scores) for overlap in OVERLAPS]
            axes.plot(OVERLAPS, shares, color=ARM_COLOURS[place % len(ARM_COLOURS)], linewidth=2.2, label=label(name))
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 101)
        axes.set_xlabel("IoU asked for")
        axes.set_ylabel("spans found, %")
        calm(axes)
        legend(axes)

    return svg(draw, (7.6, 2.8), "Time spans found by the overlap that is asked for, of each arm")


def errors(comparison: Comparison) -> Markup | None:
    """How many seconds starts and ends are too early or too late, of each of the first two arms."""
    sides = {
        name: np.array(
            [
                (row.value[0] - row.gold[0], row.value[1] - row.gold[1])
                for row in comparison.scores[name].values()
                if row.metric == TEMPORAL.name and row.value
            ]
        ).reshape(-1, 2)
        for name in (comparison.before, comparison.after)
    }
    told = np.sort(np.abs(np.concatenate(list(sides.values()))), axis=None)
    if not told.size:
        return None
    reach = max(1.0, float(told[int(0.98 * (told.size - 1))]))
    edges = [reach * (step - 10.5) / 10 for step in range(22)]  # a bar for no error, and ten to each side

    def draw(axes: Axes) -> None:
        for place, (name, errors) in enumerate(sides.items()):
            for side, (what, style) in enumerate((("start", "-"), ("end", ":"))):
                values = np.clip(errors[:, side], -reach, reach)
                counts, _ = np.histogram(values, edges)  # of what lies on an edge, but the last, the upper bar has it
                colour = ARM_COLOURS[place]
                axes.stairs(counts, edges, color=colour, linestyle=style, linewidth=1.8, label=f"{label(name)}, {what}")
        axes.axvline(0, color=FAINT, linewidth=0.8)
        axes.set_xlabel("seconds too early (left) or too late (right); the outermost bars hold all beyond")
        axes.set_ylabel("answers")
        axes.locator_params(axis="y", integer=True)
        calm(axes)
        legend(axes)

    return svg(draw, (7.6, 2.6), "Errors of start and end in seconds")
