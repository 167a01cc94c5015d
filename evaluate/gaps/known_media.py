"""Which videos and images a run asked about or a dataset is of, by their bytes: what is not to be chosen again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.dataset import read, read_folder
from demitasse.errors import DataError
from demitasse.media.probe import content_hash

if TYPE_CHECKING:
    from evaluate.comparing.arm import Arm

PREDICTIONS = "predictions.jsonl"


def media_of(path: Path) -> frozenset[str]:
    """Content hashes of the media of a run's folder, a dataset file, or a folder of dataset files.

    Raises:
        DataError: if it is none of these, or it cannot be said which files its items are about.
        MediaError: if a file that a dataset names is not there.
    """
    if (path / PREDICTIONS).is_file():
        from evaluate.comparing.arm import load_arm

        return media_of_run(load_arm(path))
    files = read_folder(path) if path.is_dir() else [read(path)]
    media = {file.media_path(item) for file in files for item in file.items}
    return frozenset(map(content_hash, media))


def media_of_run(arm: Arm) -> frozenset[str]:
    """Content hashes of what a run asked about.

    Raises:
        DataError: if nothing has been asked about one of its videos yet: its bytes are not known, and so it could be
            chosen.
    """
    told = {arm.items[item_id].video_id for item_id in arm.predictions}
    untold = sorted({asked.video_id for asked in arm.items.values()} - told)
    if untold:
        raise DataError(
            f"{arm.folder}: nothing has been asked about {untold[0]} yet, nor about {len(untold) - 1} others, so it "
            "cannot be told which files they are; finish the run with `demitasse predict`"
        )
    return frozenset(one.media for one in arm.predictions.values() if one.media)
