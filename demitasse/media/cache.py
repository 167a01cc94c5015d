"""Decoded frames kept on disk, so that a video is decoded once and every later epoch maps it into memory.

An entry is two files named by a key: `<key>.npy` (uint8[N, H, W, 3]) and `<key>.json` (true times, duration,
what the key was made of, a checksum). The key is a hash of the video's content, the sampling policy, the pixel
limit, and the reader with its versions: another decoder is another entry, and moving a file changes nothing.
The JSON is written last, so an entry without it does not exist. What does not fit its JSON is decoded again.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from demitasse.atomic import replacing
from demitasse.errors import DataError, DiskFullError
from demitasse.media.frames import Frames, ReaderName, read_frames, reader_named
from demitasse.media.probe import content_hash, inspect
from demitasse.media.resize import fit_within
from demitasse.media.sample import SamplingPolicy, VideoBudget, frame_bound, sample_times

# Raise it when the same key would stand for other pixels: the code below or in the readers changed its mind.
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Outline:
    """What there is to know of a video's frames without their pixels.

    Attributes:
        width, height: of each frame, as decoded.
        times: float64[N], as in `Frames`.
        cached: whether they lie in the cache.
    """

    width: int
    height: int
    times: NDArray[np.float64]
    cached: bool

    @property
    def nbytes(self) -> int:
        """What the pixels take, in memory and on the disk."""
        return 3 * self.width * self.height * len(self.times)


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

    def frames(
        self,
        path: Path | str,
        policy: SamplingPolicy,
        max_pixels: int | None = None,
        budget: VideoBudget | None = None,
    ) -> Frames:
        """The frames of a video at the policy's times, decoded on first use.

        `pixels` is a read-only map of the file: copy before writing to it. `max_pixels` bounds a frame, `budget` all
        frames of a video together (`sample.frame_bound`).

        Raises:
            MediaError: the video cannot be read.
            DiskFullError: the cache folder cannot be written.
        """
        content = self._content(path, policy, max_pixels, budget)
        key = _key(content)
        found = self._load(key)
        if found is not None:
            return found
        timeline = inspect(path)
        times = sample_times(timeline.info.duration, policy)
        decoded = read_frames(timeline, times, frame_bound(len(times), max_pixels, budget), self.reader)
        self._store(key, decoded, content)
        return self._load(key) or decoded

    def outline(
        self,
        path: Path | str,
        policy: SamplingPolicy,
        max_pixels: int | None = None,
        budget: VideoBudget | None = None,
    ) -> Outline:
        """Size and times of what `frames` would give, without decoding.

        Where a damaged frame has to be shown as the one before it, only decoding tells, and the times differ by that.

        Raises:
            MediaError: the video cannot be read.
        """
        found = self._load(_key(self._content(path, policy, max_pixels, budget)), verify=False)
        if found is not None:
            return Outline(found.pixels.shape[2], found.pixels.shape[1], found.times, cached=True)
        timeline = inspect(path)
        times = sample_times(timeline.info.duration, policy)
        bound = frame_bound(len(times), max_pixels, budget)
        width, height = fit_within(timeline.info.width, timeline.info.height, bound)
        true = [timeline.seconds(pts) for pts in timeline.pts[timeline.shown(times)].tolist()]
        return Outline(width, height, np.array(true, np.float64), cached=False)

    def _content(
        self, path: Path | str, policy: SamplingPolicy, max_pixels: int | None, budget: VideoBudget | None
    ) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "video_sha256": content_hash(path),
            "policy": asdict(policy),
            "max_pixels": max_pixels,
            "reader": self.reader,
            "reader_version": reader_named(self.reader).version(),
            **({"budget": asdict(budget)} if budget else {}),
        }

    def _paths(self, key: str) -> tuple[Path, Path]:
        folder = self.folder / key[:2]  # a flat folder of a million entries is slow to list
        return folder / f"{key}.npy", folder / f"{key}.json"

    def _load(self, key: str, verify: bool = True) -> Frames | None:
        """The entry, or None where there is none or it is not whole."""
        pixels_path, notes_path = self._paths(key)
        try:
            notes = orjson.loads(notes_path.read_bytes())
            pixels = np.load(pixels_path, mmap_mode="r", allow_pickle=False)
            times = np.asarray(notes["times"], np.float64)
            whole = pixels.dtype == np.uint8 and pixels.ndim == 4 and len(pixels) == len(times)
            if not whole or (verify and not self._verify(key, pixels, notes["crc32"])):
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
        except (OSError, DataError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise DiskFullError(
                f"{self.folder}: the frame cache cannot be written ({why}); free some space or set another folder"
            ) from None


def _key(content: dict[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
