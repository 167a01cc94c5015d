"""A pilot: `data.sample` draws some of the inputs, and the run over all of them buys nothing of it again."""

from __future__ import annotations

from collections import Counter

import pytest

from annotate.run.inputs import Inputs
from demitasse.engine.step import Record

NAMES = [f"cam{camera}/{number:03d}.mp4" for camera in range(4) for number in range(50)]


def drawn(count: int | None, names: list[str] = NAMES) -> list[str]:
    inputs = Inputs([Record(name, {}) for name in names])
    inputs.sample(count, "video")
    return [record.id for record in inputs.records]


def test_a_sample_is_the_same_every_time_whatever_the_order_of_the_inputs():
    assert set(drawn(8)) == set(drawn(8, NAMES[::-1]))
    assert len(drawn(8)) == 8


def test_a_sample_stands_in_the_order_of_the_inputs():
    assert drawn(20) == sorted(drawn(20))


@pytest.mark.parametrize("count", [1, 5, 10, 60])
def test_a_larger_sample_holds_a_smaller_one(count):
    assert set(drawn(count)) < set(drawn(count + 1))


def test_a_sample_of_a_growing_folder_changes_by_new_files_alone():
    before, after = set(drawn(10)), set(drawn(10, [*NAMES, *(f"cam9/{number}.mp4" for number in range(50))]))
    assert all(name.startswith("cam9/") for name in after - before)


def test_a_sample_comes_from_all_over_the_folder_and_not_from_its_first_files():
    of_each = Counter(name.split("/")[0] for name in drawn(40))
    assert len(of_each) == 4 and max(of_each.values()) < 20


@pytest.mark.parametrize(
    "count",
    [pytest.param(None, id="not_set"), pytest.param(200, id="as_many"), pytest.param(900, id="more_than_there_are")],
)
def test_all_are_kept_where_there_is_nothing_to_draw_and_nothing_is_said_of_it(count):
    inputs = Inputs([Record(name, {}) for name in NAMES])
    inputs.sample(count, "video")
    assert len(inputs.records) == 200 and inputs.notes == []


def test_the_person_is_told_how_many_of_how_many():
    inputs = Inputs([Record(name, {}) for name in NAMES])
    inputs.sample(8, "image")
    assert inputs.notes == ["data.sample: 8 of 200 images"]


def test_what_was_left_out_stays_counted_beside_a_sample():
    inputs = Inputs([Record(name, {}) for name in NAMES], left_out=[("notes.mp4", "no such file")])
    inputs.sample(1, "video")
    assert inputs.left_out == [("notes.mp4", "no such file")]
