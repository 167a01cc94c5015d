"""TAO's text files, `labels/<image_id>.txt.stepN` in each step's folder, byte for byte as it writes them.

A JSON array of regions, the bare caption, and lines `phrase: [[x1, y1, x2, y2], ...]`, all boxes in 0-1000.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from annotate.referring import double_check, grounding, regions, scene_caption
from annotate.referring.grammar import write_line
from demitasse.atomic import write_text

FILES = {"0": regions.FILE, "1": scene_caption.FILE, "2": grounding.FILE, "3": double_check.FILE}

Row = Mapping[str, Any]


def legacy_path(results_dir: Path, step: str, image_id: str) -> Path:
    """Where the text file of a step and an image is."""
    return (results_dir / FILES[step]).parent / "labels" / f"{image_id}.txt.step{step}"


def write(results_dir: Path, image_id: str, rows: Mapping[str, Row]) -> bool:
    """Write an image's text files, of its rows by step; the file of a step without a row is removed.

    Returns:
        False if the name of the image is too long for that of a text file, which is longer.
    """
    paths = {step: legacy_path(results_dir, step, image_id) for step in FILES}
    longest = os.pathconf(results_dir, "PC_NAME_MAX")  # bytes, as the filesystem has it
    if any(len(os.fsencode(path.name)) > longest for path in paths.values()):
        return False
    for step, path in paths.items():
        row = rows.get(step)
        if row is None:
            path.unlink(missing_ok=True)
            continue
        text = _TEXTS[step](row)
        if not path.exists() or path.read_bytes() != text.encode():
            write_text(path, text, durable=False)
    return True


def regions_text(row: Row) -> str:
    """Step 0's file: an array, indented, without a line's end after it."""
    kept = [{name: region[name] for name in ("bbox_2d", "type", "color", "description")} for region in row["regions"]]
    return json.dumps(kept, ensure_ascii=False, indent=2)


def caption_text(row: Row) -> str:
    """Step 1's file: the caption and nothing else."""
    return str(row["caption"])


def expressions_text(row: Row) -> str:
    """Step 2's and 3's file: a line for each expression; empty if there are none."""
    lines = [
        write_line(one["text"], [instance["bbox_2d"] for instance in one["instances"]]) for one in row["expressions"]
    ]
    return "".join(f"{line}\n" for line in lines)


_TEXTS: Mapping[str, Callable[[Row], str]] = {
    "0": regions_text,
    "1": caption_text,
    "2": expressions_text,
    "3": expressions_text,
}
