"""Four toy clips with questions that have evidence, reasoning and CoTasks, and a tiny student of each family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from demitasse.cotasks.record import TASK_NAMES, CoTasks, Entity, Event, KeyFrame, Relation, Sighting
from demitasse.cotasks.text import question, write_task
from demitasse.dataset import Item, TaskFile, write
from demitasse.student import modes
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
from demitasse.toyworld.render import render

QUESTION = "In which direction does shape {} move?\nA. left\nB. right\nC. up\nD. down\nAnswer with a single letter."
EVIDENCE = "The red square crosses the frame to the left."
CLIPS = 4


def cotasks_of(number: int) -> CoTasks:
    """What there is to know about the question of a clip; no two clips' are alike."""
    time, name = number + 0.5, f"square {number + 1}"
    return CoTasks(
        question_key=f"{number}_0",
        duration=8.0,
        sampled=8,
        frames=(KeyFrame(number, time),),
        entities=(Entity(name, "square"), Entity("ball 1", "ball")),
        sightings=(Sighting(time, name, (0.1, 0.2, 0.4, 0.5 + number / 10)), Sighting(time, "ball 1", None)),
        relations=(Relation(time, name, "above", "ball 1"),),
        events=(Event(name, "push", "ball 1", time, time + 1), Event("ball 1", "watch", name, time + 1, time + 2)),
        sources={"1": "all_frames"},
    )


def cotask_item(number: int, stage: int) -> Item:
    """A stage of a clip's question; stage 5 is the question itself."""
    cotasks = cotasks_of(number)
    extra = {
        "cotask": {"question_key": cotasks.question_key, "stage": stage, "box_style": "qwen_1000", "form": "json"},
        "cotasks": cotasks.to_json(),
    }
    video, asked = f"{number:05d}.mp4", QUESTION.format(number)
    if stage < 5:
        return Item(question(stage, asked), write_task(cotasks, stage), video, extra=extra)
    mention = {"name": "red square", "start": 4, "end": 14, "boxes": [{"core_frame": 0, "bbox": [0.1, 0.2, 0.5, 0.6]}]}
    extra |= {
        "core_frames": [{"time": 3.25, "frame": None, "path": None, "caption": None}],
        "evidence": {"text": EVIDENCE, "mentions": [mention]},
    }
    return Item(asked, "ABCD"[number % 4], video, reasoning="It moves there.", extra=extra)


@dataclass(frozen=True)
class World:
    """`data` holds the files of the four tasks and of the questions, `students` a folder for each family."""

    folder: Path
    students: dict[str, Path]

    @property
    def data(self) -> Path:
        return self.folder / "data"


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> World:
    folder = tmp_path_factory.mktemp("asking")
    render(folder / "videos", range(CLIPS))
    for stage, task in {**TASK_NAMES, 5: "mcq"}.items():
        items = [cotask_item(number, stage) for number in range(CLIPS)]
        write(folder / "data" / f"{task}.json", TaskFile(items, task=task, license="x", media_root="../videos"))
    texts = [QUESTION.format("0 1 2 3"), EVIDENCE, modes.EXPLAIN, modes.EVIDENCE, modes.FROM_EVIDENCE]
    tokenizer = build_tokenizer([*texts, *(write_task(cotasks_of(0), stage) for stage in range(1, 5))])
    students = {}
    for family in ("qwen2_5_vl", "qwen3_vl"):
        students[family] = folder / family
        save_tiny(build_model(family, tokenizer, hidden=32, layers=2, heads=2), tokenizer, students[family])
    return World(folder, students)


@pytest.fixture(params=["qwen2_5_vl", "qwen3_vl"])
def family(request) -> str:
    return str(request.param)


@pytest.fixture(name="cotasks_of", scope="session")
def _cotasks_of() -> Callable[[int], CoTasks]:
    return cotasks_of


@pytest.fixture(name="cotask_item", scope="session")
def _cotask_item() -> Callable[[int, int], Item]:
    return cotask_item
