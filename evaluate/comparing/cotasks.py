"""What the CoTasks are besides their main score, by metric: the figures of agreement, and how much could be read.

A reply that cannot be read told nothing of all that there was to tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from demitasse.cotasks.figures import FIGURES as BY_STAGE
from demitasse.cotasks.record import TASK_NAMES
from demitasse.figure import Figure
from evaluate.comparing.ratios import figure_change, figure_value
from evaluate.metric import Metric
from evaluate.records import Json, Scored

_PARSED = {"parsed": Figure("replies that could be read", lambda one: one["parsed"], lambda _: 1)}
FIGURES: Mapping[str, Mapping[str, Figure]] = {
    TASK_NAMES[stage]: {**figures, **_PARSED} for stage, figures in BY_STAGE.items()
}


def count_cotasks(rows: Sequence[Scored], metric: Metric) -> Json:
    """One arm's figures of a CoTask, each as `figure_value` gives them."""
    details, videos = [row.detail for row in rows], [row.asked.video_id for row in rows]
    return {name: figure_value(figure, details, videos) for name, figure in FIGURES[metric.name].items()}


def compare_cotasks(before: Sequence[Scored], after: Sequence[Scored], metric: Metric) -> Json:
    """The paired change of each figure between two arms over the same items in the same order."""
    first, second = ([row.detail for row in rows] for rows in (before, after))
    videos = [row.asked.video_id for row in before]
    return {name: figure_change(figure, first, second, videos) for name, figure in FIGURES[metric.name].items()}
