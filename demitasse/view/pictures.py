"""From the results of `demitasse annotate image` to what lies over each picture.

`annotations.jsonl` is read where it is; what it does not hold yet comes from the journals of the steps, so that a run
that is still at work can be looked at. Only files are read, by the names and fields that TAO gives them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from demitasse.engine.journal import read_rows
from demitasse.errors import DataError
from demitasse.view.contents import Entry, Mark, MediaTable, Review, Tone
from demitasse.view.expressions import (
    TASK,
    Json,
    Size,
    expression_items,
    image_of,
    objects,
    pixels_of,
    size_of,
)

ANNOTATIONS = "annotations.jsonl"
# In the order of the steps; of what two of them say, the later counts.
JOURNALS = {
    "media": "seed_annotations.jsonl",
    "0": "step_0_region_expr/annotations.jsonl",
    "1": "step_1_image_caption/annotations.jsonl",
    "2": "step_2_grounding_expr/annotations.jsonl",
    "3": "step_3_double_check/annotations.jsonl",
    "4": "step_4_blind_grounding/annotations.jsonl",
}
OUTCOMES = {"quarantine.jsonl": "quarantined", "skipped.jsonl": "skipped"}
AGREES, DIFFERS = 0.75, 0.5  # mean IoU of two models' boxes from which on they mean the same, and under which not


def is_picture_results(path: Path) -> bool:
    """Whether a path is a results folder of `annotate image`, or an annotations file of one."""
    if path.is_file():
        return path.suffix == ".jsonl"
    return any((path / name).is_file() for name in (ANNOTATIONS, *JOURNALS.values()))


def annotation_rows(path: Path) -> dict[str, Json]:
    """What is known of each picture, by its path under the pictures' folder.

    Raises:
        DataError: if a file is damaged.
    """
    if path.is_file():
        return {image_of(row): row for row in _rows(path)}
    rows: dict[str, Json] = {}
    for step, name in JOURNALS.items():
        for row in _rows(path / name):
            rows[image_of(row)] = _with_step(rows.get(image_of(row), {}), step, row)
    return rows | {image_of(row): row for row in _rows(path / ANNOTATIONS)}


def _with_step(known: Json, step: str, row: Json) -> Json:
    """What is known of a picture with what a step adds; each step may leave boxes out (`not_shown`)."""
    origin = {step: row["provenance"]} if isinstance(row.get("provenance"), dict) else {}
    left_out = [*objects(known.get("left_out")), *objects(row.get("left_out")), *objects(row.get("not_shown"))]
    return known | row | {"provenance": known.get("provenance", {}) | origin, "left_out": left_out}


def _rows(path: Path) -> Iterator[Json]:
    for row in read_rows(path) if path.is_file() else ():
        if image_of(row):
            yield row


def add_pictures(review: Review, table: MediaTable, path: Path) -> None:
    """Put the pictures of a results folder, and the expressions about them, into a review.

    Raises:
        DataError: if a file is damaged.
    """
    rows = annotation_rows(path)
    root = _image_folder(path) or next((_folder_of(row, image) for image, row in rows.items()), None)
    for image, row in rows.items():
        index = table.index(image, root)
        medium = review.media[index]
        medium.size = size_of(row)
        medium.picture = _overlay(row)
        if isinstance(row.get("caption"), str):
            medium.texts["Caption"] = row["caption"]
        if isinstance(row.get("provenance"), dict):
            medium.provenance = row["provenance"]
        review.entries += (Entry(item, TASK, index, _marks(item.extra)) for item in expression_items(row))
    for name, ended in OUTCOMES.items() if path.is_dir() else ():
        for row in _rows(path / name):
            step = f" in step {row['step']}" if row.get("step") else ""
            note = f"{ended}{step}: {row.get('reason', 'no reason was kept')}"
            review.media[table.index(image_of(row), root)].note = note
    if not review.media:
        raise DataError(f"{path} tells of no picture yet; wait for `annotate image` to measure the first")


def _image_folder(path: Path) -> Path | None:
    """The pictures' folder, by the configuration that `annotate image` saved beside its results."""
    try:
        spec = yaml.safe_load((path / "annotate.yaml").read_text(encoding="utf-8"))
        folder = spec["image_referring_expression"]["data"]["image_dir"]
    except (OSError, yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError):
        return None
    return Path(folder) if folder and isinstance(folder, str) else None


def _folder_of(row: Mapping[str, Any], image: str) -> Path | None:
    """The pictures' folder, by where a row says that its picture lies."""
    path = str(row.get("image_path", ""))
    return Path(path.removesuffix(image) or ".") if path.endswith(image) else None


def _overlay(row: Mapping[str, Any]) -> Json:
    """What the page draws over a picture besides its expressions; every box is `px`, in pixels of the picture."""
    size = size_of(row)
    labels = row.get("boxes") if isinstance(row.get("boxes"), list) else _tao_labels(row)
    return {
        "labels": [_drawn(one, size, "type", "truncated", "occluded", "score", "line") for one in objects(labels)],
        "regions": [
            _drawn(one, size, "type", "color", "description", "box", "box_iou") for one in objects(row.get("regions"))
        ],
        "leftOut": [_told(one, "line", "reason") for one in objects(row.get("left_out"))],
        "removed": [
            _told(one, "text", "review") | {"boxes": [_drawn(box, size) for box in objects(one.get("instances"))]}
            for one in objects(row.get("removed"))
        ],
    }


def _tao_labels(row: Mapping[str, Any]) -> list[Json]:
    """Labels of a row that TAO wrote: four numbers and a type each."""
    boxes = row.get("kitti_bboxes")
    found = [box for box in boxes if isinstance(box, list) and len(box) == 5] if isinstance(boxes, list) else []
    return [{"bbox_px": box[:4], "type": box[4]} for box in found]


def _drawn(box: Json, size: Size | None, *names: str) -> Json:
    return {"px": pixels_of(box, size)} | _told(box, *names)


def _told(value: Json, *names: str) -> Json:
    return {name: value[name] for name in names if value.get(name) is not None}


def _marks(expression: Mapping[str, Any]) -> list[Mark]:
    """What the double check and the second model said about an expression."""
    marks = []
    check, agreement = expression.get("check"), expression.get("agreement")
    if isinstance(check, dict):
        marks.append(_check_mark(check))
    if isinstance(agreement, dict):
        marks.append(_agreement_mark(agreement))
    return marks


def _check_mark(check: Json) -> Mark:
    if check.get("unchecked"):
        return Mark("double check", "not checked", "unsure", str(check["unchecked"]))
    moved, removed = objects(check.get("moved")), objects(check.get("removed"))
    shares = ", ".join(f"{one['iou']:.2f}" for one in moved if isinstance(one.get("iou"), int | float))
    counts = {"kept": check.get("kept"), f"moved (IoU {shares})": len(moved), "removed": len(removed)}
    verdict = "removed boxes" if removed else "moved boxes" if moved else "kept"
    reason = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return Mark("double check", verdict, "unsure" if moved or removed else "good", reason)


def _agreement_mark(agreement: Json) -> Mark:
    share, found, expected = (agreement.get(name) for name in ("iou", "found", "expected"))
    verdict: str = "not scored"
    tone: Tone = "unsure"
    if isinstance(share, int | float):
        verdict = "agrees" if share >= AGREES else "differs" if share < DIFFERS else "nearly agrees"
        tone = "good" if share >= AGREES else "bad" if share < DIFFERS else "unsure"
    score = f"IoU {share:.2f}; " if isinstance(share, int | float) else ""
    who = str(agreement.get("model") or "a second model")
    return Mark("blind grounding", verdict, tone, f"{score}{who} found {found} of {expected}")
