"""`demitasse data stats --profile espresso`: the paper's statistics of what a dataset holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, write
from demitasse.dataset.evidence import CoreFrame, Evidence, Mention, with_evidence_fields
from demitasse.errors import DataError
from demitasse.interchange.espresso_profile import MEASURES, profile


def choice(right: str, *wrong: str, task: str = "Cooking Steps") -> Item:
    lines = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCD", (*wrong, right), strict=False))
    question = f"Which of them?\n{lines}\nAnswer with a single letter."
    return Item(question, "ABCD"[len(wrong)], video_id="a.mp4", extra={"sub_task": task})


def seen(*frames: CoreFrame, names: tuple[str, ...] = (), task: str = "Causal Inference") -> Item:
    mentions = tuple(Mention(name, 2 * place, 2 * place + 1) for place, name in enumerate(names))
    item = Item("Why is it so?", "It is.", video_id="a.mp4", extra={"sub_task": task})
    return with_evidence_fields(item, Evidence("a b c d", mentions) if names else None, frames)


def of(*items: Item, task: str = "open_qa") -> dict[str, Any]:
    return profile([TaskFile(list(items), task, path=Path("x.json"))])


def test_gaps_are_those_of_neighbours_in_seconds_and_in_frames() -> None:
    found = of(seen(CoreFrame(1.0, 30), CoreFrame(2.5, 75), CoreFrame(6.0, 180)))["overall"]
    assert (found["seconds_apart"]["n"], found["seconds_apart"]["mean"]) == (2, 2.5)
    assert (found["frames_apart"]["min"], found["frames_apart"]["max"]) == (45, 105)


def test_a_time_in_the_names_of_both_frames_tells_their_distance() -> None:
    names = [f"s/1_keyframe_0-0-{second}-500.jpg" for second in (2, 9)]
    found = of(seen(*(CoreFrame(path=name) for name in names)))["overall"]
    assert found["seconds_apart"]["mean"] == 7


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param((), id="no_core_frame"),
        pytest.param((CoreFrame(1.0, 30),), id="only_one"),
        pytest.param((CoreFrame(1.0), CoreFrame(path="a/x.jpg")), id="one_that_tells_nothing"),
    ],
)
def test_what_an_item_does_not_tell_is_not_guessed_and_not_counted(frames: tuple[CoreFrame, ...]) -> None:
    found = of(seen(*frames), seen(CoreFrame(0.0), CoreFrame(4.0)))["overall"]
    assert (found["items"], found["seconds_apart"]["items"], found["seconds_apart"]["mean"]) == (2, 1, 4)


def test_key_items_are_counted_once_each_and_none_is_nought_only_where_there_is_evidence() -> None:
    found = of(seen(names=("a", "b", "a")), seen())["overall"]["key_items"]
    assert (found["items"], found["mean"]) == (1, 2)


def test_the_right_option_is_compared_with_the_longest_wrong_one() -> None:
    items = [choice("one two three", "one", "one two"), choice("one", "one two three"), choice("a b", "c d")]
    found = of(*items, task="mcq")["overall"]
    assert [found["words_over_longest"][name] for name in ("min", "median", "max")] == [-2, 0, 1]
    assert found["right_is_longest"] == {"count": 1, "of": 3}
    assert found["question_words"]["max"] == 3 and found["answer_words"]["max"] == 3


def test_an_open_question_has_no_wrong_option() -> None:
    found = of(seen())["overall"]
    assert found["words_over_longest"]["n"] == 0 and "mean" not in found["words_over_longest"]
    assert found["answer_words"]["mean"] == 2


def test_tasks_stand_in_the_papers_order_and_others_after_them() -> None:
    names = ["Mine", "Traffic Analysis", "Causal Inference", ""]
    found = of(*(seen(task=name) for name in names))
    assert list(found["tasks"]) == ["Causal Inference", "Traffic Analysis", "", "Mine"]


def test_every_value_is_in_one_bin_and_the_tasks_add_up_to_the_whole() -> None:
    items = [seen(*(CoreFrame(float(second * gap)) for second in range(4)), task=f"t{gap % 2}") for gap in range(120)]
    found = of(*items)
    for name in MEASURES:
        whole = found["overall"][name]
        assert sum(whole["histogram"]["counts"]) == whole["n"]
        assert len(whole["histogram"]["counts"]) == len(whole["histogram"]["edges"]) + 1
        assert whole["n"] == sum(task[name]["n"] for task in found["tasks"].values())


def test_a_value_on_an_edge_is_in_the_bin_above_it() -> None:
    histogram = of(seen(CoreFrame(0.0), CoreFrame(0.5)))["overall"]["seconds_apart"]["histogram"]
    assert histogram["edges"][0] == 0.5 and histogram["counts"][:2] == [0, 1]


def test_evidence_that_is_malformed_is_named_by_its_item() -> None:
    with pytest.raises(DataError, match=r"x\.json: items\[1\]\.evidence"):
        of(seen(), Item("Q", "A", video_id="v", extra={"evidence": 1}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    items = [seen(CoreFrame(1.0, 30), CoreFrame(2.5, 75), names=("a",)), seen(task="")]
    write(tmp_path / "open_qa.json", TaskFile(items, "open_qa"))
    write(tmp_path / "mcq.json", TaskFile([choice("one two", "one")], "mcq"))
    return tmp_path


def test_the_command_prints_a_table_by_task_and_histograms(folder: Path, capsys: Any) -> None:
    assert main(["data", "stats", "--profile", "espresso", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "Causal Inference" in printed and "(no sub_task)" in printed and "overall" in printed
    assert "the longest of all in 1 of 1 (100.0%)" in printed
    assert "seconds between core frames: 1 of 1 items, mean 1.5" in printed and "█" in printed


def test_the_command_prints_the_same_as_json(folder: Path, capsys: Any) -> None:
    assert main(["data", "stats", "--profile", "espresso", "--json", str(folder)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["overall"]["items"] == 3 and printed["tasks"]["Cooking Steps"]["words_over_longest"]["mean"] == 1
