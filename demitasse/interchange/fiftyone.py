"""FiftyOne's `FiftyOneImageDetectionDataset`, one way: `labels.json` and the images in `data/`.

    {"classes": [...], "labels": {"<path under data/ without its suffix>": [
        {"label", "bounding_box": [x, y, width, height], "confidence",
         "attributes": {"color", "description", "phrases"}}]}}

    fiftyone.Dataset.from_dir(OUT, fiftyone.types.FiftyOneImageDetectionDataset, label_field="things")

Boxes are fractions of the displayed image. Attributes become fields of a detection: `phrases` lists the expressions
that mean it. FiftyOne tells images apart by their paths without suffix, so of `a.jpg` and `a.png` the second gets
another name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from demitasse.atomic import write_text
from demitasse.errors import DataError
from demitasse.interchange.new_folder import Media, put_medium, remove_others
from demitasse.interchange.referring import Picture, Thing

LABELS = "labels.json"
DATA = "data"

Json = dict[str, Any]


def write(pictures: Sequence[Picture], out: Path, media: Media) -> str:
    """Write the folder.

    Returns:
        What was written, in words.

    Raises:
        DataError: if an image is not there; the message names it.
    """
    sources = [_source(picture) for picture in pictures]
    names = _names(pictures)
    remove_others(out, {f"{DATA}/{name}" for name in names})
    for source, name in zip(sources, names, strict=True):
        put_medium(source, out / DATA / name, media)
    labels = {
        os.path.splitext(name)[0]: [_detection(thing, picture) for thing in picture.marked]
        for name, picture in zip(names, pictures, strict=True)
    }
    classes = sorted({thing.type for picture in pictures for thing in picture.marked})
    write_text(out / LABELS, json.dumps({"classes": classes, "labels": labels}, indent=1, allow_nan=False) + "\n")
    return f"{len(names)} images with {sum(map(len, labels.values()))} detections"


def _detection(thing: Thing, picture: Picture) -> Json:
    x, y, width, height = thing.corner_and_size
    box = [x / picture.width, y / picture.height, width / picture.width, height / picture.height]
    told = {"color": thing.color, "description": thing.description, "phrases": list(thing.phrases)}
    detection: Json = {"label": thing.type, "bounding_box": box}
    if thing.score is not None:
        detection["confidence"] = thing.score
    return detection | {"attributes": {name: value for name, value in told.items() if value}}


def _source(picture: Picture) -> Path:
    path = Path(os.path.abspath(picture.path))
    if not path.is_file():
        raise DataError(
            f"there is no image {path}, where {picture.image} was annotated; put it back, or export in the folder in "
            "which `demitasse annotate image` ran"
        )
    return path


def _names(pictures: Sequence[Picture]) -> list[str]:
    """Paths under `data/` that differ without their suffixes."""
    names: dict[str, str] = {}
    for picture in pictures:
        stem, suffix = os.path.splitext(picture.image)
        number = 1
        free = stem
        while free in names:
            number += 1
            free = f"{stem}-{number}"
        names[free] = PurePosixPath(f"{free}{suffix}").as_posix()
    return list(names.values())
