"""BLEU, ROUGE-L and BERTScore are optional: where they are not, nothing is claimed."""

import importlib.util

import pytest

from demitasse.errors import ConfigError
from evaluate.comparing.text_overlap import overlap_line, text_overlap
from evaluate.records import Asked, Scored, State
from evaluate.score import overlap
from evaluate.score.overlap import BertScore, bleu, installed, rouge_l

needs = {
    name: pytest.mark.skipif(not importlib.util.find_spec(library), reason=f"{library} is not installed")
    for name, library in overlap.NAMES.items()
}


def row(answer, reference, metric="judge"):
    asked = Asked("i", "open_qa", "v", "?", reference)
    return Scored(asked, metric, State.SCORED, 1.0, value=answer, gold=reference)


def test_only_what_is_installed_is_named(monkeypatch):
    monkeypatch.setattr(overlap, "find_spec", lambda name: name == "sacrebleu")
    assert installed() == ("bleu",)


def test_without_the_libraries_nothing_is_told(monkeypatch):
    monkeypatch.setattr(overlap, "find_spec", lambda name: None)
    assert text_overlap([row("a", "a")]) == {}


def test_other_metrics_have_no_overlap():
    assert text_overlap([row("A", "A", "mcq")]) == {}


def test_the_line_names_what_there_is():
    assert overlap_line({"n": 1, "bleu": 12.34}) == "BLEU 12.3"
    assert overlap_line({"n": 1, "rouge_l": {"value": 0.5}}) == "ROUGE-L 0.500"


@needs["bleu"]
def test_the_very_words_have_bleu_100_and_strange_ones_0():
    assert bleu(["a red car stops here"], ["a red car stops here"]) == pytest.approx(100)
    assert bleu(["xyz"], ["a red car stops here"]) == 0


@needs["rouge_l"]
def test_rouge_is_of_each_answer():
    assert rouge_l(["a red car stops", ""], ["a red car stops", "x"]) == [1.0, 0.0]


def test_answers_and_references_are_as_many(monkeypatch):
    pytest.importorskip("sacrebleu")
    with pytest.raises(ValueError, match="2 answers and 1 references"):
        bleu(["a", "b"], ["a"])


def test_without_bert_score_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(overlap, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[text\]' in the checkout"):
        BertScore(tmp_path)


def test_a_folder_that_is_not_there_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(overlap, "find_spec", lambda name: True)
    with pytest.raises(ConfigError, match="is no folder"):
        BertScore(tmp_path / "nowhere")


@pytest.mark.slow  # for torch is loaded
def test_a_folder_that_is_named_like_no_model_is_a_sentence(tmp_path):
    pytest.importorskip("bert_score")
    with pytest.raises(ConfigError, match=r"is no model .* such as roberta-large"):
        BertScore(tmp_path)
