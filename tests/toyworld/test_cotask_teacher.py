"""What the scripted teacher says of a toy clip's CoTasks is the clip's truth, in the form asked for."""

import pytest

from demitasse.chat.blocks import write_blocks
from demitasse.chat.model import Request, Text
from demitasse.toyworld.cotask_teacher import EVENTS, LIGHT, MOMENTS, MOST, PLACES, RELATIONS, STEPS, find, tell
from demitasse.toyworld.espresso_teacher import LIGHT_BOX, Frame
from demitasse.toyworld.scene_teacher import Units
from demitasse.toyworld.world import DURATION, toy_clip

TIMES = {number: number - 1.0 for number in range(1, 9)}  # a frame a second
CLIPS = [toy_clip(number) for number in range(30)]
UNITS = Units("qwen_1000", (128, 128))


def request(step, entities=""):
    labels = tuple(Text(f"Frame {number}, at {time:.2f} s:") for number, time in TIMES.items())
    blocks = write_blocks({"question": "what happens", "entities": entities})
    return Request(step, (*labels, Text(blocks)))


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: str(clip.number))
def test_the_moments_are_frames_under_the_light(clip):
    told = tell(request(MOMENTS), clip)
    assert 1 <= len(told["frames"]) <= MOST and told["frames"] == sorted(set(told["frames"]))
    assert all(clip.light(TIMES[number]) for number in told["frames"])
    assert [one["category"] for one in told["entities"]] == [clip.shape, LIGHT]
    assert clip.colour in told["entities"][0]["description"]


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: str(clip.number))
def test_relations_hold_wherever_the_light_is_on(clip):
    told = tell(request(RELATIONS), clip)["relations"]
    assert {one["frame"] for one in told} == {number for number, time in TIMES.items() if clip.light(time)}


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: str(clip.number))
def test_events_fill_the_clip_and_an_alarm_stops_the_shape(clip):
    told = tell(request(EVENTS), clip)["events"]
    moving = [one for one in told if one["predicate"] == f"move_{clip.direction}"]
    still = [one for one in told if one["predicate"] == "freeze"]
    assert bool(still) == clip.alarm
    assert sum(one["end"] - one["start"] for one in moving + still) == DURATION
    assert {"start": clip.light_on, "end": clip.light_off}.items() <= next(
        one for one in told if one["predicate"] == "shine"
    ).items()


@pytest.mark.parametrize("time", [0.0, 3.0, 7.0])
def test_places_are_where_things_are(time):
    for clip in CLIPS:
        told = find(request(PLACES, f"{clip.shape} 1: it\n{LIGHT} 1: the light"), Frame(clip, time, UNITS))["entities"]
        assert [one["name"] for one in told] == [f"{clip.shape} 1", f"{LIGHT} 1"]
        assert UNITS.read(told[0]["bbox_2d"]) == pytest.approx(clip.box(time), abs=1e-3)
        assert told[1]["bbox_2d"] == (UNITS.write(LIGHT_BOX) if clip.light(time) else [])


def test_what_is_not_there_has_no_box():
    assert find(request(PLACES, "dog 1: a dog"), Frame(CLIPS[0], 1.0, UNITS))["entities"][0]["bbox_2d"] == []


def test_wrong_boxes_are_wrong_each_time_alike():
    clip, frame = CLIPS[0], Frame(CLIPS[0], 1.0, UNITS, box_mistakes=1.0)
    told = [find(request(PLACES, f"{clip.shape} 1: it"), frame)["entities"][0]["bbox_2d"] for _ in range(2)]
    assert told[0] == told[1] != UNITS.write(clip.box(1.0))


@pytest.mark.parametrize("step", STEPS)
def test_of_another_video_it_says_that_nothing_is_needed(step):
    told = tell(request(step), None)
    assert told == ({"frames": [1], "entities": []} if step == MOMENTS else {step.removeprefix("cotask_"): []})
    assert find(request(PLACES, "disc 1: it"), None)["entities"] == [{"name": "disc 1", "bbox_2d": []}]
