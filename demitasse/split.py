"""Training and evaluation parts of a dataset, parted by video: no video is ever on both sides.

Which side a video falls on depends on its id and the seed alone, never on the order of files or items. Videos
that are the same (one file under two ids, or copies byte for byte) or that a field of the items ties together
stay on one side.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from demitasse.atomic import write_text
from demitasse.dataset import Item, TaskFile, rebased, write
from demitasse.errors import DataError
from demitasse.media.probe import content_hash

SIDES = ("train", "eval")
RECORD = "split.json"


@dataclass(frozen=True, slots=True)
class Split:
    """Two sides of a dataset; `train_ids` and `eval_ids` are the sorted media ids on each, `seed` what parted them."""

    train: list[TaskFile]
    eval: list[TaskFile]
    train_ids: list[str]
    eval_ids: list[str]
    seed: int


def split_by_video(files: Sequence[TaskFile], eval_part: float, seed: int = 0, together: str | None = None) -> Split:
    """Part dataset files by video.

    Videos are ranked by a hash of the seed and their id; the first of them are for evaluation.

    Args:
        files: as read; a task keeps its file on both sides.
        eval_part: a fraction of the videos if below 1, otherwise their number.
        seed: another seed, another split.
        together: an extra field of the items; videos whose items share its value stay on one side (clips of one
            recording, say).

    Raises:
        DataError: if a side would be empty, two files share a name, or an item lacks the field `together`.
    """
    names = [_name(task_file) for task_file in files]
    if len(set(names)) < len(names):
        raise DataError(f"two dataset files are called {max(names, key=names.count)}; give each a name of its own")
    groups = _groups(files, together)
    ranked = sorted(groups, key=lambda group: hashlib.sha256(f"{seed}:{min(group)}".encode()).digest())
    count = _eval_count(eval_part, len(ranked))
    held_out = {media_id for group in ranked[:count] for media_id in group}
    kept = {media_id for group in ranked[count:] for media_id in group}
    return Split(_only(files, kept), _only(files, held_out), sorted(kept), sorted(held_out), seed)


def write_split(split: Split, folder: Path | str) -> list[Path]:
    """Write `train/` and `eval/` with their task files, and `split.json`, which records who went where.

    Doing it again is safe: an earlier split of the folder is replaced, and files of tasks that a side no longer
    has are removed.

    Returns:
        The dataset files written.

    Raises:
        DataError: if the dataset itself lies in the folder or in a side's, or a side's folder already holds JSON that
            no split has put there. Nothing is written then.
    """
    folder = Path(folder)
    _refuse_source(split, folder)
    targets = {folder / side / _name(file): file for side in SIDES for file in getattr(split, side)}
    stale = [path for side in SIDES for path in sorted((folder / side).glob("*.json")) if path not in targets]
    foreign = [*stale, *(path for path in targets if path.exists())] if not (folder / RECORD).is_file() else []
    if foreign:
        raise DataError(f"{foreign[0]} is in the way and comes from no earlier split; choose another folder")
    record = {"seed": split.seed, "train": split.train_ids, "eval": split.eval_ids}
    write_text(folder / RECORD, json.dumps(record, indent=2) + "\n")
    for path in stale:
        path.unlink()
    for path, task_file in targets.items():
        write(path, rebased(task_file, path.parent))
    return list(targets)


def _refuse_source(split: Split, folder: Path) -> None:
    """A side that is split again into its split's folder would be overwritten, and the other side lost.

    In the dataset's own folder the sides would be hidden: it is still read as the whole.
    """
    paths = [file.path for file in (*split.train, *split.eval) if file.path]
    sources = {source for path in paths for source in (path.parent.resolve(), path.resolve().parent)}
    for place in (folder, *(folder / side for side in SIDES)):
        if place.resolve() in sources:
            raise DataError(f"{place} holds the dataset that is to be split; choose another folder for its parts")


def learnt_before(split: Split, folder: Path | str) -> set[str] | None:
    """What `split` holds out that an earlier split of the folder trained on.

    Returns:
        Media ids; None if there is no earlier split, or it is the same.
    """
    try:
        record = json.loads((Path(folder) / RECORD).read_text(encoding="utf-8"))
        train, held_out = set(record["train"]), set(record["eval"])
    except (OSError, ValueError, KeyError, TypeError):  # it is replaced in any case
        return None
    same = (train, held_out) == (set(split.train_ids), set(split.eval_ids))
    return None if same else train & set(split.eval_ids)


def _eval_count(part: float, videos: int) -> int:
    if not math.isfinite(part):
        raise DataError(f"{part} is no part for evaluation; take a fraction below 1 or a whole number")
    count = round(part * videos) if 0 < part < 1 else round(part)
    if part >= 1 and count != part:
        raise DataError(f"{part} videos or images for evaluation is neither a fraction below 1 nor a whole number")
    if not 0 < count < videos:
        raise DataError(
            f"{part} of {videos} separate videos or images for evaluation leaves a side empty; "
            f"take between 1 and {videos - 1}"
        )
    return count


def _groups(files: Sequence[TaskFile], together: str | None) -> list[set[str]]:
    """Media ids that must stay together, as sets that do not overlap."""
    ties: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    places: dict[Path, str] = {}
    for task_file in files:
        for index, item in enumerate(task_file.items):
            ties["id", item.media_id].add(item.media_id)
            place = task_file.media_path(item).resolve()
            ties["place", str(place)].add(item.media_id)
            places.setdefault(place, item.media_id)
            if together is not None:
                ties["field", _tie(task_file, index, item, together)].add(item.media_id)
    return _joined([*ties.values(), *_copies(places)])


def _tie(task_file: TaskFile, index: int, item: Item, field: str) -> str:
    if field not in item.extra:
        raise DataError(
            f"{_name(task_file)}: items[{index}] has no field '{field}', by which videos or images are kept together"
        )
    return json.dumps(item.extra[field], sort_keys=True)


def _copies(places: dict[Path, str]) -> Iterable[set[str]]:
    """Ids of files with the same content. Only files of one size are read."""
    by_size: defaultdict[int, list[Path]] = defaultdict(list)
    for place in places:
        if place.is_file():
            by_size[place.stat().st_size].append(place)
    by_content: defaultdict[str, set[str]] = defaultdict(set)
    for alike in by_size.values():
        for place in alike if len(alike) > 1 else ():
            by_content[content_hash(place)].add(places[place])
    return by_content.values()


def _joined(ties: Iterable[set[str]]) -> list[set[str]]:
    """Merge sets that share a member, until none do."""
    group_of: dict[str, set[str]] = {}
    for tie in ties:
        merged = set(tie)
        for member in tie:
            merged |= group_of.get(member, set())
        for member in merged:
            group_of[member] = merged
    return list({id(group): group for group in group_of.values()}.values())


def _only(files: Sequence[TaskFile], media_ids: set[str]) -> list[TaskFile]:
    chosen = (replace(file, items=[item for item in file.items if item.media_id in media_ids]) for file in files)
    return [task_file for task_file in chosen if task_file.items]


def _name(task_file: TaskFile) -> str:
    return task_file.path.name if task_file.path else f"{task_file.task or 'annotation'}.json"
