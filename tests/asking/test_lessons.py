"""What is learnt: each item in each of its ways, nothing left out unsaid, and settings that agree with one another."""

import json
import shutil
from collections import Counter
from dataclasses import replace

import pytest

from demitasse.config import read_config
from demitasse.dataset import read, write
from demitasse.dataset.item_id import id_of
from demitasse.errors import ConfigError, DataError
from train.config import DataConfig, TrainConfig
from train.data.lessons import read_lessons


def lessons(world, **settings):
    return read_lessons(DataConfig([str(world.data)], **settings))


@pytest.fixture
def said(world, tmp_path):
    """A run in which a student wrote something to each question; `without` leaves some out."""

    def write_run(without: int = 0, text: str = "seen", finish: str = "stop"):
        file = read(world.data / "mcq.json")
        rows = [{"item_id": id_of(item, "mcq"), "response": text, "finish": finish} for item in file.items]
        (tmp_path / "predictions.jsonl").write_text("\n".join(map(json.dumps, rows[without:])))
        return str(tmp_path)

    return write_run


@pytest.mark.parametrize(
    ("mode", "ways"),
    [
        pytest.param("answer", {"answer": 4}, id="answer"),
        pytest.param("think", {"think": 4}, id="think"),
        pytest.param("evidence", {"evidence": 4}, id="evidence"),
        pytest.param("answer_from_evidence", {"answer_from_evidence": 4}, id="from_evidence"),
        pytest.param("explain_or_answer", {"answer": 4, "explain": 4}, id="explain_or_answer_is_both"),
    ],
)
def test_each_item_is_learnt_in_each_of_its_ways(world, mode, ways):
    assert Counter(one.way for one in lessons(world, tasks=["mcq"], response_mode=mode)) == ways


def test_an_item_without_reasoning_is_not_learnt_as_an_explanation(world):
    ways = Counter(one.way for one in lessons(world, response_mode="explain_or_answer"))
    assert ways == {"answer": 20, "explain": 4}


def test_items_without_evidence_are_counted_and_refused_before_anything_is_learnt(world):
    with pytest.raises(DataError, match="16 of 20 items have no evidence in their data file, the first"):
        lessons(world, response_mode="evidence")


def test_generated_evidence_must_be_there_for_every_item(world, said):
    told = {"tasks": ["mcq"], "response_mode": "answer_from_evidence", "evidence_source": "generated"}
    assert len(lessons(world, evidence_from=[said()], **told)) == 4
    with pytest.raises(DataError, match="2 of 4 items have no evidence in .*, the first"):
        lessons(world, evidence_from=[said(without=2)], **told)


def test_an_item_that_could_not_be_asked_has_no_evidence(world, said):
    told = {"tasks": ["mcq"], "response_mode": "answer_from_evidence", "evidence_source": "generated"}
    with pytest.raises(DataError, match="4 of 4 items have no evidence in"):
        lessons(world, evidence_from=[said(text="", finish="error")], **told)


def test_mixed_evidence_is_each_item_once_from_either(world, said):
    told = {"tasks": ["mcq"], "response_mode": "answer_from_evidence", "evidence_source": "mixed"}
    learnt = lessons(world, evidence_from=[said()], **told)
    assert Counter("generated_evidence" in one.item.extra for one in learnt) == {False: 4, True: 4}


def test_evidence_of_which_nothing_was_written_is_learnt_from_as_it_is_answered_from(world, said):
    told = {"tasks": ["mcq"], "response_mode": "answer_from_evidence", "evidence_source": "generated"}
    assert {one.item.extra["generated_evidence"] for one in lessons(world, evidence_from=[said(text="")], **told)} == {
        ""
    }


def test_a_lessons_key_tells_ways_and_contexts_apart(world):
    keys = [
        lessons(world, tasks=["mcq"], **more)[0].key
        for more in ({}, {"response_mode": "answer"}, {"cotasks": "12"}, {"cotasks": "1"})
    ]
    assert len(set(keys)) == 4


def test_cotasks_that_were_not_predicted_are_refused_with_their_count(world, tmp_path, cotask_item):
    row = {"item_id": "a", "response": "x", "finish": "stop", "extra": cotask_item(0, 1).extra}
    (tmp_path / "predictions.jsonl").write_text(json.dumps(row))
    with pytest.raises(DataError, match="3 CoTasks were not predicted, the first of stage 1"):
        lessons(world, tasks=["mcq"], cotasks="1", cotasks_source="predicted", cotasks_from=[str(tmp_path)])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        pytest.param({"evidence_source": "mixed", "evidence_from": ["x"]}, "needs data.response_mode", id="mode"),
        pytest.param(
            {"response_mode": "answer_from_evidence", "evidence_source": "generated"}, "need one another", id="no_run"
        ),
        pytest.param({"evidence_from": ["x"]}, "data.evidence_from", id="a_run_that_nothing_takes_evidence_from"),
        pytest.param({"cotasks_source": "shuffled"}, "data.cotasks names none", id="source_without_stages"),
        pytest.param({"cotasks": "1", "cotasks_source": "predicted"}, "need one another", id="predicted_by_nobody"),
        pytest.param({"cotasks": "1", "cotasks_from": ["x"]}, "need one another", id="a_run_for_the_truth"),
        pytest.param({"cotasks": "5"}, "name stages", id="a_stage_that_there_is_not"),
    ],
)
def test_settings_that_contradict_one_another_are_refused(world, settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        lessons(world, **settings)


def test_stages_are_digits_on_a_command_line_too(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("train: {data: {cotasks: 12}}")
    assert read_config(TrainConfig, path, [], section="train").data.cotasks == "12"
    assert read_config(TrainConfig, path, ["data.cotasks=1234"], section="train").data.cotasks == "1234"


def test_media_that_nothing_is_shown_of_need_not_be_there(world, tmp_path):
    shutil.copy(world.data / "mcq.json", tmp_path / "mcq.json")
    file = read(tmp_path / "mcq.json")
    with pytest.raises(DataError, match="not found, nor 3 other"):
        read_lessons(DataConfig([str(tmp_path)]))
    file.items = [replace(item, extra=item.extra | {"shown_frames": []}) for item in file.items]
    write(file.path, file)
    assert len(read_lessons(DataConfig([str(tmp_path)]))) == 4


def test_each_question_is_learnt_with_its_cotasks_and_without_and_the_first_task_once(world):
    bare = [one.item.question for one in lessons(world)]
    learnt = Counter(one.item.question for one in lessons(world, cotasks="1234", cotasks_or_not=True))
    first = [one.item.question for one in lessons(world, tasks=["cotask_frames"])]
    assert sum(learnt.values()) == 2 * len(bare) - len(first)
    assert all(learnt[question] >= bare.count(question) for question in bare)
    with pytest.raises(ConfigError, match="cotasks_or_not needs data.cotasks"):
        lessons(world, cotasks_or_not=True)
