"""Label Studio's import, one way: `tasks.json`, and `label_config.xml` for a project that can show them.

A task is an image; its rectangles are a prediction, which a person corrects and submits. Rectangles are in per cent of
the displayed image, with its size beside them. The phrases that mean a rectangle stand in a text field of that
rectangle, which has its id; the caption is a field of the image.

`data.image` is the URL of a file on the server's own disk: `/data/local-files/?d=` and its path under the document
root, which here is the folder that the image folder lies in (a storage may not be the document root itself).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from demitasse.atomic import write_text
from demitasse.interchange.referring import Picture, Thing

TASKS = "tasks.json"
CONFIG = "label_config.xml"
LOCAL_FILES = "/data/local-files/?d="
MODEL_VERSION = "demitasse"

Json = dict[str, Any]


def write(pictures: Sequence[Picture], out: Path) -> str:
    """Write both files into a folder.

    Returns:
        What was written, in words.
    """
    tasks = [_task(picture) for picture in pictures]
    types = sorted({thing.type for picture in pictures for thing in picture.marked})
    write_text(out / TASKS, json.dumps(tasks, indent=1, allow_nan=False) + "\n")
    write_text(out / CONFIG, _config(types))
    rectangles = sum(len(picture.marked) for picture in pictures)
    return f"{len(tasks)} tasks with {rectangles} rectangles; make the project with {CONFIG}"


def _task(picture: Picture) -> Json:
    results = [result for index, thing in enumerate(picture.marked) for result in _results(index, thing, picture)]
    if picture.caption:
        results.append({"id": "caption", **_fields("caption", "textarea"), "value": {"text": [picture.caption]}})
    return {
        "data": {"image": LOCAL_FILES + quote(f"{_image_folder(picture)}/{picture.image}"), "name": picture.image},
        "predictions": [{"model_version": MODEL_VERSION, "result": results}],
    }


def _image_folder(picture: Picture) -> str:
    """The name of the folder that `picture.image` counts from."""
    return Path(os.path.abspath(picture.path)).parents[len(PurePosixPath(picture.image).parts) - 1].name


def _results(index: int, thing: Thing, picture: Picture) -> Iterator[Json]:
    x, y, width, height = thing.corner_and_size
    place: Json = {
        "x": 100 * x / picture.width,
        "y": 100 * y / picture.height,
        "width": 100 * width / picture.width,
        "height": 100 * height / picture.height,
        "rotation": 0,
    }
    shared = {
        "id": f"thing-{index}",
        "original_width": picture.width,
        "original_height": picture.height,
        "image_rotation": 0,
    }
    yield shared | _fields("label", "rectanglelabels") | {"value": place | {"rectanglelabels": [thing.type]}}
    if thing.phrases:
        yield shared | _fields("phrase", "textarea") | {"value": place | {"text": list(thing.phrases)}}


def _fields(name: str, kind: str) -> Json:
    return {"from_name": name, "to_name": "image", "type": kind}


def _config(types: Sequence[str]) -> str:
    """The labelling interface that the tasks' `from_name` and `to_name` speak of."""
    labels = "".join(f"    <Label value={quoteattr(name)}/>\n" for name in types)
    return (
        '<View>\n  <Image name="image" value="$image"/>\n'
        f'  <RectangleLabels name="label" toName="image">\n{labels}  </RectangleLabels>\n'
        '  <TextArea name="phrase" toName="image" perRegion="true" editable="true" placeholder="phrases"/>\n'
        '  <TextArea name="caption" toName="image" editable="true" placeholder="caption"/>\n</View>\n'
    )
