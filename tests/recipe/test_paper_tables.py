"""More of what VideoEspresso, NExT-QA and NExT-OE printed, recomputed; the rest is in `test_paper_recipes.py`."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from statistics import fmean
from typing import Any

import pytest
import yaml

from demitasse.dataset.evidence import ESPRESSO_TASKS
from demitasse.recipe import CHECKOUT

ESPRESSO, NEXTQA = (
    yaml.safe_load((CHECKOUT / "recipes" / name / "published.yaml").read_text(encoding="utf-8"))
    for name in ("videoespresso", "cotasks_nextqa")
)
GUESSING = 25.0
TEST = ESPRESSO["counts"]["test"]["tasks"]


def half_width(shares: list[float]) -> float:
    """Half of a mean's 95 % interval over tasks of so many questions, in points."""
    variances = [share * (100 - share) / count for share, count in zip(shares, TEST, strict=True)]
    return 1.96 * sqrt(sum(variances)) / len(TEST)


def test_the_tasks_of_each_family_are_those_of_table_9() -> None:
    printed = {task: family for family, tasks in ESPRESSO["families"].items() for task in tasks}
    assert dict(ESPRESSO_TASKS) == printed
    assert sorted(printed) == sorted(ESPRESSO["tasks"])


def test_table_6_sets_all_questions_of_its_own_beside_those_of_another_test() -> None:
    """NExT-QA's entry is its test split alone, so the two are not counted alike."""
    questions = ESPRESSO["questions"]
    assert questions["NExT-QA"] == sum(NEXTQA["test_counts"]["multiple_choice"].values())
    assert max(questions, key=questions.get) == "VideoEspresso"


def test_most_models_of_table_1_cannot_be_told_from_guessing() -> None:
    told = [row["model"] for row in ESPRESSO["paper"] if fmean(row["tasks"]) - half_width(row["tasks"]) > GUESSING]
    assert told == ["InternVL2", "Qwen2-VL", "mPLUG-Owl3", "Ours"]


@pytest.mark.parametrize("row", NEXTQA["open_baselines"], ids=lambda row: row["model"])
def test_the_open_questions_wups_is_over_questions_in_every_row(row: Mapping[str, Any]) -> None:
    counts = NEXTQA["counts"]["open_ended"]
    groups = {group: sum(counts.get(kind, 0) for kind in kinds) for group, kinds in NEXTQA["groups"].items()}
    mean = sum(row[group] * count for group, count in groups.items()) / sum(groups.values())
    assert mean == pytest.approx(row["all"], abs=0.0051)
    assert abs(fmean(row[group] for group in groups) - row["all"]) > 3, "the mean over groups is another number"
