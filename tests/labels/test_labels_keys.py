"""The file of keys: kinds that need classes and kinds that have none, questions, and prose that may be null."""

import pytest

from demitasse.errors import ConfigError
from demitasse.labels.keys import read_keys, whole_numbers
from demitasse.labels.question import answer_of, question_of


def write(tmp_path, text):
    path = tmp_path / "keys.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_key_is_declared_with_its_kind_question_and_whether_it_may_be_null(tmp_path):
    text = "a: {kind: boolean}\nb: {kind: prose, optional: true, question: 'What  is b?'}\n"
    assert read_keys(write(tmp_path, text)) == {
        "a": {"kind": "boolean"},
        "b": {"kind": "prose", "question": "What is b?", "optional": True},
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "a: {kind: boolean, classes: [x, y]}", "'a' is boolean, and has no classes", id="classes_of_a_boolean"
        ),
        pytest.param("a: {kind: graded}", "'a' needs its classes", id="grades_without_classes"),
        pytest.param("a: {kind: boolean, optional: true}", "optional' is for prose", id="an_optional_truth"),
        pytest.param("a: {kind: prose, optional: perhaps}", "must be true or false", id="perhaps_optional"),
        pytest.param("a: {kind: prose, question: ''}", "must be text", id="a_question_of_nothing"),
        pytest.param("a: {kind: prose, quesion: x}", "unknown field 'quesion'", id="a_misspelt_field"),
    ],
)
def test_a_file_at_fault_is_a_sentence(tmp_path, text, told):
    with pytest.raises(ConfigError, match=told):
        read_keys(write(tmp_path, text))


def test_grades_that_are_numbers_are_numbers_in_json_too():
    assert whole_numbers({"kind": "graded", "classes": ["1", "2"]})
    assert not whole_numbers({"kind": "graded", "classes": ["low", "2"]})
    assert not whole_numbers({"kind": "closed", "classes": ["1", "2"]})


def test_the_question_says_what_each_kind_of_answer_may_be():
    lines = question_of(
        {
            "a": {"kind": "multi", "classes": ["x", 'y "z"']},
            "b": {"kind": "prose", "optional": True, "question": "Why?"},
        }
    ).splitlines()
    assert lines[-2:] == [
        '- a: A list of any of "x", "y \\"z\\""; [] if none applies.',
        "- b: Why? Text, or null if there is nothing to say.",
    ]


def test_the_answer_is_json_in_the_letters_of_every_script():
    assert answer_of({"a": "größer", "b": [], "c": None}) == '{\n  "a": "größer",\n  "b": [],\n  "c": null\n}'
