"""Toy stories as STAR's items: read as STAR's own are, and true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from annotate.cotasks.star import StarItem, read_rates, read_star
from annotate.cotasks.star_classes import ACTIONS, OBJECTS, RELATIONS
from annotate.cotasks.star_rules import executes, frames_within, usual_size
from demitasse.cli import main
from demitasse.toyworld.story import STORY_COLOURS, toy_story
from demitasse.toyworld.story_star import CHOICES, HOLDING, SIDE_BY_SIDE, THINGS, star_items
from demitasse.toyworld.story_video import FPS, SIZE

NUMBERS = range(40)


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[StarItem]:
    path = tmp_path_factory.mktemp("star") / "star.json"
    path.write_text(json.dumps([item for number in NUMBERS for item in told(number)]))
    read, unusable = read_star(path)
    assert unusable == []
    return read


def told(number: int) -> list[dict[str, Any]]:
    return list(star_items(toy_story(number), f"{number:05d}"))


def test_the_numbers_of_things_relations_and_actions_are_stars_own() -> None:
    assert set(THINGS) == set(STORY_COLOURS)
    for thing, label, action in THINGS.values():
        assert OBJECTS[int(label[1:])] == thing
        assert ACTIONS[int(action[1:])] == ("hold", thing)
    assert [RELATIONS[int(label[1:])] for label in (SIDE_BY_SIDE, HOLDING)] == ["on_the_side_of", "holding"]


def test_each_of_stars_types_is_asked_of_each_story(items: list[StarItem]) -> None:
    types = [item.type for item in items]
    assert {kind: types.count(kind) for kind in sorted(set(types))} == {
        "Feasibility": 40,
        "Interaction": 40,
        "Prediction": 40,
        "Sequence": 80,
    }
    assert all(item.notes == {} and len(item.choices) == CHOICES for item in items)


def test_every_program_leads_to_the_answer_and_to_no_other_choice(items: list[StarItem]) -> None:
    assert {executes(item) for item in items} == {"classes"}


def test_answers_lie_at_every_place(items: list[StarItem]) -> None:
    assert {item.right for item in items} == set(range(CHOICES))


def test_the_graph_says_what_the_story_does_and_when(items: list[StarItem]) -> None:
    for item in items:
        story = toy_story(int(item.video))
        for frame, graph in item.situations.items():
            held = [touch.colour for touch in story.touches if touch.start <= (frame - 1) / FPS < touch.end]
            assert list(graph.actions) == [THINGS[colour][2] for colour in held]
            assert len(graph.boxes) == len(story.shapes)


def test_boxes_count_in_the_videos_own_pixels(items: list[StarItem]) -> None:
    story = toy_story(int(items[0].video))
    [graph] = [graph for frame, graph in items[1].situations.items() if frame == 1]
    assert graph.boxes["o000"] == pytest.approx([side * SIZE for side in story.box(story.mover.colour, 0.0)], abs=0.01)
    assert all(side <= SIZE for item in items for graph in item.situations.values() for side in graph.boxes["o000"])
    assert usual_size(items) == (480, 270)


def test_what_comes_next_lies_behind_the_clip_and_in_the_graph(items: list[StarItem]) -> None:
    for item in items:
        behind = max(item.situations) > max(frames_within(item, FPS))
        assert behind == (item.type == "Prediction")


def test_what_could_be_held_was_not(items: list[StarItem]) -> None:
    for item in items:
        if item.type == "Feasibility" and item.right is not None:
            held = {THINGS[touch.colour][0] for touch in toy_story(int(item.video)).touches}
            wrong = {choice for place, choice in enumerate(item.choices) if place != item.right}
            assert wrong == {f"The {thing}." for thing in held}


def test_the_same_number_asks_the_same() -> None:
    assert told(7) == told(7) != told(8)


def test_cotasks_are_made_of_what_is_written(tmp_path: Path) -> None:
    assert main(["toyworld", "stories", str(tmp_path / "toy"), "--count", "1"]) == 0
    assert read_rates(tmp_path / "toy" / "video_fps.json") == {"00000": FPS}
    folder = [f"items={tmp_path}/toy/star.json", f"fps={tmp_path}/toy/video_fps.json", f"videos={tmp_path}/toy/videos"]
    assert main(["annotate", "cotasks", "source=star", *folder, f"results_dir={tmp_path}/out", "frames=8"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "out" / "cotasks.jsonl").read_text().splitlines()]
    assert [row["provenance"]["executes"] for row in rows] == ["classes"] * 5
    assert len(list((tmp_path / "out" / "clips").iterdir())) == 3
