"""Whether the data have changed on the disk since they were read for the page.

A page addresses media by their number, and decisions are checked against the texts that it shows: so a server keeps to
what it read at its start, and tells whoever loads the page again that there is more.
"""

from __future__ import annotations

from pathlib import Path

from demitasse.view.edits import EDITS

CHANGED = "The data have changed since they were read: end `demitasse view` and start it again to see what is new."
_LOCK = "LOCK.json"  # the end of the name of what a lock leaves

Stamp = frozenset[tuple[str, int, int]]


def stamp(path: Path) -> Stamp:
    """Name, size and time of the data files of a folder and of those in it, or of one file; decisions do not count."""
    files = [*path.glob("*.json*"), *path.glob("*/*.json*")] if path.is_dir() else [path]
    found = set()
    for file in files:
        if file.name != EDITS and not file.name.endswith(_LOCK):
            try:
                status = file.stat()
            except OSError:  # it has gone meanwhile, or is a link to nowhere
                continue
            found.add((str(file), status.st_size, status.st_mtime_ns))
    return frozenset(found)
