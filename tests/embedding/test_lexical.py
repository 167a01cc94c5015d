"""The lexical embedder: the same everywhere, near where words and letters are shared, and nothing besides."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from demitasse.embedding.lexical import DIMENSIONS, LexicalEmbedder

RED_RIGHT = "A red circle moves right across a grey room."


def cosine(one: str, other: str, dimensions: int = DIMENSIONS) -> float:
    first, second = LexicalEmbedder(dimensions).embed([one, other])
    return float(first @ second)


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param([RED_RIGHT, "Two men talk."], id="sentences"),
        pytest.param(["", " ", "!?", "\n"], id="texts_without_a_word"),
        pytest.param(["ein Würfel fällt", "一只猫", "кошка", "🐈"], id="other_scripts"),
        pytest.param(["word " * 5000], id="a_very_long_text"),
        pytest.param(["\ud800 half a pair"], id="half_a_surrogate_pair"),
    ],
)
def test_every_text_has_a_row_of_length_one(texts):
    rows = LexicalEmbedder().embed(texts)
    assert rows.shape == (len(texts), DIMENSIONS) and rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)


def test_no_text_makes_no_row():
    assert LexicalEmbedder().embed([]).shape == (0, DIMENSIONS)


@pytest.mark.parametrize("dimensions", [16, 64, 4096])
def test_the_dimensions_are_those_asked_for_and_part_of_the_name(dimensions):
    embedder = LexicalEmbedder(dimensions)
    assert embedder.embed([RED_RIGHT]).shape == (1, dimensions)
    assert embedder.name == f"lexical-1:{dimensions}"


def test_a_row_depends_on_its_text_alone():
    alone = LexicalEmbedder().embed([RED_RIGHT])[0]
    among = LexicalEmbedder().embed(["another text", RED_RIGHT, "a third"])[1]
    np.testing.assert_array_equal(alone, among)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(RED_RIGHT.upper(), id="case"),
        pytest.param("A red circle   moves right, across a grey room", id="punctuation_and_spaces"),
        pytest.param(RED_RIGHT.replace("red", "ｒｅｄ"), id="full_width_letters"),
    ],
)
def test_what_is_written_differently_and_says_the_same_is_equal(other):
    assert cosine(RED_RIGHT, other) == pytest.approx(1, abs=1e-5)


def test_the_more_words_are_shared_the_nearer_two_texts_are():
    others = [
        "A red circle moves right across the grey room.",
        "A red circle moves left across a grey room.",
        "A red square stands in a room.",
        "Two men talk in a kitchen.",
    ]
    nearness = [cosine(RED_RIGHT, other) for other in others]
    assert nearness == sorted(nearness, reverse=True)
    assert nearness[0] > 0.9 > nearness[1]  # the default threshold of redundancy: "left" for "right" says something new
    assert abs(nearness[-1]) < 0.1


def test_forms_of_a_word_are_nearer_than_other_words():
    assert cosine("the man jumps", "the man jumping") > cosine("the man jumps", "the man sleeps") + 0.1


def test_words_of_grammar_alone_make_no_texts_alike():
    assert cosine("it is in the kitchen of the house", "it is on the wall of the garden") < 0.4


def test_order_counts_a_little():
    swapped = cosine("the dog bites the man", "the man bites the dog")
    assert 0.7 < swapped < 0.99


def test_texts_without_a_word_are_alike_and_like_nothing_else():
    assert cosine("", "!?") == pytest.approx(1)
    assert abs(cosine("", RED_RIGHT)) < 0.1


def test_rows_are_the_same_in_another_process_with_other_hash_seeds():
    told = "import hashlib; from demitasse.embedding.lexical import LexicalEmbedder as E; "
    told += f"print(hashlib.sha256(E().embed(['{RED_RIGHT}']).tobytes()).hexdigest())"
    command = [sys.executable, "-c", told]
    said = [subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True) for seed in "12"]
    mine = hashlib.sha256(LexicalEmbedder().embed([RED_RIGHT]).tobytes()).hexdigest()
    assert {one.stdout.strip() for one in said} == {mine}


def test_threads_may_share_one():
    embedder, texts = LexicalEmbedder(), [f"caption number {number} of a video" for number in range(40)]
    with ThreadPoolExecutor(4) as threads:
        rows = list(threads.map(lambda text: embedder.embed([text])[0], texts))
    np.testing.assert_array_equal(np.stack(rows), embedder.embed(texts))
