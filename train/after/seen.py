"""What the student has seen by the end of its training: the media it learnt from, and the items it was chosen on.

It goes into the student's folder, so that whoever evaluates it later is warned (`demitasse predict`).
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson

from demitasse.dataset import TaskFile, read, read_folder
from demitasse.dataset.shown_frames import shown_frames
from demitasse.media.probe import content_hash
from demitasse.student.trained_on import TrainedOn, read_trained_on
from train.config import DataConfig, TrainConfig
from train.loop.validation import LOG, MEAN, ROUNDS
from train.track.ledger import read_ledger

THREADS = 8
ITEMS = "items.jsonl"  # in the folder of a round, as `demitasse predict` writes it


def media_of(data: DataConfig) -> list[str]:
    """The content hash of each video and image that is learnt from; the frame cache needs them anyway."""
    paths = dict.fromkeys(path for file in _files(data.files) for path in _shown(file, data.tasks))
    with ThreadPoolExecutor(THREADS) as pool:
        return sorted(set(pool.map(content_hash, filter(Path.is_file, paths))))


def seen_by(config: TrainConfig, media: Iterable[str]) -> TrainedOn:
    """What the run's student has seen, what it was trained further from included.

    Args:
        config: of the run, which is over: its rounds of validation are in its folder.
        media: what `media_of` found when it began.
    """
    output, figure = Path(config.output_dir), config.validate.metric or MEAN
    rounds = [row["step"] for row in read_ledger(output / LOG) if row.get(figure) is not None]
    chosen_on = _ids(output / ROUNDS / f"step_{rounds[0]:06d}" / ITEMS) if rounds else ()
    own = TrainedOn(frozenset(media), len(rounds), frozenset(chosen_on))
    earlier = read_trained_on(Path(config.model.path)) or TrainedOn()
    chosen = [one for one in (earlier, own) if one.rounds > 1] or [own]
    return TrainedOn(
        own.media | earlier.media,
        sum(one.rounds for one in chosen),
        frozenset().union(*(one.chosen_on for one in chosen)),
    )


def _files(paths: Iterable[str]) -> list[TaskFile]:
    return [file for path in map(Path, paths) for file in (read_folder(path) if path.is_dir() else [read(path)])]


def _shown(file: TaskFile, tasks: list[str]) -> Iterable[Path]:
    for item in file.items:
        if (not tasks or file.task_of(item) in tasks) and shown_frames(item) != []:
            yield file.media_path(item)


def _ids(path: Path) -> list[str]:
    if not path.is_file():
        return []
    return [orjson.loads(line)["item_id"] for line in path.read_bytes().splitlines()]
