"""`demitasse data validate` and the page for decisions know what an answer of several keys must be."""

import json

import pytest

from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, validate, write
from demitasse.labels import ANSWER_KIND
from demitasse.labels.check import label_faults
from demitasse.view.faults import change_faults

KEYS = {"weather": {"kind": "closed", "classes": ["Clear", "Rain"]}, "signs": {"kind": "prose"}}


def item(answer, keys=KEYS):
    return Item("Label it.", answer, "a.mp4", extra={ANSWER_KIND: {"kind": "object", "keys": keys}})


def faults(answer, keys=KEYS):
    return list(label_faults({"answer": answer, ANSWER_KIND: {"kind": "object", "keys": keys}}))


def test_a_mended_label_has_no_fault_and_a_key_may_be_missing():
    assert not faults('{"weather": "Rain", "signs": "A stop sign."}')
    assert not faults('{"signs": "A stop sign."}')


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param("It rains.", "is no JSON object with any of its keys (weather, signs)", id="prose"),
        pytest.param("[" * 5000, "is no JSON object with any of its keys (weather, signs)", id="nested_too_deep"),
        pytest.param('{"mood": 1}', "is no JSON object with any of its keys (weather, signs)", id="other_keys"),
        pytest.param('{"weather": "Fog"}', 'is odd: weather: unknown class, "Fog" left out', id="an_unknown_class"),
        pytest.param(
            '{"weather": "rain"}', 'is odd: weather: spelling of a class, "rain" became "Rain"', id="a_spelling"
        ),
        pytest.param('{"weather": "Rain", "mood": 1}', "has the key 'mood', which nobody asks for", id="an_extra_key"),
    ],
)
def test_a_label_that_lint_would_change_is_a_fault(answer, told):
    assert faults(answer) == [("answer", told)]


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({}, id="none"),
        pytest.param([], id="a_list"),
        pytest.param({"weather": "closed"}, id="a_text"),
        pytest.param({"weather": {"kind": "closed"}}, id="no_classes"),
        pytest.param({"weather": {"kind": "odd"}}, id="an_odd_kind"),
    ],
)
def test_keys_that_declare_nothing_are_a_fault(keys):
    [(field, told)] = faults("{}", keys)
    assert field == ANSWER_KIND
    assert "do not each have a kind" in told


def test_validate_names_the_file_the_item_and_what_is_odd(tmp_path, capsys):
    (tmp_path / "a.mp4").write_bytes(b"x")
    write(tmp_path / "labels.json", TaskFile([item('{"weather": "Fog"}')], task="labels", license="x"))
    assert [str(problem) for problem in validate(tmp_path)] == [
        f'{tmp_path / "labels.json"}: items[0].answer is odd: weather: unknown class, "Fog" left out'
    ]
    assert main(["data", "validate", str(tmp_path)]) == 2


def test_a_person_cannot_correct_a_label_into_none():
    found = list(change_faults("labels", item(json.dumps({"weather": "Rain"})), {"answer": '{"weather": "Hail"}'}))
    assert found == [("answer", 'is odd: weather: unknown class, "Hail" left out')]
