"""From a folder and lists of videos to records: each real file once, each left-out line with its reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from annotate.run.inputs import Inputs, LeftOut
from annotate.video_reasoning.config import Data
from annotate.video_reasoning.prompt_keys import MODES
from demitasse.engine.step import Record
from demitasse.errors import ConfigError
from demitasse.media.walk import find_videos

SCRATCH = ".clips"  # in the results folder, so that what a kill leaves there is found and removed


def find_inputs(data: Data) -> Inputs:
    """What `read_inputs` finds.

    Raises:
        ConfigError: as `read_inputs`, and if there is nothing.
    """
    inputs = read_inputs(data)
    if not inputs.records and not inputs.left_out:
        told = "".join(f" ({note})" for note in inputs.notes)
        raise ConfigError(f"{media_root(data)} holds no .mp4, .avi, .mov or .mkv file{told}; name another folder")
    return inputs


def read_inputs(data: Data) -> Inputs:
    """Find the videos of a configuration.

    A record's id is the path under `video_root` (or, without one, under the folder of the first list) with `/`.
    A file that is named twice, by links or in folder and list, is one record. A line's `mode`, if it has one, is
    the video's.

    Raises:
        ConfigError: if the folder or a list cannot be read.
    """
    inputs = Inputs()
    seen: dict[tuple[int, int], Record] = {}
    root = media_root(data)
    if data.video_root:
        found = find_videos(_folder(Path(data.video_root)))
        inputs.left_out += [(_shown(path, root), reason) for path, reason in found.skipped if not _is_scratch(path)]
        inputs.notes += found.notes()
        for path in found.files:
            if not _is_scratch(path):
                _add(inputs, seen, path, root, None)
    for name in data.input_jsonl_files:
        for place, path, mode in _lines(Path(name), data.filter_field, root, inputs.left_out):
            if path.is_file():
                _add(inputs, seen, path, root, mode)
            else:
                inputs.left_out.append((place, "no such file"))
    inputs.sample(data.sample, "video")
    if outside := sum(Path(record.id).is_absolute() for record in inputs.records):
        inputs.notes.append(f"{outside} videos lie outside video_root and keep absolute paths as their ids")
    return inputs


def media_root(data: Data) -> Path:
    """The folder that video ids count from."""
    return Path(data.video_root) if data.video_root else Path(data.input_jsonl_files[0]).parent


def _is_scratch(path: Path) -> bool:
    """Whether it is a clip of a run, whose results folder may lie among the videos."""
    return SCRATCH in path.parts


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise ConfigError(f"video_root '{path}' is not a folder; give the folder that holds the videos")
    return path


def _add(inputs: Inputs, seen: dict[tuple[int, int], Record], path: Path, root: Path, mode: str | None) -> None:
    status = path.stat()
    known = seen.get((status.st_dev, status.st_ino))
    if known is not None:
        known.fields["given_mode"] = known.fields["given_mode"] or mode
        return
    video = _shown(path, root)
    if not _writable(video):
        inputs.left_out.append((video.encode("utf-8", "replace").decode(), "the file's name is not UTF-8"))
        return
    record = Record(
        video,
        {
            "video": video,
            "path": os.path.abspath(path),
            "size": status.st_size,
            "mtime_ns": status.st_mtime_ns,
            "given_mode": mode,
        },
    )
    seen[(status.st_dev, status.st_ino)] = record
    inputs.records.append(record)


def _shown(path: Path, root: Path) -> str:
    """The path under the root with `/`, or absolute if it does not lie there."""
    absolute, base = Path(os.path.abspath(path)), Path(os.path.abspath(root))
    return absolute.relative_to(base).as_posix() if absolute.is_relative_to(base) else absolute.as_posix()


def _writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _lines(
    file: Path, filter_field: str | None, root: Path, left_out: list[LeftOut]
) -> Iterator[tuple[str, Path, str | None]]:
    """Place, video and mode of each line that counts. Rows whose `filter_field` is falsy are the person's choice."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"input_jsonl_files: {file} cannot be read: {error.strerror or error}") from error
    for number, line in enumerate(raw.splitlines(), start=1):
        if not line.strip():
            continue
        place = f"{file}:{number}"
        row = _row(line)
        name = row.get("video_path") or row.get("video") if row is not None else None
        if row is None or not isinstance(name, str):
            left_out.append((place, "the line is no JSON object with video_path or video"))
        elif filter_field is None or row.get(filter_field):
            yield place, _located(name, file, root), row["mode"] if row.get("mode") in MODES else None


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = orjson.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _located(name: str, file: Path, root: Path) -> Path:
    """A relative name is looked for as it stands (TAO), under the root, and beside the list."""
    places = [Path(name), root / name, file.parent / name]
    return next((place for place in places if place.is_file()), places[0])
