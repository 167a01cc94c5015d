"""Decoded frames kept on disk, so that a video is decoded once and every later epoch maps it into memory.

An entry is two files named by a key: `<key>.npy` (uint8[N, H, W, 3]) and `<key>.json` (true times, duration,
what the key was made of, a checksum). The key is a hash of the video's content, the sampling policy, the pixel
limit, and the reader with its versions: another decoder is another entry, and moving a file changes nothing.
The JSON is written last, so an entry without it does not exist. What does not fit its JSON is decoded again.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from demitasse.atomic import replacing
from demitasse.errors import DataError
from demitasse.media.frames import Frames, ReaderName, read_frames, reader_named
from demitasse.media.probe import content_hash, inspect
from demitasse.media.sample import SamplingPolicy, sample_times

# Raise it when the same key would stand for other pixels: the code below or in the readers changed its mind.
FORMAT = 1


class FrameCache:
    """A folder of decoded frames. Safe to share between processes, and picklable.

    Args:
        folder: made when the first entry is written.
        reader: see `frames.read_frames`.
    """

    def __init__(self, folder: Path | str, reader: ReaderName = "pyav") -> None:
        self.folder = Path(folder)
        self.reader: ReaderName = reader
        self._verified: set[str] = set()  # entries whose checksum this process has seen to be right

    def frames(self, path: Path | str, policy: SamplingPolicy, max_pixels: int | None = None) -> Frames:
        """The frames of a video at the policy's times, decoded on first use.

        `pixels` is a read-only map of the file: copy before writing to it.

        Raises:
            MediaError: the video cannot be read.
            DataError: the cache folder cannot be written.
        """
        content = self._content(path, policy, max_pixels)
        key = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
        found = self._load(key)
        if found is not None:
            return found
        timeline = inspect(path)
        decoded = read_frames(timeline, sample_times(timeline.info.duration, policy), max_pixels, self.reader)
        self._store(key, decoded, content)
        return self._load(key) or decoded

    def _content(self, path: Path | str, policy: SamplingPolicy, max_pixels: int | None) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "video_sha256": content_hash(path),
            "policy": asdict(policy),
            "max_pixels": max_pixels,
            "reader": self.reader,
            "reader_version": reader_named(self.reader).version(),
        }

    def _paths(self, key: str) -> tuple[Path, Path]:
        folder = self.folder / key[:2]  # a flat folder of a million entries is slow to list
        return folder / f"{key}.npy", folder / f"{key}.json"

    def _load(self, key: str) -> Frames | None:
        """The entry, or None where there is none or it is not whole."""
        pixels_path, notes_path = self._paths(key)
        try:
            notes = orjson.loads(notes_path.read_bytes())
            pixels = np.load(pixels_path, mmap_mode="r", allow_pickle=False)
            times = np.asarray(notes["times"], np.float64)
            whole = pixels.dtype == np.uint8 and pixels.ndim == 4 and len(pixels) == len(times)
            if not whole or not self._verify(key, pixels, notes["crc32"]):
                return None
            return Frames(pixels, times, float(notes["duration"]))
        except (OSError, ValueError, KeyError, TypeError, EOFError):
            return None

    def _verify(self, key: str, pixels: NDArray[np.uint8], checksum: int) -> bool:
        if key not in self._verified and zlib.crc32(pixels.data) == checksum:
            self._verified.add(key)
        return key in self._verified

    def _store(self, key: str, frames: Frames, content: dict[str, Any]) -> None:
        pixels_path, notes_path = self._paths(key)
        notes = {
            **content,
            "times": frames.times.tolist(),
            "duration": frames.duration,
            "crc32": zlib.crc32(frames.pixels.data),
        }
        self._verified.discard(key)
        try:
            with replacing(pixels_path) as partial, partial.open("wb") as file:
                np.save(file, frames.pixels, allow_pickle=False)
            with replacing(notes_path) as partial:
                partial.write_bytes(orjson.dumps(notes, option=orjson.OPT_INDENT_2))
        except OSError as error:
            raise DataError(
                f"{self.folder}: the frame cache cannot be written ({error.strerror}); "
                "free some space or set another folder"
            ) from None
