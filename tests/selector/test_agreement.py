"""How chosen frames are held against core frames."""

from itertools import permutations

import numpy as np
import pytest

from demitasse.dataset import Item, TaskFile
from demitasse.dataset.evidence import CoreFrame, with_evidence_fields
from demitasse.dataset.item_id import id_of
from demitasse.errors import DataError
from demitasse.selector.agreement import meetings, score_run, score_table
from demitasse.selector.choosing import Choice
from demitasse.selector.selections import SELECTIONS, Selection


@pytest.mark.parametrize(
    ("chosen", "core", "met"),
    [
        pytest.param([1.0], [2.0], 1, id="a_second_off_still_meets"),
        pytest.param([0.9], [2.0], 0, id="more_than_a_second_off_does_not"),
        pytest.param([1.0, 2.0, 3.0], [2.0], 1, id="many_frames_around_one_moment_are_one"),
        pytest.param([2.0], [1.0, 3.0], 1, id="one_frame_does_not_stand_for_two_moments"),
        pytest.param([2.5, 0.5], [1.5, 0.5], 2, id="order_does_not_matter"),
        pytest.param([], [1.0], 0, id="nothing_chosen"),
        pytest.param([0.1 + 0.2], [1.3], 1, id="a_float_s_last_digit_does_not_decide"),
    ],
)
def test_meetings_within_a_second(chosen, core, met):
    assert meetings(chosen, core, 1.0) == met


@pytest.mark.parametrize("seed", range(40))
def test_no_other_pairing_meets_more_often(seed):
    chance = np.random.default_rng(seed)
    chosen, core = (chance.integers(0, 8, chance.integers(1, 5)).tolist() for _ in range(2))
    few, many = sorted((chosen, core), key=len)
    best = max(sum(abs(a - b) <= 1 for a, b in zip(few, order, strict=False)) for order in permutations(many))
    assert meetings(chosen, core, 1.0) == best


def test_with_no_tolerance_only_the_very_frame_meets():
    assert meetings([0.5, 2.5], [0.5, 1.5], 0.0) == 1


def dataset(*cores):
    return TaskFile(
        [
            with_evidence_fields(Item(f"q{place}", "a", "v.mp4"), None, [CoreFrame(time) for time in core])
            for place, core in enumerate(cores)
        ],
        "mcq",
    )


def save(folder, file, *chosen):
    rows = [
        Selection(id_of(item, "mcq"), "mcq", "v.mp4", 16, tuple(times), Choice(tuple(range(len(times)))))
        for item, times in zip(file.items, chosen, strict=False)
    ]
    import orjson

    folder.mkdir()
    (folder / SELECTIONS).write_bytes(b"".join(orjson.dumps(row.to_json()) + b"\n" for row in rows))
    return folder


def test_precision_recall_and_f1_count_frames_of_all_items(tmp_path):
    file = dataset([0.5, 1.5], [9.5])
    run = save(tmp_path / "run", file, [0.5, 5.5, 7.5], [9.5])
    score = score_run(run, [file], 0.5)
    assert (score.precision, score.recall, score.kept) == (2 / 4, 2 / 3, 2.0)
    assert score.f1 == pytest.approx(2 * 0.5 * (2 / 3) / (0.5 + 2 / 3))
    assert "0.50  0.67  0.57" in score_table({"run": score}, 0.5)


def test_an_item_without_a_selection_is_counted_as_missing_and_one_without_core_frames_is_none(tmp_path):
    file = dataset([0.5], [9.5], [])
    score = score_run(save(tmp_path / "run", file, [0.5]), [file], 1.0)
    assert (score.items, score.missing, score.recall) == (1, 1, 1.0)


def test_what_cannot_be_compared_is_said(tmp_path):
    run = save(tmp_path / "run", dataset([0.5]), [0.5])
    with pytest.raises(DataError, match="no item has core frames"):
        score_run(run, [dataset([])], 1.0)
    with pytest.raises(DataError, match="no selection of these items"):
        score_run(run, [TaskFile(dataset([0.5]).items, "bcq")], 1.0)
    with pytest.raises(DataError, match="select frames"):
        score_run(tmp_path / "none", [dataset([0.5])], 1.0)
