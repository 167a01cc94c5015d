import random
from pathlib import Path

import pytest

from annotate.quality.config import Duplicates
from annotate.quality.duplicates import judge_duplicates
from annotate.quality.entry import read_entries
from annotate.quality.similar import Texts
from demitasse.dataset import Item, TaskFile


def _words(*items, task="open_qa", config=None):
    entries = read_entries(
        [
            TaskFile(
                [Item(q, a, v, item_index=str(n)) for n, (q, a, v) in enumerate(items)],
                task=task,
                path=Path("data") / f"{task}.json",
            )
        ]
    )
    return [verdict.word for verdict in judge_duplicates(entries, config or Duplicates()).values()]


PAIRS = [
    pytest.param("Why does the red car stop?", "Why does the red car stop ?", True, id="punctuation"),
    pytest.param("Why does the red car stop?", "WHY does the red car stop?", True, id="case"),
    pytest.param(
        "Why does the red car stop at the junction?", "Why do red cars stop at the junction?", True, id="inflection"
    ),
    pytest.param(
        "Why does the red car stop at the junction?",
        "Can you tell why the red car stops at the junction?",
        True,
        id="small_words",
    ),
    pytest.param(
        "Which way does the long red lorry turn?", "Which way does the long blue lorry turn?", False, id="colour"
    ),
    pytest.param(
        "What happens on the left side of the road?", "What happens on the right side of the road?", False, id="side"
    ),
    pytest.param("What happens between 00:03 and 00:05?", "What happens between 00:03 and 00:06?", False, id="a_time"),
    pytest.param(
        "Why does the worker touch the belt?", "Why does the worker not touch the belt?", False, id="a_denial"
    ),
    pytest.param("Why does the red car stop?", "What is the weather like?", False, id="another_question"),
]


@pytest.mark.parametrize(("first", "second", "is_one"), PAIRS)
def test_two_questions_about_a_video_are_one_when_no_word_is_exchanged(first, second, is_one):
    words = _words((first, "It is red.", "a.mp4"), (second, "The light is red.", "a.mp4"))
    assert words == ["keep", "drop" if is_one else "keep"]


def test_the_first_in_the_order_of_the_file_stays_and_the_reason_names_it():
    items = [Item("Why does it stop?", "It is red.", "a.mp4", item_index=name) for name in ("first", "second")]
    entries = read_entries([TaskFile(items, task="open_qa", path=Path("data/open_qa.json"))])
    verdicts = judge_duplicates(entries, Duplicates())
    assert verdicts[entries[0].id].word == "keep"
    assert verdicts[entries[1].id].scores == {"duplicate_of": "open_qa.json: first"}


def test_the_same_question_of_another_video_or_another_task_is_no_duplicate():
    assert _words(("Why does it stop?", "x", "a.mp4"), ("Why does it stop?", "x", "b.mp4")) == ["keep", "keep"]
    files = [
        TaskFile([Item("Why does it stop?", "x", "a.mp4")], task=task, path=Path("data") / f"{task}.json")
        for task in ("open_qa", "causal_linkage")
    ]
    assert {v.word for v in judge_duplicates(read_entries(files), Duplicates()).values()} == {"keep"}


CLOSED = [
    pytest.param("bcq", "Yes", "Yes", "drop", id="the_same_verdict"),
    pytest.param("bcq", "Yes", "No", "unknown", id="another_verdict_to_the_same_question_is_a_contradiction"),
    pytest.param(
        "temporal_localization",
        '{"start": "00:02", "end": "00:06"}',
        '{"start": "00:02", "end": "00:05"}',
        "drop",
        id="spans_that_overlap",
    ),
    pytest.param(
        "temporal_localization",
        '{"start": "00:02", "end": "00:03"}',
        '{"start": "00:07", "end": "00:09"}',
        "unknown",
        id="spans_apart",
    ),
]


@pytest.mark.parametrize(("task", "first", "second", "word"), CLOSED)
def test_closed_answers_must_agree(task, first, second, word):
    question = "Does the car stop?" if task == "bcq" else "When does the car stop?"
    assert _words((question, first, "a.mp4"), (question, second, "a.mp4"), task=task) == ["keep", word]


def test_the_same_stem_with_other_options_and_another_answer_is_another_question():
    first = "What comes next?\nA. a car\nB. a van"
    second = "What comes next?\nA. a bus\nB. a tram"
    assert _words((first, "A", "a.mp4"), (second, "B", "a.mp4"), task="mcq") == ["keep", "keep"]


def test_across_videos_whole_items_are_compared_only_when_asked():
    items = [
        ("What does the place look like?", "It is a wide road with two lanes and a verge.", f"{n}.mp4") for n in "abc"
    ]
    assert _words(*items) == ["keep", "keep", "keep"]
    assert _words(*items, config=Duplicates(across=0.9)) == ["keep", "drop", "drop"]
    other = [items[0], ("What does the place look like?", "It is a narrow lane with two houses and a fence.", "b.mp4")]
    assert _words(*other, config=Duplicates(across=0.9)) == ["keep", "keep"]


def test_similarity_is_jaccards_over_runs_of_four_characters():
    texts = Texts(["abcdef", "abcdeX", "zzzz"], ["g"] * 3)
    assert texts.similarity(0, 1) == pytest.approx(2 / 4)  # abcd and bcde of four runs in all
    assert texts.similarity(0, 0) == 1.0 and texts.similarity(0, 2) == 0.0


def test_nearly_all_pairs_above_the_threshold_are_found_and_none_below_it():
    chance = random.Random(3)
    words = [f"{chance.choice('bcdfgl')}{chance.choice('aeiou')}{chance.choice('lmnrst')}{n}" for n in range(300)]
    base = [" ".join(chance.choices(words, k=12)) for _ in range(400)]
    texts = Texts(base + [f"{text} {chance.choice(words)}" for text in base], ["g"] * 800)
    expected = {n + 400 for n in range(400) if texts.similarity(n, n + 400) >= 0.8}
    found = texts.firsts(0.8, lambda *_: True)
    assert len(expected) > 300 and len(expected - found.keys()) <= 2
    assert all(texts.similarity(first, later) >= 0.8 for later, first in found.items())


def test_the_same_texts_give_the_same_duplicates_in_every_run():
    texts = ["the car stops here", "the car stops here now", "", "a", "a"]
    runs = [Texts(texts, ["g"] * 5).firsts(0.6, lambda *_: True) for _ in range(2)]
    assert runs[0] == runs[1] and runs[0][4] == 3


def test_no_texts_have_no_duplicates():
    assert Texts([], []).firsts(0.8, lambda *_: True) == {}
