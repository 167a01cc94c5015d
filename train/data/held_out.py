"""What a run is validated on must not be what it learns: who shares what, as a sentence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from demitasse.media.probe import content_hash
from train.config import ValidateConfig
from train.data.lessons import Lesson, read_items


def overlap(lessons: Sequence[Lesson], validate: ValidateConfig) -> str:
    """How many held-out media and questions are among the lessons; empty if none are, or none is held out.

    Media are the same if they lie in the same place or hold the same bytes.
    """
    if not validate.files:
        return ""
    held = read_items(validate.files, validate.tasks)
    known = _same(dict.fromkeys(one.media for one in held), dict.fromkeys(one.media for one in lessons))
    if not known:
        return ""
    asked = {(one.media.resolve(), one.item.question) for one in lessons}
    shared = [one for one in held if one.media in known]
    again = sum((known[one.media].resolve(), one.item.question) in asked for one in shared)
    media = len({one.media for one in held})
    return (
        f"{len(known)} of the {media} videos and images of validate.files are learnt from as well, the first "
        f"{next(iter(known))}, and {again} of their {len(held)} questions: what validation finds is then no measure of "
        "what the student makes of others; `demitasse data split` makes files that share none"
    )


def _same(held: Iterable[Path], learnt: Iterable[Path]) -> dict[Path, Path]:
    """Each held-out medium that is learnt from, and which one it is there."""
    by_place: dict[Path, Path] = {}
    by_size: dict[int, list[Path]] = defaultdict(list)
    for path in learnt:
        by_place[path.resolve()] = path
        by_size[_size(path)].append(path)
    found = {}
    for path in held:
        # Only files of one size can be the same, and few are: hardly any has to be read.
        alike = (one for one in by_size.get(_size(path), []) if path.is_file() and _equal(path, one))
        same = by_place.get(path.resolve()) or next(alike, None)
        if same is not None:
            found[path] = same
    return found


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _equal(one: Path, other: Path) -> bool:
    return content_hash(one) == content_hash(other)
