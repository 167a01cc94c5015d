"""COCO JSON of annotated images, one way: `instances.json`, the labelled boxes, and `captions.json`.

    {"info", "licenses", "images": [{"id", "file_name", "width", "height"}],
     "annotations": [{"id", "image_id", "category_id", "bbox": [x, y, width, height], "area", "iscrowd": 0,
                      "attributes"}],
     "categories": [{"id", "name", "supercategory"}]}

Boxes are pixels of the displayed image, as COCO counts them; `area` is the box's, and there is no `segmentation`, for
a box is no mask. `attributes` (which CVAT and others read too) holds what was said of the object. Ids count from 1,
because COCO's own evaluation takes an id of 0 for no match. `file_name` is the path under the image folder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from demitasse.atomic import write_text
from demitasse.interchange.referring import Picture, Thing

Json = dict[str, Any]

INSTANCES = "instances.json"
CAPTIONS = "captions.json"


def write(pictures: Sequence[Picture], out: Path) -> str:
    """Write both files into a folder; captions only if there are any.

    Returns:
        What was written, in words.
    """
    document = instances(pictures, [picture.objects for picture in pictures])
    captions = _captions(pictures)
    _write(out / INSTANCES, document)
    if captions["annotations"]:
        _write(out / CAPTIONS, captions)
    counts = len(document["annotations"]), len(document["categories"]), len(captions["annotations"])
    return "{} boxes of {} categories, {} captions".format(*counts)


def instances(pictures: Sequence[Picture], things: Sequence[Sequence[Thing]]) -> Json:
    """The document of these things: `things[i]` are those of `pictures[i]`. Annotation ids count on in this order."""
    names = sorted({thing.type for of_one in things for thing in of_one})
    categories = {name: number for number, name in enumerate(names, 1)}
    annotations: list[Json] = []
    for image_id, of_one in enumerate(things, 1):
        for thing in of_one:
            annotations.append(_annotation(len(annotations) + 1, image_id, categories[thing.type], thing))
    return _document(pictures, annotations) | {
        "categories": [{"id": number, "name": name, "supercategory": "object"} for name, number in categories.items()]
    }


def _annotation(number: int, image_id: int, category_id: int, thing: Thing) -> Json:
    x, y, width, height = thing.corner_and_size
    told = {"color": thing.color, "description": thing.description, "score": thing.score}
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": [x, y, width, height],
        "area": width * height,
        "iscrowd": 0,
        "attributes": {name: value for name, value in told.items() if value not in ("", None)},
    }


def _captions(pictures: Sequence[Picture]) -> Json:
    said = [(image_id, picture.caption) for image_id, picture in enumerate(pictures, 1) if picture.caption]
    annotations = [
        {"id": number, "image_id": image_id, "caption": caption} for number, (image_id, caption) in enumerate(said, 1)
    ]
    return _document(pictures, annotations)


def _document(pictures: Sequence[Picture], annotations: list[Json]) -> Json:
    images = [
        {"id": number, "file_name": picture.image, "width": picture.width, "height": picture.height}
        for number, picture in enumerate(pictures, 1)
    ]
    info = {"description": "Written by demitasse data export"}
    return {"info": info, "licenses": [], "images": images, "annotations": annotations}


def _write(path: Path, document: Json) -> None:
    write_text(path, json.dumps(document, indent=1, allow_nan=False) + "\n")
