"""Toy stories: who touches whom and when, in the pixels as in the files of the real data sets."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from demitasse.toyworld.story import (
    MOMENT,
    REST,
    STORY_COLOURS,
    STORY_DURATION,
    ToyStory,
    story_questions,
    toy_story,
)
from demitasse.toyworld.story_files import FRAMES, questions_csv, spans, vidor_annotation, write_stories
from demitasse.toyworld.story_video import FPS, SIZE, draw_story

STORIES = [toy_story(number) for number in range(60)]


def apart(story: ToyStory, colour: str, time: float) -> float:
    """How far the middles of the mover and of another shape are from each other."""
    one, other = story.position(story.mover.colour, time), story.position(colour, time)
    return float(np.hypot(one[0] - other[0], one[1] - other[1]))


def test_the_same_number_is_the_same_story_and_another_is_another() -> None:
    assert [toy_story(story.number) for story in STORIES] == STORIES
    assert len({(story.mover, story.still) for story in STORIES}) == len(STORIES)


@pytest.mark.parametrize("number", [-1, 65536])
def test_a_number_out_of_range_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="0 to 65535"):
        toy_story(number)


def test_the_mover_is_nearest_to_what_it_touches_and_far_from_all_while_it_waits() -> None:
    for story in STORIES:
        for touch in story.touches:
            for time in (touch.start, touch.start + REST / 2, touch.end):
                distances = {shape.colour: apart(story, shape.colour, time) for shape in story.still}
                nearest, next_one = sorted(distances, key=lambda colour: distances[colour])[:2]
                assert nearest == touch.colour
                assert distances[next_one] > 1.5 * distances[nearest]
        assert min(apart(story, shape.colour, 0.0) for shape in story.still) > 0.2


def test_every_box_is_where_the_colour_is_in_the_picture() -> None:
    for story in STORIES[:8]:
        for time in (0.0, 1.0, 1.6, 4.0, 6.5):
            frame = draw_story(story, time).astype(float)
            for shape in story.shapes:
                near = np.abs(frame - np.array(STORY_COLOURS[shape.colour])).max(axis=-1) < 12
                rows, columns = np.nonzero(near)
                x1, y1, x2, y2 = (side * SIZE for side in story.box(shape.colour, time))
                assert len(rows) > 5
                assert x1 - 1 <= columns.min() and columns.max() <= x2
                assert y1 - 1 <= rows.min() and rows.max() <= y2


def test_the_answer_follows_from_the_touches_and_lies_in_the_span() -> None:
    for story in STORIES:
        order = [touch.colour for touch in story.touches]
        for asked in story_questions(story):
            words, answer = asked.question.split(), asked.options[asked.answer]
            place = order.index(answer)
            if asked.type == "TN":
                assert order[place - 1] == words[-2]
            elif asked.type == "TP":
                assert order[place + 1] == words[-2]
            else:
                assert ("first", "second", "last")[place] == words[-1]
            [(start, end)] = asked.spans
            assert start <= story.touches[place].start < story.touches[place].end <= end <= STORY_DURATION


def test_options_are_the_five_other_colours_in_any_order_and_no_place_is_favoured() -> None:
    asked = [one for story in map(toy_story, range(300)) for one in story_questions(story)]
    assert all(len(set(one.options)) == 5 for one in asked)
    counts = np.bincount([one.answer for one in asked], minlength=5) / len(asked)
    assert np.abs(counts - 0.2).max() < 0.05


def test_vidor_boxes_are_in_every_frame_of_a_relation_and_ends_are_exclusive() -> None:
    story = STORIES[3]
    annotation = vidor_annotation(story)
    assert len(annotation["trajectories"]) == annotation["frame_count"] == FRAMES
    touches = [one for one in annotation["relation_instances"] if one["predicate"] == "touch"]
    assert len(touches) == len(story.touches)
    for relation in annotation["relation_instances"]:
        for fid in range(relation["begin_fid"], relation["end_fid"]):
            there = {box["tid"] for box in annotation["trajectories"][fid]}
            assert {relation["subject_tid"], relation["object_tid"]} <= there
    for touch, relation in zip(story.touches, touches, strict=True):
        assert relation["begin_fid"] / FPS == touch.start
        assert relation["end_fid"] / FPS == pytest.approx(touch.end)


def test_above_and_beneath_are_each_others_inverse_and_need_a_column_in_common() -> None:
    for story in STORIES[:20]:
        annotation = vidor_annotation(story)
        triples = {
            (one["subject_tid"], one["predicate"], one["object_tid"]) for one in annotation["relation_instances"]
        }
        for subject, predicate, other in triples:
            if predicate in ("above", "beneath"):
                inverse = {"above": "beneath", "beneath": "above"}[predicate]
                assert (other, inverse, subject) in triples
                assert story.shapes[subject].cell[0] == story.shapes[other].cell[0]


def test_what_is_written_is_what_nextqa_and_nextgqa_have(tmp_path: Path) -> None:
    write_stories(tmp_path, range(5, 8))
    assert sorted(path.name for path in (tmp_path / "videos").iterdir()) == ["00005.mp4", "00006.mp4", "00007.mp4"]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "questions.csv").read_text(encoding="utf-8"))))
    assert [row["video"] for row in rows] == ["00005"] * 3 + ["00006"] * 3 + ["00007"] * 3
    assert questions_csv(range(5, 8)) == (tmp_path / "questions.csv").read_text(encoding="utf-8")
    written = json.loads((tmp_path / "spans.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(spans(range(5, 8))))
    assert set(written["00006"]["location"]) == {"0", "1", "2"}
    assert written["00006"]["duration"] == 4 * MOMENT
    assert json.loads((tmp_path / "video_map.json").read_text(encoding="utf-8"))["00007"] == "00007"


def test_a_video_that_is_there_is_left_alone(tmp_path: Path) -> None:
    write_stories(tmp_path, [1])
    video = tmp_path / "videos" / "00001.mp4"
    before = video.stat().st_mtime_ns
    write_stories(tmp_path, [1, 2])
    assert video.stat().st_mtime_ns == before
