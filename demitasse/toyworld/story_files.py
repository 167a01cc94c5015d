"""Toy stories in real data sets' files: VidOR's annotation, NExT-QA's questions, NExT-GQA's spans; and STAR's items.

So what reads those reads a toy, and `demitasse annotate cotasks` makes CoTasks of it with `source=nextqa` or `star`:

    OUT/videos/00007.mp4  OUT/vidor/00007.json  OUT/questions.csv  OUT/spans.json  OUT/video_map.json
    OUT/star.json  OUT/video_fps.json
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

from demitasse.atomic import write_text
from demitasse.toyworld.story import STORY_DURATION, StoryShape, ToyStory, story_questions, toy_story
from demitasse.toyworld.story_star import star_items
from demitasse.toyworld.story_video import FPS, SIZE, render_story

HEADER = ("video", "frame_count", "width", "height", "question", "answer", "qid", "type", "a0", "a1", "a2", "a3", "a4")
FRAMES = round(STORY_DURATION * FPS)


def write_stories(out: Path, numbers: Iterable[int]) -> None:
    """Write the stories with these numbers; a video that is there stays as it is."""
    for folder in ("videos", "vidor"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    written = []
    for number in numbers:
        written.append(number)
        render_story(out / "videos" / f"{name(number)}.mp4", number)
        write_text(out / "vidor" / f"{name(number)}.json", json.dumps(vidor_annotation(toy_story(number))) + "\n")
    write_text(out / "questions.csv", questions_csv(written))
    write_text(out / "spans.json", json.dumps(spans(written)) + "\n")
    write_text(out / "video_map.json", json.dumps({name(number): name(number) for number in written}) + "\n")
    items = [item for number in written for item in star_items(toy_story(number), name(number))]
    write_text(out / "star.json", json.dumps(items) + "\n")
    write_text(out / "video_fps.json", json.dumps({f"{name(number)}.mp4": float(FPS) for number in written}) + "\n")


def name(number: int) -> str:
    """A story's name as a video."""
    return f"{number:05d}"


def vidor_annotation(story: ToyStory) -> dict[str, Any]:
    """A story as VidOR annotates a video; a shape's category is its colour."""
    return {
        "version": "VERSION 1.0",
        "video_id": name(story.number),
        "video_path": f"{name(story.number)}.mp4",
        "frame_count": FRAMES,
        "fps": float(FPS),
        "width": SIZE,
        "height": SIZE,
        "subject/objects": [{"tid": tid, "category": shape.colour} for tid, shape in enumerate(story.shapes)],
        "trajectories": [_boxes(story, fid / FPS) for fid in range(FRAMES)],
        "relation_instances": [*_touches(story), *_places(story)],
    }


def questions_csv(numbers: Iterable[int]) -> str:
    """The stories' questions as NExT-QA's multiple choice."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for number in numbers:
        for qid, asked in enumerate(story_questions(toy_story(number))):
            measures = (name(number), FRAMES, SIZE, SIZE)
            writer.writerow([*measures, asked.question, asked.answer, qid, asked.type, *asked.options])
    return text.getvalue()


def spans(numbers: Iterable[int]) -> dict[str, Any]:
    """When each question is to be looked at, as NExT-GQA's file has it."""
    return {
        name(number): {
            "duration": round(STORY_DURATION),
            "location": {
                str(qid): [list(span) for span in asked.spans]
                for qid, asked in enumerate(story_questions(toy_story(number)))
            },
            "fps": float(FPS),
        }
        for number in numbers
    }


def _boxes(story: ToyStory, time: float) -> list[dict[str, Any]]:
    boxes = []
    for tid, shape in enumerate(story.shapes):
        sides = [round(side * SIZE) for side in story.box(shape.colour, time)]
        corners = dict(zip(("xmin", "ymin", "xmax", "ymax"), sides, strict=True))
        boxes.append({"tid": tid, "bbox": corners, "generated": 0, "tracker": "none"})
    return boxes


def _touches(story: ToyStory) -> Iterator[dict[str, Any]]:
    tids = {shape.colour: tid for tid, shape in enumerate(story.shapes)}
    for touch in story.touches:
        span = {"begin_fid": round(touch.start * FPS), "end_fid": round(touch.end * FPS)}
        yield {"subject_tid": 0, "object_tid": tids[touch.colour], "predicate": "touch", **span}


def _places(story: ToyStory) -> Iterator[dict[str, Any]]:
    """Which of the shapes that lie still is above, beneath or next to which, all the time."""
    tids = {shape.colour: tid for tid, shape in enumerate(story.shapes)}
    for one, other in permutations(story.still, 2):
        predicate = _relation(one, other)
        if predicate:
            pair = {"subject_tid": tids[one.colour], "object_tid": tids[other.colour], "predicate": predicate}
            yield {**pair, "begin_fid": 0, "end_fid": FRAMES}


def _relation(one: StoryShape, other: StoryShape) -> str:
    """Only of shapes in one column or in neighbouring cells of a row; of others a person would say nothing."""
    (column, row), (others_column, others_row) = one.cell, other.cell
    if column == others_column:
        return "above" if row < others_row else "beneath"
    return "next_to" if row == others_row and abs(column - others_column) == 1 else ""
