"""Held-out items that answer several keys in one reply: training is told of every kind of key, and chooses by all."""

import json

import pytest

from demitasse.dataset import Item, TaskFile, write
from demitasse.errors import DataError
from evaluate.asking.in_training import HeldOut, figures_in, figures_of, questions
from evaluate.comparing.arm import load_arm
from evaluate.metric import KIND
from evaluate.records import Prediction, write_rows

KEYS = {
    "weather": {"kind": "closed", "classes": ["Clear", "Rain"]},
    "violation": {"kind": "boolean"},
    "difficulty": {"kind": "graded", "classes": ["1", "2"]},
    "signs": {"kind": "prose"},
}
TRUTH = {"weather": "Rain", "violation": False, "difficulty": 2, "signs": "A stop sign."}


def labelled(tmp_path, **changes):
    """A file of one labelled clip."""
    extra = {KIND: {"kind": "object", "keys": KEYS}}
    item = Item("Label it.", json.dumps(TRUTH | changes), "a.mp4", extra=extra)
    write(tmp_path / "labels.json", TaskFile([item], task="labels", license="x"))
    return HeldOut([str(tmp_path / "labels.json")])


def test_the_figures_are_those_of_the_keys_kinds(tmp_path):
    files = questions(labelled(tmp_path))
    assert figures_in(files) == ["score", "closed_accuracy", "graded_accuracy", "parse_rate"]


def test_a_label_that_cannot_be_scored_is_told_before_anything_is_asked(tmp_path):
    with pytest.raises(DataError, match="'Snow' is none of the classes"):
        questions(labelled(tmp_path, weather="Snow"))


def test_keys_of_one_kind_count_together_and_kinds_alike(tmp_path):
    [file] = questions(labelled(tmp_path))
    from evaluate.asking.in_training import _asked

    asked = _asked(file, file.items[0])
    write_rows(tmp_path / "items.jsonl", [asked.to_json()])
    said = json.dumps(TRUTH | {"weather": "Clear", "difficulty": 1})
    write_rows(tmp_path / "predictions.jsonl", [Prediction(asked, said, "stop").to_json()])
    figures = figures_of(list(load_arm(tmp_path).scores().values()))
    assert (figures["closed_accuracy"], figures["graded_accuracy"], figures["score"]) == (0.5, 0.0, 0.25)
    assert (figures["parse_rate"], figures["items"]) == (1.0, 4)
