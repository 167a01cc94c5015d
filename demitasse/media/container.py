"""Opens a video file with PyAV, and says in a few countable words why one cannot be opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.stream import Disposition

from demitasse.errors import MediaError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

# A file is opened for what it contains. Playlists (hls, concat, dash) would open other files and addresses,
# and a picture with a video's name is no video, so FFmpeg may only recognise containers that hold media.
# The audio ones are there to be told "no video stream".
DEMUXERS = "mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,mxf,gif,wav,mp3,aac,flac"

PICTURES = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails

HEAD = 12  # bytes enough to recognise the containers below


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The open container and its video stream; cover art and thumbnails are not taken for video.

    Raises:
        MediaError: "file not found", "not a file", "not readable", "empty file", "not a media file",
            "truncated" (a container's beginning without its index), "no video stream", "no decoder".
    """
    container = _open(path)
    try:
        yield container, _video_stream(path, container)
    finally:
        container.close()  # PyAV does not free it by itself in time (PyAV#1117)


def packets(path: Path, container: InputContainer, *streams: VideoStream) -> Iterator[Packet[Any]]:
    """The packets of the streams (none: of all) in stored order, then an empty one each, which flushes a decoder.

    Raises:
        MediaError: "damaged": the file cannot be read to its end.
    """
    try:
        yield from container.demux(*streams)
    except av.FFmpegError:
        raise MediaError(path, "damaged") from None
    except IndexError:  # PyAV 18 after the last packet, where a transport stream announced a stream midway
        return


def _open(path: Path) -> InputContainer:
    if not path.exists():
        raise MediaError(path, "file not found")
    if not path.is_file():
        raise MediaError(path, "not a file")
    options = {"protocol_whitelist": "file", "format_whitelist": DEMUXERS}
    try:
        # "file:" and the whole path: a name such as `concat:a.mp4` or `http:x.mp4` is a name, not a protocol.
        return av.open(f"file:{path.absolute()}", container_options=options, metadata_errors="replace")
    except PermissionError:
        raise MediaError(path, "not readable") from None
    except (av.FFmpegError, OSError):
        raise MediaError(path, _why_not_opened(path)) from None


def _why_not_opened(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        return "empty file"
    known = head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide") or head[:4] in (b"RIFF", b"\x1aE\xdf\xa3")
    return "truncated" if known else "not a media file"


def _video_stream(path: Path, container: InputContainer) -> VideoStream:
    streams = [stream for stream in container.streams.video if not stream.disposition & PICTURES]
    if not streams:
        raise MediaError(path, "no video stream")
    best = container.streams.best("video")
    chosen = next((stream for stream in streams if best and stream.index == best.index), streams[0])
    if chosen.codec_context is None:
        raise MediaError(path, "no decoder")
    return chosen
