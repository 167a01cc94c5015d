"""RefCOCO-style referring expressions, one way: `refs.json` beside a COCO `instances.json`.

    [{"ref_id", "image_id", "file_name", "split": "train", "ann_id": [...], "category_id": [...], "no_target": false,
      "sent_ids": [...], "sentences": [{"sent_id", "raw", "sent", "tokens"}]}]

A ref is a set of boxes with all the phrases that mean just them. RefCOCO knows one box a ref; phrases that mean
several need gRefCOCO's form, in which `ann_id` and `category_id` are lists, and this is it. `raw` is the phrase as it
was written, `tokens` its words in lower case, `sent` the tokens joined. RefCOCO ships its refs as a Python pickle,
which can run code when it is read; these are JSON, as gRefCOCO's are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from demitasse.atomic import write_text
from demitasse.interchange.coco import INSTANCES, instances
from demitasse.interchange.referring import Picture

REFS = "refs.json"
SPLIT = "train"  # the annotations are of one set; whoever parts them parts images, not phrases

Json = dict[str, Any]


def write(pictures: Sequence[Picture], out: Path) -> str:
    """Write both files into a folder.

    Returns:
        What was written, in words.
    """
    document = instances(pictures, [picture.marked for picture in pictures])
    refs = list(_refs(pictures, [annotation["category_id"] for annotation in document["annotations"]]))
    write_text(out / INSTANCES, json.dumps(document, indent=1, allow_nan=False) + "\n")
    write_text(out / REFS, json.dumps(refs, indent=1) + "\n")
    boxes = len(document["annotations"])
    return f"{len(refs)} refs with {sum(len(ref['sentences']) for ref in refs)} sentences, {boxes} boxes"


def _refs(pictures: Sequence[Picture], categories: Sequence[int]) -> Iterator[Json]:
    """`categories` are those of all annotations, in the order of their ids."""
    first = accumulate((len(picture.marked) for picture in pictures), initial=1)
    ref_id = sent_id = 0
    for image_id, (picture, start) in enumerate(zip(pictures, first, strict=False), 1):
        for marked, texts in _by_boxes(picture).items():
            ref_id += 1
            sentences = [_sentence(number, text) for number, text in enumerate(texts, sent_id + 1)]
            sent_id += len(sentences)
            ann_ids = [start + place for place in marked]
            yield {
                "ref_id": ref_id,
                "image_id": image_id,
                "file_name": picture.image,
                "split": SPLIT,
                "ann_id": ann_ids,
                "category_id": [categories[number - 1] for number in ann_ids],
                "no_target": not ann_ids,
                "sent_ids": [sentence["sent_id"] for sentence in sentences],
                "sentences": sentences,
            }


def _by_boxes(picture: Picture) -> dict[tuple[int, ...], list[str]]:
    found: dict[tuple[int, ...], list[str]] = {}
    for phrase in picture.phrases:
        found.setdefault(tuple(sorted(phrase.marked)), []).append(phrase.text)
    return found


def _sentence(sent_id: int, text: str) -> Json:
    tokens = re.findall(r"\w+(?:[-'’]\w+)*", text.lower())
    return {"sent_id": sent_id, "raw": text, "sent": " ".join(tokens), "tokens": tokens}
