"""The order: the usual permutations without a mix; with one exact shares, nothing twice too early, from any place."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from demitasse.dataset import Item
from demitasse.errors import ConfigError
from train.config import DataConfig, OptimConfig
from train.data.lessons import Lesson, read_lessons
from train.data.mixture import Order, rounding, steps_of, sum_of_floors

FILES = ["few.json", "many.json"]


def lessons(*groups: tuple[int, str, int]) -> list[Lesson]:
    """Lessons of (source, task, count)."""
    return [
        Lesson(Item(f"{task} {number}?", "A", video_id="a.mp4"), task, Path("a.mp4"), source=source)
        for source, task, count in groups
        for number in range(count)
    ]


SOME = lessons((0, "mcq", 7), (1, "mcq", 60), (1, "open_qa", 13))


def order(weights: list[float] | None = None, balance: str = "none", seed: int = 3, of: list[Lesson] = SOME) -> Order:
    return Order(of, DataConfig(files=FILES, weights=weights or [], balance=balance), seed)  # type: ignore[arg-type]


def group_of(item: int) -> tuple[int, str]:
    return SOME[item].source, SOME[item].task


def test_without_a_mix_epochs_are_permutations_that_follow_one_another():
    expected = [int(item) for epoch in range(4) for item in np.random.default_rng([3, epoch]).permutation(80)]
    assert order().items(0, 320) == expected
    assert order().epoch == 80


MIXES = [
    pytest.param(None, "none", {(0, "mcq"): 7 / 80, (1, "mcq"): 60 / 80, (1, "open_qa"): 13 / 80}, id="as_they_are"),
    pytest.param([1.0, 1.0], "none", {(0, "mcq"): 0.5}, id="files_alike"),
    pytest.param([1.0, 3.0], "none", {(0, "mcq"): 0.25}, id="files_by_weight"),
    pytest.param(
        None, "task", {(0, "mcq"): 7 / 80, (1, "mcq"): 73 / 160, (1, "open_qa"): 73 / 160}, id="tasks_of_a_file_alike"
    ),
    pytest.param(
        [1.0, 3.0], "task", {(0, "mcq"): 0.25, (1, "mcq"): 0.375, (1, "open_qa"): 0.375}, id="both_files_and_tasks"
    ),
    pytest.param([1.0, 0.001], "none", {(1, "mcq"): 0.001 / 1.001 * 60 / 73}, id="hardly_any"),
]


@pytest.mark.parametrize(("weights", "balance", "shares"), MIXES)
def test_shares_are_exact_in_the_long_run(weights, balance, shares):
    count = 40_000
    drawn = Counter(map(group_of, order(weights, balance).items(0, count)))
    for group, share in shares.items():
        assert drawn[group] == pytest.approx(count * share, abs=60 if "none" in balance else 8)


@pytest.mark.parametrize(("weights", "balance"), [([1.0, 3.0], "none"), ([1.0, 3.0], "task"), (None, "task")])
def test_any_stretch_has_nearly_its_share(weights, balance):
    mix = order(weights, balance)
    drawn = mix.items(0, 20_000)
    for indices, share in mix.shares():
        stream = set(indices)
        counts = np.cumsum([0, *(item in stream for item in drawn)])
        for length in (16, 100, 1000):
            stretches = counts[length:] - counts[:-length]
            assert np.abs(stretches - length * share).max() < 5, "a lottery would miss by the root of the length"


@pytest.mark.parametrize(("weights", "balance"), [([1.0, 3.0], "none"), ([2.0, 1.0], "task"), (None, "task")])
def test_no_item_of_a_stream_comes_again_before_all_others_came(weights, balance):
    mix = order(weights, balance)
    drawn = mix.items(0, 5000)
    for indices, _ in mix.shares():
        own = [item for item in drawn if item in set(indices)]
        rounds = [own[first : first + len(indices)] for first in range(0, len(own), len(indices))]
        assert all(sorted(one) == sorted(indices) for one in rounds[:-1])
        assert len(set(rounds[-1])) == len(rounds[-1])
        assert len(rounds) < 3 or any(one != two for one, two in pairwise(rounds[:-1])), (
            "epochs have orders of their own"
        )


@pytest.mark.parametrize(("weights", "balance", "_shares"), MIXES)
def test_the_order_is_a_pure_function_of_seed_and_place(weights, balance, _shares):
    whole = order(weights, balance).items(0, 600)
    for first, count in ((0, 1), (79, 2), (317, 64), (599, 1)):
        assert order(weights, balance).items(first, count) == whole[first : first + count]
    mixed = order(weights, balance)
    assert [mixed.items(place, 1) for place in (500, 3, 81)] == [[whole[500]], [whole[3]], [whole[81]]]
    assert order(weights, balance, seed=4).items(0, 600) != whole


def test_a_place_far_away_costs_no_counting_up_to_it():
    far = order([1.0, 3.0], "task").items(10**15, 400)
    assert Counter(map(group_of, far))[(0, "mcq")] == pytest.approx(100, abs=4)


def test_the_sum_of_floors_is_the_sum_of_floors():
    random = np.random.default_rng(0)
    for _ in range(300):
        count, modulus, slope, start = (
            int(random.integers(*bounds)) for bounds in ((0, 60), (1, 50), (0, 200), (-99, 99))
        )
        assert sum_of_floors(count, modulus, slope, start) == sum((slope * i + start) // modulus for i in range(count))


def test_weights_that_fit_no_files_are_refused():
    with pytest.raises(ConfigError, match="1 numbers for 2 data.files"):
        order([1.0])


def test_a_weight_for_a_file_of_which_nothing_is_learnt_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"few\.json 2, and no item of it"):
        order([2.0, 1.0], of=lessons((1, "mcq", 3)))


def test_lessons_know_the_file_that_they_came_from(data_folder):
    files = [str(data_folder / "mcq.json"), str(data_folder / "open_qa.json")]
    found = read_lessons(DataConfig(files=files, response_mode="explain_or_answer"))
    assert {(lesson.task, lesson.source) for lesson in found} == {("mcq", 0), ("open_qa", 1)}


@pytest.mark.parametrize(
    ("places", "batch", "steps", "epochs", "expected"),
    [
        pytest.param(100, 8, 5, 9.0, 5, id="steps_go_before_epochs"),
        pytest.param(100, 8, 0, 2.0, 25, id="epochs"),
        pytest.param(3, 8, 0, 1.0, 1, id="at_least_one"),
    ],
)
def test_steps(places, batch, steps, epochs, expected):
    assert steps_of(places, batch, steps, epochs) == expected


@pytest.mark.parametrize(
    ("epochs", "steps", "said"),
    [
        pytest.param(2.0, 0, "", id="whole_steps"),
        pytest.param(
            1.0, 0, "optim.epochs=1 of 12 items is 10 in whole steps of 5: the last 2 are not learnt", id="less"
        ),
        pytest.param(1.2, 0, "optim.epochs=1.2 of 12 items is 15 in whole steps of 5: 0.6 come once more", id="more"),
        pytest.param(1.0, 7, "", id="steps_are_what_was_asked_for"),
    ],
)
def test_epochs_that_are_no_whole_number_of_steps_are_told(epochs, steps, said):
    size = 4 if not said and not steps else 5
    assert rounding(12, OptimConfig(epochs=epochs, steps=steps, batch_size=size)).startswith(said)
    assert bool(rounding(12, OptimConfig(epochs=epochs, steps=steps, batch_size=size))) == bool(said)
