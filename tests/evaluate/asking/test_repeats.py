"""The spread between repeats, from hand-made runs."""

import json

import pytest

from evaluate.asking.repeats import REPEATS, folder_of, repeats_table, write_repeats
from evaluate.records import Asked, Prediction, write_rows

QUESTION = "Which?\nA. one\nB. two\nC. three"


def write_run(out, repeat: int, said: list[str]) -> None:
    folder = folder_of(out, repeat)
    folder.mkdir(parents=True)
    asked = [Asked(f"i{place}", "mcq", f"v{place // 2}", QUESTION, "A") for place in range(len(said))]
    write_rows(folder / "items.jsonl", [one.to_json() for one in asked])
    rows = [Prediction(one, reply, "stop") for one, reply in zip(asked, said, strict=True)]
    write_rows(folder / "predictions.jsonl", [row.to_json() for row in rows])


def test_means_spread_and_sameness_are_as_a_hand_works_them_out(tmp_path):
    write_run(tmp_path, 1, ["A", "B", "A", "what?"])
    write_run(tmp_path, 2, ["A", "A. one", "B", "what?"])
    write_run(tmp_path, 3, ["The answer is A", "A", "C", "who?"])
    found = write_repeats(tmp_path, 3)["tasks"]["mcq"]
    assert found["means"] == [0.5, 0.5, 0.5]
    assert (found["mean"], found["sd"], found["items"]) == (0.5, 0.0, 4)
    assert found["same_in_all"]["mean"] == 0.25, "the first item alone, however it is worded"
    assert found["same_in_pairs"]["mean"] == pytest.approx((1 + 1 / 3 + 0 + 1 / 3) / 4)


def test_the_spread_is_the_samples_standard_deviation(tmp_path):
    write_run(tmp_path, 1, ["A", "A", "A", "A"])
    write_run(tmp_path, 2, ["B", "B", "A", "A"])
    found = write_repeats(tmp_path, 2)
    assert found["tasks"]["mcq"]["sd"] == pytest.approx(0.5 / 2**0.5)
    assert json.loads((tmp_path / REPEATS).read_text())["tasks"]["mcq"]["means"] == [1.0, 0.5]
    [line] = [line for line in repeats_table(found).splitlines() if "mcq" in line]
    assert "75.0" in line and "35.4" in line and "50.0%" in line


def test_answers_that_never_differed_leave_room_for_those_that_might(tmp_path):
    for repeat in (1, 2):
        write_run(tmp_path, repeat, ["A", "B", "A", "what?", "C", "C"])
    same = write_repeats(tmp_path, 2)["tasks"]["mcq"]["same_in_all"]
    assert same["mean"] == 1.0
    low, high = same["ci95"]
    assert 0 < low < 0.9 and high == 1.0, "of three videos"
