"""Which files of a pool are annotated next: none that the student was evaluated on, and those like its failures first.

Annotating what a student is evaluated on, and training on it, would make the next evaluation worthless. So files with
the bytes of an evaluated one are left out, whatever they are called; and so are those of other runs and datasets that
a person names: the test set, which the gaps are not read from, and what was annotated before.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from demitasse.errors import DataError
from demitasse.media.probe import content_hash
from demitasse.media.walk import find_files

if TYPE_CHECKING:
    from demitasse.embedding import Embedder

NEAREST = 5  # failures that a file is measured by: one alone may be an odd one


@dataclass(frozen=True, slots=True)
class Pool:
    """Files that may be annotated, by their name under the pool's folder.

    Attributes:
        files: those that were not evaluated.
        evaluated: names of those that were.
        named: names of others that a person wants left out.
        skipped: files that cannot be used, with the reason.
    """

    files: Mapping[str, Path]
    evaluated: tuple[str, ...]
    named: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]


def read_pool(
    folder: Path, suffixes: frozenset[str], evaluated: frozenset[str], named: frozenset[str] = frozenset()
) -> Pool:
    """The files below a folder.

    Args:
        folder: is walked with all its subfolders.
        suffixes: endings that count, in lower case.
        evaluated: content hashes of what the student was asked about.
        named: content hashes of what is to be left out for another reason.

    Raises:
        DataError: if there is no such folder, or nothing in it that is left.
    """
    found = find_files(folder, suffixes)
    names = {path.relative_to(folder).as_posix(): path for path in found.files}
    hashes = {name: content_hash(path) for name, path in names.items()}
    asked = {name for name, one in hashes.items() if one in evaluated}
    others = {name for name, one in hashes.items() if one in named} - asked
    kept = {name: path for name, path in names.items() if name not in asked | others}
    if not kept:
        also = f", but for {len(others)} that --leave-out names" if others else ""
        raise DataError(
            f"{folder} holds {len(names)} files, and the student was evaluated on each of them{also}; give a spec of "
            "others, or training on them would make its evaluation worthless"
        )
    skipped = tuple((path.relative_to(folder).as_posix(), reason) for path, reason in found.skipped)
    return Pool(kept, tuple(sorted(asked)), tuple(sorted(others)), skipped)


def read_captions(path: Path) -> dict[str, str]:
    """Texts by file name, from an earlier run's `captions.jsonl` or `descriptions.jsonl`.

    A row names its file in `video`, `image` or `video_path`; every other text in it counts.

    Raises:
        DataError: if the file cannot be read, or a row names no file.
    """
    texts: dict[str, str] = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror or fault}") from fault
    for number, line in enumerate(lines, start=1):
        try:
            row = orjson.loads(line)
            name = next(row[key] for key in ("video", "image", "video_path") if key in row)
        except (orjson.JSONDecodeError, StopIteration, TypeError):
            raise DataError(f"{path}, line {number}: no JSON object with 'video', 'image' or 'video_path'") from None
        told = [text for key, text in row.items() if isinstance(text, str) and text != name]
        texts[str(name)] = "\n".join(told)
    return texts


def in_some_order(pool: Pool, seed: int) -> list[str]:
    """The pool's names in a random order that the seed decides."""
    names = sorted(pool.files)
    random.Random(seed).shuffle(names)
    return names


def nearest(
    pool: Pool, captions: Mapping[str, str], failures: Sequence[Sequence[str]], embedder: Embedder, seed: int
) -> list[str]:
    """The pool's names, those whose captions are like the failures first; without a caption, last.

    Args:
        pool: what there is to choose from.
        captions: texts by name.
        failures: the texts of failed items, gap by gap; the gaps take turns, so that each is served.
        embedder: says how alike two texts are.
        seed: of the order of what has no caption.
    """
    import numpy as np

    told = [name for name in sorted(pool.files) if captions.get(name)]
    vectors = embedder.embed([captions[name] for name in told])
    orders = []
    for texts in failures:
        alike = np.sort(vectors @ embedder.embed(list(dict.fromkeys(texts))).T, axis=1)[:, -NEAREST:].mean(axis=1)
        orders.append([told[place] for place in np.argsort(-alike, kind="stable")])
    turns = [name for turn in zip_longest(*orders) for name in turn if name is not None]
    rest = [name for name in in_some_order(pool, seed) if name not in set(told)]
    return list(dict.fromkeys([*turns, *rest]))
