"""A small, good dataset in both dialects, and the format's official validator."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MCQ = "Which tool falls?\nA. hammer\nB. wrench\nC. saw\nAnswer with a single letter."
TASKS: dict[str, list[tuple[str, str]]] = {
    "mcq": [(MCQ, "B"), ("Where?\nA. left\nB. right\nAnswer with a single letter.", "A")],
    "bcq": [("Is the gate open?\nAnswer with Yes or No.", "No")],
    "temporal_localization": [("When does the box fall?", '{"start": "00:03", "end": "00:05"}')],
    "open_qa": [("Why does the cart stop?", "The wheel is blocked.")],
}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A folder with four task files and their videos, which both validators accept."""
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (folder / name).write_bytes(name.encode())
    for task, pairs in TASKS.items():
        items = [
            {"video_id": "ab"[index % 2] + ".mp4", "question": question, "answer": answer, "reasoning": "It shows."}
            for index, (question, answer) in enumerate(pairs)
        ]
        value = {
            "format": "tao-vl-reason-v1.0",
            "metadata": {"type": "annotation", "task": task, "license": ""},
            "media_root": None,
            "items": items,
        }
        (folder / f"{task}.json").write_text(json.dumps(value))
    return folder


@pytest.fixture
def change(dataset: Path) -> Callable[[str, Callable[[Any], Any]], None]:
    """Load a file of the dataset, let a function change the value or return another, and save it."""

    def apply(name: str, edit: Callable[[Any], Any]) -> None:
        path = dataset / name
        value = json.loads(path.read_text())
        replaced = edit(value)
        path.write_text(json.dumps(value if replaced is None else replaced))

    return apply
