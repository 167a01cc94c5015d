"""What a judge sees of a video besides the texts: nothing, or a few frames of it, each after its time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.errors import ConfigError, DataError

if TYPE_CHECKING:
    from demitasse.chat.model import ChatModel, Part
    from evaluate.records import Asked

REMEMBERED = 32  # media whose frames are kept: items about one video come one after the other, for several judges


@dataclass(frozen=True, slots=True)
class Sight:
    """Frames for judges. `media` is the folder that the items' media ids count from, `frames` how many are shown."""

    media: Path
    frames: int

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ConfigError(f"--frames is {self.frames}; it must be 1 or more, or be left out for text alone")

    def parts(self, asked: Asked) -> tuple[Part, ...]:
        """The frames of an item's video, or the image itself. Decodes: not to be run on the event loop.

        Raises:
            MediaError: if the medium cannot be read.
        """
        path = self._path(asked)
        return _parts(path, _stamp(path), self.frames)

    def content(self, asked: Asked) -> str:
        """What decides the frames: the medium's content and how many there are."""
        path = self._path(asked)
        return f"{_content(path, _stamp(path))}:{self.frames}"

    def check(self, items: Iterable[Asked], models: Iterable[ChatModel]) -> None:
        """Refuse what cannot be shown, before anything is asked.

        Raises:
            ConfigError: if a model takes no images.
            DataError: if a medium is not there.
        """
        for model in models:
            if not model.capability.images:
                raise ConfigError(
                    f"the judge '{model.name}' takes no images; leave --frames out, or name another judge"
                )
        for asked in items:
            if not self._path(asked).is_file():
                raise DataError(
                    f"item {asked.item_id} is about '{asked.video_id}', which is not a file below {self.media}; "
                    "give the folder of the media with --media"
                )

    def _path(self, asked: Asked) -> Path:
        return self.media / asked.video_id


def _stamp(path: Path) -> tuple[int, int]:
    """What changes with the file."""
    told = path.stat()
    return told.st_mtime_ns, told.st_size


@lru_cache(maxsize=REMEMBERED)
def _parts(path: Path, stamp: tuple[int, int], frames: int) -> tuple[Part, ...]:
    from demitasse.chat.attach import FRAME_PIXELS, JPEG_QUALITY, frame_parts
    from demitasse.chat.model import Image
    from demitasse.media.images import encode_jpeg, read_image
    from demitasse.media.probe import probe
    from demitasse.media.sample import SamplingPolicy
    from demitasse.media.walk import IMAGE_SUFFIXES

    if path.suffix.lower() in IMAGE_SUFFIXES:
        return (Image(encode_jpeg(read_image(path, FRAME_PIXELS), JPEG_QUALITY), "image/jpeg"),)
    policy = SamplingPolicy(max_frames=frames, min_frames=frames, frame_multiple=1)
    return frame_parts(path, probe(path).duration, policy)


@cache
def _content(path: Path, stamp: tuple[int, int]) -> str:
    from demitasse.media.probe import content_hash

    return content_hash(path)
