"""Run folders as `demitasse predict` leaves them, made from short lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from demitasse.dataset.item_id import make_item_id
from evaluate.records import Asked, Prediction, write_rows

MCQ_QUESTION = "Which way does it move?\nA. left\nB. right\nC. up\nD. down\nAnswer with a single letter."
SPAN_QUESTION = "When is the light on?"


def asked(task: str, video: str, question: str, reference: str) -> Asked:
    """An item with the id that `predict` would give it."""
    return Asked(make_item_id(task, video, question, None), task, video, question, reference)


@pytest.fixture
def items() -> list[Asked]:
    """Four videos, each with one item of four tasks: 16 items."""
    letters, words = ["A) left", "B", "C. up", "D"], ["Yes", "No", "Yes", "No"]
    rows = []
    for place in range(4):
        video = f"clips/{place}.mp4"
        rows.append(asked("mcq", video, MCQ_QUESTION, letters[place]))
        rows.append(asked("bcq", video, "Does it move?", words[place]))
        span = f'{{"start": "00:0{place}", "end": "00:0{place + 2}"}}'
        rows.append(asked("temporal_localization", video, SPAN_QUESTION, span))
        rows.append(asked("open_qa", video, "What happens?", f"A shape moves, case {place}."))
    return rows


@pytest.fixture
def eight(items: list[Asked]) -> list[Asked]:
    """The same of eight videos: as few as a sign flip takes for more than chance, where all changed by the same."""
    again = [asked(row.task, f"again/{row.video_id}", row.question, row.reference) for row in items]
    return items + again


Reply = Callable[[Asked], "tuple[str, str] | str | None"]


@pytest.fixture
def make_run(tmp_path: Path, items: list[Asked]) -> Callable[..., Path]:
    """Write a run folder; `reply` gives a response, (response, finish), or None for no prediction."""

    def make(name: str, reply: Reply, rows: Sequence[Asked] | None = None) -> Path:
        folder = tmp_path / name
        rows = items if rows is None else rows
        write_rows(folder / "items.jsonl", [row.to_json() for row in rows])
        predictions = []
        for row in rows:
            said = reply(row)
            if said is not None:
                response, finish = (said, "stop") if isinstance(said, str) else said
                predictions.append(Prediction(row, response, finish).to_json())
        write_rows(folder / "predictions.jsonl", predictions)
        (folder / "run.json").write_text(json.dumps({"student": name}))
        return folder

    return make


def right(row: Asked) -> str:
    """The reference itself."""
    return row.reference


def wrong(row: Asked) -> str:
    """A well-formed wrong answer."""
    letter = row.reference[0]
    other = {"mcq": "B" if letter != "B" else "A", "bcq": "No" if row.reference == "Yes" else "Yes"}
    return other.get(row.task, '{"start": "10:00", "end": "10:01"}')
