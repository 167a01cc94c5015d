"""Finds the video or image files below a folder: each real file once, in a fixed order, nothing left out unreported.

Links are followed. A folder or file reached twice (a link loop, a second link, a hard link) is known by its
device and inode numbers, listed under its own name where it has one, and otherwise reported as skipped.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

from demitasse.errors import DataError

# Compared in lower case.
VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv"})  # TAO's list
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})  # TAO's are the first three
# Videos and pictures too, and nobody reads them: a person who put them there is told that they were passed over.
_UNREAD = frozenset({
    ".3gp", ".asf", ".avif", ".divx", ".f4v", ".flv", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jxl", ".m2ts",
    ".m4v", ".mjpeg", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ppm", ".rmvb", ".svg", ".tga", ".ts", ".vob", ".webm",
    ".wmv",
})  # fmt: skip
_MAC_OWN = "._"


@dataclass(slots=True)
class Found:
    """What a walk met.

    Attributes:
        files: those looked for, by path, sorted; paths begin with the root as it was given.
        skipped: (path, reason) of every candidate left out, sorted; reasons are short and countable.
        passed_over: how many files there are of each ending of videos and pictures that are not read.
    """

    files: list[Path] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)

    def notes(self) -> list[str]:
        """A line for the person about what was passed over, if there is any."""
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(self.passed_over.items()))
        return [f"passed over, for nothing reads files of these endings: {kinds}"] if kinds else []


def find_videos(root: Path | str) -> Found:
    """List the video files below `root`, or `root` itself where it is a video file; see `find_files`.

    Raises:
        DataError: `root` does not exist, or is a file without a video ending.
    """
    root = Path(root)
    if root.is_file():
        if root.suffix.lower() not in VIDEO_SUFFIXES:
            raise DataError(f"{root}: not a video file (expected one of {', '.join(sorted(VIDEO_SUFFIXES))})")
        return Found([root])
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; give a folder of videos or one video file")
    return find_files(root, VIDEO_SUFFIXES)


def find_files(root: Path | str, suffixes: Set[str]) -> Found:
    """List the files below `root` that end in one of `suffixes`, which are in lower case.

    Files with other endings are no candidates; of these only videos and pictures are counted. Two files of the same
    name in two folders are two files; the same file under two names is one, and keeps the name that no link leads to.

    Raises:
        DataError: `root` is no folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; give the folder that holds the files")
    found = Found()
    seen: set[tuple[int, int]] = set()
    for path in _candidates(root, suffixes, seen, found):
        reason = _reason_to_skip(path, seen)
        if reason:
            found.skipped.append((path, reason))
        else:
            found.files.append(path)
    found.files.sort()
    found.skipped.sort()
    return found


def _candidates(root: Path, suffixes: Set[str], seen: set[tuple[int, int]], found: Found) -> Iterator[Path]:
    """Every path with one of the endings. Links wait until the plain entries are through, so that these go first."""
    folders, links = deque([root]), deque[Path]()
    while folders or links:
        path = folders.popleft() if folders else links.popleft()
        if not path.is_dir():
            yield path
            continue
        if not _first_visit(path, seen):
            found.skipped.append((path, "folder already listed (link)"))
            continue
        for entry in _entries(path, found.skipped):
            suffix, is_folder = entry.suffix.lower(), entry.is_dir()
            if not is_folder and suffix not in suffixes:
                if suffix in _UNREAD and not entry.name.startswith(_MAC_OWN):
                    found.passed_over[suffix] += 1
            elif entry.is_symlink():
                links.append(entry)
            elif is_folder:
                folders.append(entry)
            else:
                yield entry


def _entries(folder: Path, skipped: list[tuple[Path, str]]) -> list[Path]:
    try:
        if os.access(folder, os.R_OK | os.X_OK):
            return sorted(folder.iterdir())
    except OSError:  # a network folder that went away, a damaged disk
        pass
    skipped.append((folder, "folder not readable"))
    return []


def _reason_to_skip(path: Path, seen: set[tuple[int, int]]) -> str:
    if path.name.startswith(_MAC_OWN):
        return "macOS resource file"
    if not path.exists():
        return "broken link"
    if not path.is_file():
        return "not a regular file"
    return "" if _first_visit(path, seen) else "same file as another (link)"


def _first_visit(path: Path, seen: set[tuple[int, int]]) -> bool:
    status = path.stat()
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        return False
    seen.add(identity)
    return True
