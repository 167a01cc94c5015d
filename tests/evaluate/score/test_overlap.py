"""BLEU, ROUGE-L and BERTScore are optional: where they are not, nothing is claimed."""

import importlib.util
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demitasse.errors import ConfigError
from evaluate.comparing.text_overlap import overlap_line, text_overlap
from evaluate.records import Asked, Scored, State
from evaluate.score import overlap
from evaluate.score.overlap import BertScore, bleu, common_length, installed, rouge_l

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


TEXTS = st.lists(st.sampled_from(["cars", "car", "stopping", "stops", "the", "a", "-", ",", "é", "x1"]), max_size=40)


@needs["rouge_l"]
@settings(deadline=None)  # the first draws import the library
@given(TEXTS, TEXTS)
def test_rouge_is_the_librarys_to_the_last_bit(answer, reference):
    from rouge_score.rouge_scorer import RougeScorer

    answer, reference = " ".join(answer), " ".join(reference)
    theirs = RougeScorer(["rougeL"], use_stemmer=True).score(reference, answer)["rougeL"].fmeasure
    assert rouge_l([answer], [reference]) == [theirs]


@needs["rouge_l"]
def test_rouge_of_thousands_of_words_takes_no_seconds():
    """The library's table of 16 million pairs takes some ten."""
    draw = random.Random(0)
    answer, reference = (" ".join(f"w{draw.randrange(900)}" for _ in range(4000)) for _ in range(2))
    began = time.process_time()
    assert 0 < rouge_l([answer], [reference])[0] < 0.2
    assert time.process_time() - began < 3


WORDS = st.lists(st.sampled_from("abcde"), max_size=150)


@given(WORDS, WORDS)
def test_the_common_length_is_the_plain_tables(first, second):
    row = [0] * (len(first) + 1)
    for word in second:
        above = row
        row = [0]
        for place, other in enumerate(first):
            row.append(above[place] + 1 if word == other else max(above[place + 1], row[place]))
    assert common_length(first, second) == row[-1]


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
