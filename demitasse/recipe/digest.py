"""Hashes of files and folders, quick enough for those of a recipe.

A file of at most 8 MiB is hashed whole, with SHA-256. Of a larger one its size and sixteen blocks of 64 KiB
are, evenly spread from its first byte to its last, and the hash is marked `sampled:`: weights that were trained anew
differ in every block, and a journal that grew differs in size. A folder's hash is that of its files' names and hashes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

WHOLE = 8 << 20
SAMPLES, SAMPLE = 16, 64 << 10
# Who holds a folder, and from where a training would go on, are no results.
NO_RESULTS = frozenset({"LOCK", "LOCK.json", "checkpoints", "__pycache__"})

Stamp = tuple[int, int]  # size in bytes, time of the last change in nanoseconds


def file_hash(path: Path) -> str:
    """The hash of a file's content. Asked again about a file of the same size and time, this process remembers."""
    status = path.stat()
    return _hash(str(path.absolute()), (status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=100_000)
def _hash(path: str, stamp: Stamp) -> str:
    size = stamp[0]
    with open(path, "rb") as file:
        if size <= WHOLE:
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256(str(size).encode())
        for number in range(SAMPLES):
            file.seek((size - SAMPLE) * number // (SAMPLES - 1))
            digest.update(file.read(SAMPLE))
    return f"sampled:{digest.hexdigest()}"


def joint_hash(parts: Mapping[str, object]) -> str:
    """One hash for many names with what belongs to each."""
    digest = hashlib.sha256()
    for name in sorted(parts):
        digest.update(f"{name}\0{parts[name]}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def files_in(folder: Path, besides: Collection[Path] = ()) -> dict[str, Stamp]:
    """Every file in a folder and those within, by its path from there; hidden ones and `besides` are left out."""
    left_out = {str(path.absolute()) for path in besides}
    return dict(_walk(str(folder.absolute()), "", left_out, {os.path.realpath(folder)}))


def _walk(folder: str, prefix: str, left_out: Collection[str], entered: set[str]) -> Iterator[tuple[str, Stamp]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:  # gone, or not to be read: then there is nothing in it for us
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name in NO_RESULTS or entry.path in left_out:
            continue
        if entry.is_dir():
            if entry.is_symlink():
                if (target := os.path.realpath(entry.path)) in entered:
                    continue  # a link to a folder that it lies in would never end
                entered.add(target)
            yield from _walk(entry.path, f"{prefix}{entry.name}/", left_out, entered)
        elif entry.is_file():
            status = entry.stat()
            yield f"{prefix}{entry.name}", (status.st_size, status.st_mtime_ns)
