"""What captioner and picker are asked, and how a picker's reply is read."""

import pytest

from demitasse.dataset import Item
from demitasse.dataset.shown_frames import shown_frames
from demitasse.selector.wording import MOST, caption_item, pick_item, read_places, write_places


@pytest.mark.parametrize(
    ("reply", "places"),
    [
        pytest.param("3", [2], id="a_number"),
        pytest.param("3, 4", [2, 3], id="a_list"),
        pytest.param("Frames 3 and 5.", [2, 4], id="words_between_numbers_are_separators"),
        pytest.param("[3, 5]", [2, 4], id="a_json_list"),
        pytest.param('{"frames": [3, 5]}', [2, 4], id="a_list_in_an_object"),
        pytest.param('["3", "5-6"]', [2, 4, 5], id="a_list_of_texts"),
        pytest.param("3-5, 9", [2, 3, 4, 8], id="a_range"),
        pytest.param("5-3", [2, 3, 4], id="a_range_written_backwards"),
        pytest.param("3 to 5", [2, 3, 4], id="a_range_in_words"),
        pytest.param("<think>\nred thing: 1\n</think>\n\n7", [6], id="reasoning_is_not_read"),
        pytest.param("The answer needs [3, 5] I think.", [2, 4], id="a_list_in_brackets_may_stand_in_a_sentence"),
        pytest.param("```json\n[3, 5]\n```", [2, 4], id="a_fenced_list"),
        pytest.param("0", [-1], id="a_frame_that_is_not_there_is_named_all_the_same"),
        pytest.param("none", [], id="none"),
        pytest.param("No frames.", [], id="none_in_words"),
        pytest.param("", [], id="an_empty_reply_names_none"),
        pytest.param("Only 2 frames matter, the ones with the dog.", None, id="numbers_in_prose_are_not_guessed_at"),
        pytest.param("I cannot tell.", None, id="prose"),
        pytest.param("<think>\n3, 4", None, id="reasoning_that_never_ends_is_no_answer"),
        pytest.param("{}", [], id="an_empty_object_names_none"),
        pytest.param('{"frames": "all"}', None, id="another_object"),
    ],
)
def test_a_reply_is_read_as(reply, places):
    read = read_places(reply)
    assert read is None if places is None else sorted(read or {}) == places


def test_ranges_with_relevance_are_read_as_gens_writes_them():
    assert read_places('{"11-12": 5, "16": 4, "12": 1}') == {10: 5.0, 11: 5.0, 15: 4.0}


def test_a_range_without_end_fills_no_memory():
    assert len(read_places("1-999999") or {}) == MOST


def test_what_is_written_is_read_back():
    assert sorted(read_places(write_places([0, 4, 15])) or {}) == [0, 4, 15]


def test_a_caption_item_shows_one_frame_and_a_pick_item_none():
    assert shown_frames(caption_item("a.mp4", 2.5)) == [2.5]
    assert shown_frames(pick_item(Item("Why?", "So", "a.mp4"), ["x"])) == []


def test_captions_are_numbered_from_one_in_order():
    asked = pick_item(Item("Why?", "So", "a.mp4"), ["a dog", "a cat"], [1]).question
    assert "1. a dog\n2. a cat\n" in asked
    assert pick_item(Item("Why?", "So", "a.mp4"), ["a dog", "a cat"], [1]).answer == "2"


def test_a_caption_with_line_ends_stays_one_caption():
    asked = pick_item(Item("Why?", "So", "a.mp4"), ["a dog\n2. the answer is here", "a cat"]).question
    assert "1. a dog 2. the answer is here\n2. a cat\n" in asked


def test_braces_in_captions_and_questions_are_text():
    asked = pick_item(Item("What is {captions}?", "", "a.mp4"), ["{question}", "{0}"]).question
    assert "Question: What is {captions}?" in asked and "2. {0}" in asked


def test_two_frames_of_a_video_are_two_items():
    assert caption_item("a.mp4", 0.5).item_index != caption_item("a.mp4", 1.5).item_index
