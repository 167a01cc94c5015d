"""Reads a video file through once, packet by packet, without decoding it, and notices when its end is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from demitasse.errors import MediaError
from demitasse.media.container import packets

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# Containers whose header states how long the file should be. An MP4's index says more exactly what is missing;
# a transport stream states nothing, so a cut-off one is just a shorter one.
STATED_LENGTH = ("matroska", "avi")
# Headers round, and streams end a little apart: a file ends early when this many seconds are missing.
MISSING_SECONDS = 0.5


@dataclass(slots=True)
class Scan:
    """What reading the file through brought; times in ticks of the video stream.

    Attributes:
        first: the first frame that decodes.
        frames: (presentation time, duration) of every packet to be shown, in stored order.
        keyframes: presentation times of the packets where decoding may begin, shown or not.
        edit_list: whether packets are stored that are not to be shown.
    """

    first: VideoFrame | None = None
    frames: list[tuple[int, int]] = field(default_factory=list)
    keyframes: list[int] = field(default_factory=list)
    edit_list: bool = False

    def add(self, packet: Packet[Any]) -> None:
        """Note a packet of the video stream."""
        if packet.pts is None or not packet.size:
            return
        if packet.is_keyframe:
            self.keyframes.append(packet.pts)
        if packet.is_discard:
            self.edit_list = True
        else:
            self.frames.append((packet.pts, packet.duration or 0))


def read_through(path: Path, container: InputContainer, stream: VideoStream) -> Scan:
    """Demux every packet of the open file; decode until one frame is out.

    Raises:
        MediaError: "truncated": it ends before its index or its header says. "damaged": it cannot be read to it.
    """
    scan = Scan()
    ends: dict[int, int] = {}  # of each stream, in its own ticks
    for packet in packets(path, container):
        if packet.pts is not None and packet.size:
            index = packet.stream_index
            ends[index] = max(ends.get(index, 0), packet.pts + (packet.duration or 0))
        if packet.stream_index == stream.index:
            scan.add(packet)
            if scan.first is None:
                scan.first = next(iter(decode(packet)), None)
    end = max((float(ticks * (container.streams[index].time_base or 0)) for index, ticks in ends.items()), default=0.0)
    if _ends_early(container, stream, end):
        raise MediaError(path, "truncated")
    return scan


def decode(packet: Packet[Any]) -> Sequence[VideoFrame]:
    """The frames that a packet completes; none where it is damaged (players, too, go on with the next)."""
    try:
        frames: Sequence[VideoFrame] = packet.decode()
        return frames
    except av.FFmpegError:
        return ()


def _ends_early(container: InputContainer, stream: VideoStream, end: float) -> bool:
    """Whether packets are missing; `end`: seconds at which the last packet of any stream ends."""
    if any(entry.pos + entry.size > container.size for entry in stream.index_entries):
        return True
    name = container.format.name.split(",")[0]
    if name not in STATED_LENGTH:
        return False
    stated = (container.duration or 0) / av.time_base
    if name == "avi" and stream.average_rate:  # FFmpeg shortens an AVI's duration to what is there
        stated = float(stream.frames / stream.average_rate)
    return stated - end > MISSING_SECONDS
