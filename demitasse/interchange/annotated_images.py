"""What `demitasse annotate image` wrote, in a format of others; the writers are one file each."""

from __future__ import annotations

from pathlib import Path

from demitasse.interchange import coco, fiftyone, label_studio, refcoco
from demitasse.interchange.new_folder import Media, new_folder, remove_others
from demitasse.interchange.referring import read_pictures

_WRITERS = {"coco": coco.write, "refcoco": refcoco.write, "label-studio": label_studio.write}


def write(source: Path, out: Path, target: str, media: Media) -> str:
    """Write a results folder, or its `annotations.jsonl`, as a new folder, whole or not at all.

    Args:
        source: what was annotated.
        out: a folder that is not there yet, or is empty.
        target: coco, refcoco, label-studio or fiftyone.
        media: for fiftyone, which holds the images: copy them, or make symbolic links to them.

    Returns:
        What was written, in words.

    Raises:
        DataError: if `source` is something else, `out` holds something, or an image is not there.
    """
    pictures = read_pictures(source)
    with new_folder(out) as folder:
        if target == "fiftyone":
            return fiftyone.write(pictures, folder, media)
        remove_others(folder, set())
        return _WRITERS[target](pictures, folder)
