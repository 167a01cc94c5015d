"""What decode workers do with a video here: measure it, and choose the frames that every step is shown."""

from __future__ import annotations

from annotate.cotasks.rules import sampled_frames
from annotate.espresso import reading
from demitasse.engine.step import Fields
from demitasse.media.probe import inspect

show = reading.show  # the pictures themselves are made as VideoEspresso's are


def measure(path: str, sampled: int) -> Fields:
    """Length, size, rate and content hash of a video, and `sampled` frames of it, evenly from the first to the last.

    They are those of which key frames are taken where there is annotation, so that both speak of the same ones.

    Raises:
        MediaError: if it cannot be read.
    """
    timeline = inspect(path)
    return reading.measured(path, timeline, sampled_frames(timeline.info.frame_count, sampled))
