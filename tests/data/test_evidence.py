"""Evidence on items, and evidence as text with tags."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demitasse.chat.kinds import BOX_STYLES
from demitasse.dataset import Item
from demitasse.dataset.evidence import (
    ESPRESSO_TASKS,
    CoreFrame,
    Evidence,
    Mention,
    PlacedBox,
    core_frames_of,
    evidence_of,
    with_evidence_fields,
)
from demitasse.dataset.evidence_tags import parse_tags, read_tags, write_tags
from demitasse.errors import DataError

TEXT = "A hand fills the white bowl."
BOX = (0.1, 0.2, 0.5, 0.6)
EVIDENCE = Evidence(TEXT, (Mention("hand", 2, 6), Mention("white bowl", 17, 27, (PlacedBox(BOX, 1),))))
FRAMES = [CoreFrame(0.5, 12, "a/12.jpg", "A hand."), CoreFrame(3.2)]
BARE = Item("Why?", "So.", video_id="a.mp4")


def test_there_are_fourteen_tasks_in_four_families() -> None:
    assert len(dict(ESPRESSO_TASKS)) == 14 and len(set(dict(ESPRESSO_TASKS).values())) == 4


def test_an_item_carries_evidence_as_json_and_gives_it_back() -> None:
    item = with_evidence_fields(BARE, EVIDENCE, FRAMES)
    again = Item.from_json(json.loads(json.dumps(item.to_json())))
    assert evidence_of(again) == EVIDENCE and core_frames_of(again) == FRAMES


def test_an_item_without_evidence_has_none_and_taking_it_away_leaves_the_item_as_it_was() -> None:
    assert evidence_of(BARE) is None and core_frames_of(BARE) == []
    assert with_evidence_fields(with_evidence_fields(BARE, EVIDENCE, FRAMES), None, []) == BARE


def test_key_items_are_the_names_each_once_in_the_sentences_order() -> None:
    mentions = (Mention("cup", 0, 3), Mention("jug", 4, 7), Mention("cup", 8, 11))
    assert Evidence("cup jug cup", mentions).key_items == ("cup", "jug")


@pytest.mark.parametrize(
    ("evidence", "frames", "says"),
    [
        pytest.param(Evidence("ab", (Mention("x", 0, 3),)), [], "2 characters", id="a_mention_behind_the_text"),
        pytest.param(Evidence("ab", (Mention("x", 1, 1),)), [], "2 characters", id="an_empty_mention"),
        pytest.param(
            Evidence("abc", (Mention("x", 0, 2), Mention("y", 1, 3))), [], "follow one another", id="one_inside_another"
        ),
        pytest.param(
            Evidence("ab", (Mention("x", 0, 2, (PlacedBox(BOX, 2),)),)), FRAMES, "core frame 2", id="no_such_frame"
        ),
        pytest.param(
            Evidence("ab", (Mention("x", 0, 2, (PlacedBox((0.5, 0, 0.1, 1)),)),)), [], "inverted", id="a_bad_box"
        ),
        pytest.param(None, [CoreFrame(2.0), CoreFrame(), CoreFrame(1.0)], "order of time", id="times_that_go_back"),
    ],
)
def test_evidence_that_does_not_fit_is_never_put_on_an_item(evidence: Any, frames: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        with_evidence_fields(BARE, evidence, frames)


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        pytest.param({"evidence": "text"}, "^evidence is", id="a_text"),
        pytest.param({"evidence": {"text": "a", "mentions": [1]}}, r"mentions\[0\]", id="a_mention_that_is_none"),
        pytest.param(
            {"evidence": {"text": "a", "mentions": [{"name": "a", "start": 0, "end": 1, "boxes": [[0, 0, 1, 1]]}]}},
            "boxes",
            id="a_box_without_its_frame",
        ),
        pytest.param({"core_frames": [{"time": "1 s"}]}, r"core_frames\[0\]", id="a_time_in_words"),
        pytest.param({"core_frames": {}}, "not a list", id="no_list"),
    ],
)
def test_evidence_in_another_form_is_refused_by_its_field(extra: dict[str, Any], says: str) -> None:
    item = Item("Q", "A", video_id="v", extra=extra)
    with pytest.raises(DataError, match=says):
        evidence_of(item) if "evidence" in extra else core_frames_of(item)


@pytest.mark.parametrize(
    ("style", "frames", "says"),
    [
        pytest.param("qwen_1000", [], "<obj>white bowl</obj><box>[100, 200, 500, 600]</box>.", id="thousandths"),
        pytest.param("gemini_yxyx_1000", [], "</obj><box>[200, 100, 600, 500]</box>.", id="y_first"),
        pytest.param("qwen2_5_vl_px", [], "</obj><box>[20, 20, 100, 60]</box>.", id="pixels_of_the_size_given"),
        pytest.param("qwen_1000", FRAMES, "600]</box>at<t>3.20</t>s.", id="the_time_of_the_core_frame"),
        pytest.param(None, FRAMES, "<obj>hand</obj> fills the <obj>white bowl</obj>.", id="no_boxes"),
    ],
)
def test_a_student_writes_boxes_as_its_family_does(style: str | None, frames: Any, says: str) -> None:
    size = (200, 100) if style == "qwen2_5_vl_px" else None
    assert write_tags(EVIDENCE, style, size, frames).endswith(says)


def test_a_text_that_holds_a_tag_itself_is_not_written() -> None:
    with pytest.raises(DataError, match="<box>"):
        write_tags(Evidence("a <box> of pens"), None)


words = st.text(st.sampled_from("ab,.é"), min_size=1, max_size=6)
whole = st.integers(0, 1000)


@st.composite
def evidences(draw: Any) -> Evidence:
    """A sentence of words with one space between them, some of which are things on frames."""
    text, mentions = "", []
    for word in draw(st.lists(words, max_size=5)):
        text += " " * bool(text)
        if draw(st.booleans()):
            xs, ys = (sorted(draw(st.lists(whole, min_size=2, max_size=2, unique=True))) for _ in "xy")
            box = PlacedBox((xs[0] / 1000, ys[0] / 1000, xs[1] / 1000, ys[1] / 1000), draw(st.sampled_from([0, 1])))
            mentions.append(Mention(word, len(text), len(text) + len(word), (box,) * draw(st.integers(0, 2))))
        text += word
    return Evidence(text, tuple(mentions))


@settings(max_examples=60, deadline=None)
@given(evidence=evidences(), style=st.sampled_from(sorted(BOX_STYLES)))
def test_what_is_written_with_tags_reads_back_the_same(evidence: Evidence, style: str) -> None:
    size = (1000, 1000)
    assert read_tags(write_tags(evidence, style, size, FRAMES), style, size, FRAMES) == (evidence, [])


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.sampled_from("a <>/objbxt_sear[1,].")) | st.lists(
    st.sampled_from(["<obj>", "</obj>", "<obj_start>", "<obj_end>", "<box>", "</box>", "<box_start>", "<box_end>",
                     "[1, 2, 3, 4]", "at<t>3</t>s", "a", "  "])).map("".join))  # fmt: skip
def test_no_text_of_a_model_makes_reading_fail_or_leaves_a_tag(text: str) -> None:
    evidence, _ = read_tags(text, "qwen_1000", None, FRAMES)
    assert evidence_of(with_evidence_fields(BARE, evidence, FRAMES)) == evidence
    assert not parse_tags(evidence.text).stray


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        pytest.param("<obj>a</obj><box>[1, 2, 3, 4]</box>", [(1, 2, 3, 4)], id="one"),
        pytest.param("<obj>a</obj> <box>[1,2,3,4]</box>\n<box>[5,6,7,8]</box>", [(1, 2, 3, 4), (5, 6, 7, 8)], id="two"),
        pytest.param(
            "<obj_start>a<obj_end><box_start>[[1, 2, 3, 4], [5, 6, 7, 8]]<box_end>",
            [(1, 2, 3, 4), (5, 6, 7, 8)],
            id="a_list_of_lists",
        ),
        pytest.param("<obj_start>a<obj_end><box_start>1.5 2e1 -.5 4<box_end>", [(1.5, 20, -0.5, 4)], id="bare_numbers"),
        pytest.param("<obj_start>a<obj_end><box_start>[]<box_end>", [], id="an_empty_list"),
        pytest.param("<obj_start>a<obj_end>", [], id="no_box"),
        pytest.param("<obj>a</obj><box>[1, 2, 3]</box>", [None], id="three_numbers"),
        pytest.param("<obj>a</obj><box>[1, 2, nan, 4]</box>", [None], id="a_word_among_numbers"),
    ],
)
def test_boxes_are_read_in_every_form_that_was_met(text: str, numbers: list[Any]) -> None:
    (name,) = parse_tags(text).names
    assert (name.name, [box.numbers for box in name.boxes]) == ("a", numbers)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param("A <obj>cup</obj><box>[1, 2, 3]</box>.", "cup: .*no box", id="three_numbers"),
        pytest.param("A <obj>cup</obj><box>[500, 2, 3, 4]</box>.", "cup: .*inverted", id="an_inverted_box"),
        pytest.param("A <obj>cup</obj><box>[0, 0, 1001, 4]</box>.", "outside", id="outside_the_frame"),
        pytest.param("A <obj>cup.", "<obj> stands alone", id="a_tag_that_is_not_closed"),
        pytest.param("A cup<box>[1, 2, 3, 4]</box>.", "stands alone", id="a_box_of_nothing"),
        pytest.param("A <obj></obj>cup.", "stands alone", id="a_nameless_thing"),
    ],
)
def test_what_cannot_be_read_is_left_out_and_told(text: str, fault: str) -> None:
    evidence, faults = read_tags(text, "qwen_1000")
    assert evidence.text == "A cup." and not any(mention.boxes for mention in evidence.mentions)
    assert re.search(fault, " ".join(faults))


def test_a_box_is_on_the_core_frame_that_is_nearest_to_its_time() -> None:
    evidence, _ = read_tags("<obj>a</obj><box>[1,2,3,4]</box>at<t>3.0</t>s", "qwen_1000", None, FRAMES)
    assert evidence.mentions[0].boxes[0].core_frame == 1
    evidence, _ = read_tags("<obj>a</obj><box>[1,2,3,4]</box>", "qwen_1000", None, FRAMES)
    assert evidence.mentions[0].boxes[0].core_frame is None


def test_a_reply_of_a_hundred_thousand_tags_takes_no_longer() -> None:
    for piece in ("<obj>", "<obj>a</obj>", "<obj>a<box>", "</obj><box>", "<box>[1"):
        assert parse_tags(piece * 20_000).text.count("<box>") == 0
