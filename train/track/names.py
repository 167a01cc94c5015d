"""What is named in the rows of a run: its lessons, and the learning rates of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from demitasse.dataset.item_id import id_of
from train.data.lessons import Lesson


def lesson_names(lessons: Sequence[Lesson]) -> list[str]:
    """A name for each lesson, as `items.jsonl` of a run has it: the item's id, and the way it is learnt."""
    return [f"{id_of(lesson.item, lesson.task)}:{lesson.way}" for lesson in lessons]


def learning_rates(optimizer: Any) -> dict[str, float]:
    """The rate of each part that the optimizer's groups are of; groups of one part share theirs."""
    return {str(group.get("part", "all")): float(group["lr"]) for group in optimizer.param_groups}
