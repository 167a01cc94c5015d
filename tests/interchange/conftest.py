"""A results folder as `annotate image` leaves it, written by hand: what its boxes are is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

SIZES = {"a/1.png": (1242, 375), "a/1.jpg": (407, 663), "ü.png": (4000, 300)}


def box(bbox_px: list[float], kind: str, **more: Any) -> dict[str, Any]:
    return {"bbox_px": bbox_px, "type": kind, "truncated": 0.0, "occluded": 0, "line": 1} | more


def region(bbox_px: list[float], index: int | None, colour: str, description: str) -> dict[str, Any]:
    return {"bbox_px": bbox_px, "type": "car", "color": colour, "description": description, "box": index}


def expression(number: int, text: str, *instances: tuple[list[float], int | None]) -> dict[str, Any]:
    boxes = [
        {"bbox_px": bbox_px, "region": index, "bbox_id": f"b{place}"}
        for place, (bbox_px, index) in enumerate(instances)
    ]
    return {"text": text, "expression_id": f"e{number}", "instances": boxes}


RED, BLUE, FAR = [100.0, 150.25, 220.5, 240.0], [700.3, 160.0, 900.0, 300.0], [0.1, 0.2, 33.3, 375.0]
MOVED = [701.0, 161.5, 899.0, 299.0]

ROWS: list[dict[str, Any]] = [
    {
        "image": "a/1.png",
        "caption": "A road with two cars.",
        "boxes": [box(RED, "Car", score=0.9), box(BLUE, "Car"), box(FAR, "Pedestrian")],
        "regions": [region(RED, 0, "red", "red car by the gate"), region(BLUE, 1, "blue", "blue car")],
        "expressions": [
            expression(0, "red car", (RED, 0)),
            expression(1, "the car by the gate", (RED, 0)),
            expression(2, "cars", (MOVED, 1), (RED, 0)),
            expression(3, 'what nobody described: "X"', ([5.0, 6.0, 7.5, 9.0], None)),
        ],
    },
    {"image": "a/1.jpg", "boxes": [box([0.0, 0.0, 407.0, 663.0], "Car")]},
    {"image": "ü.png", "boxes": [], "regions": [], "expressions": [], "caption": ""},
]


@pytest.fixture
def annotated(tmp_path: Path) -> Path:
    """The results folder; its images lie beside it."""
    folder = tmp_path / "results"
    folder.mkdir()
    for name, size in SIZES.items():
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(path)
    rows = (
        {
            "image_id": Path(row["image"]).stem,
            "image_path": str(tmp_path / "images" / row["image"]),
            "width": SIZES[row["image"]][0],
            "height": SIZES[row["image"]][1],
        }
        | row
        for row in ROWS
    )
    (folder / "annotations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder
