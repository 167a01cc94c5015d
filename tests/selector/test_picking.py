"""How a picker is asked, about all captions at once or about each, and what becomes of its replies."""

import pytest

from demitasse.dataset import Item, TaskFile
from demitasse.dataset.evidence import CoreFrame, with_evidence_fields
from demitasse.dataset.shown_frames import shown_frames
from demitasse.selector.asking import Said
from demitasse.selector.captions import VideoCaptions
from demitasse.selector.choosing import uniform
from demitasse.selector.picking import ToPick, pick
from demitasse.selector.training import OTHERS, pick_items

CAPTIONS = ["nothing", "a red disc", "nothing", "a blue disc"]
ITEM = Item("Where is the red disc?", "left", "a.mp4")


class Reader:
    """Answers each question by `say`."""

    at_once = 2

    def __init__(self, say):
        self.say, self.asked = say, []

    def ask(self, asks, progress):
        self.asked += [item.question for item, _ in asks]
        progress(len(asks))
        return [said if isinstance(said := self.say(item), Said) else Said(said) for item, _ in asks]


def red(item):
    """A picker that finds red frames, either way."""
    if "Is this frame needed" in item.question:
        return "Yes" if "frame: a red" in item.question else "No"
    return ", ".join(line.split(".")[0] for line in item.question.splitlines() if ". a red" in line)


def work(count=1, captions=CAPTIONS):
    return [ToPick((ITEM, "a.mp4"), captions)] * count


@pytest.mark.parametrize("picks", ["list", "each"])
def test_both_ways_find_what_the_picker_finds(picks, tmp_path):
    reader = Reader(red)
    found = pick(reader, work(3), 2, picks, lambda _: None)
    assert [one.choice.places for one in found] == [(1,)] * 3 and not any(one.error for one in found)
    assert len(reader.asked) == (3 if picks == "list" else 12)


def test_frame_by_frame_every_reply_is_kept_in_order():
    assert pick(Reader(red), work(), 2, "each", lambda _: None)[0].reply == "No\nYes\nNo\nNo"


@pytest.mark.parametrize(
    ("reply", "places", "fallback"),
    [
        pytest.param("Yes", (1, 3), "", id="of_too_many_an_even_spread_stays"),
        pytest.param("No", uniform(4, 2), "named none", id="none_needed"),
        pytest.param("Perhaps", uniform(4, 2), "unread", id="nothing_can_be_read"),
        pytest.param(Said("Yes", "length"), uniform(4, 2), "unread", id="all_cut_short"),
        pytest.param("<think>\nNo\n</think>\n\nYes", (1, 3), "", id="reasoning_is_not_read"),
    ],
)
def test_replies_frame_by_frame(reply, places, fallback):
    (found,) = pick(Reader(lambda _: reply), work(), 2, "each", lambda _: None)
    assert (found.choice.places, found.choice.fallback) == (places, fallback)


def test_one_unreadable_reply_among_others_is_a_no():
    (found,) = pick(Reader(lambda item: "Hm" if "nothing" in item.question else red(item)), work(), 2, "each", print)
    assert found.choice.places == (1,) and not found.choice.fallback


@pytest.mark.parametrize("picks", ["list", "each"])
def test_a_picker_that_cannot_be_asked_says_why(picks):
    (found,) = pick(Reader(lambda _: Said(finish="error", error="gone")), work(), 2, picks, lambda _: None)
    assert found.error == "gone"


def trained(times, captions=CAPTIONS):
    item = with_evidence_fields(ITEM, None, [CoreFrame(time) for time in times])
    known = {"a.mp4": VideoCaptions("a.mp4", tuple(place + 0.5 for place in range(len(captions))), tuple(captions))}
    return list(pick_items([TaskFile([item], "mcq")], known, "each"))


def test_training_frame_by_frame_asks_about_core_frames_and_others_that_differ():
    items = trained([1.5])
    assert [(one.answer, shown_frames(one)) for one in items] == [("Yes", []), ("No", []), ("No", [])]
    assert "frame: a red disc" in items[0].question and len({one.item_index for one in items}) == 3


def test_a_caption_that_is_needed_is_never_taught_as_not_needed():
    items = trained([1.5], ["a red disc", "a red disc", "nothing"])
    assert [one.answer for one in items] == ["Yes", "No"]


def test_others_are_so_many_at_most_and_the_same_each_time():
    captions = [f"thing {place}" for place in range(40)]
    drawn = trained([3.5, 7.5], captions)
    assert sum(one.answer == "No" for one in drawn) == 2 * OTHERS and drawn == trained([3.5, 7.5], captions)
