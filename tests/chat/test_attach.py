"""Attaching a video: whole where it fits, otherwise frames that say when they are."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Picture

from demitasse.chat.attach import FRAME_PIXELS, describe_media, video_parts
from demitasse.chat.model import Capability, Image, Text, Video
from demitasse.errors import ConfigError, MediaError
from demitasse.media.probe import VideoInfo, probe
from demitasse.media.sample import SamplingPolicy

POLICY = SamplingPolicy(fps=1.0, max_frames=8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds at 5 frames a second, 1280 x 960; each frame as bright as its number."""
    path = tmp_path_factory.mktemp("attach") / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 1280, 960, "yuv420p"
        for number in range(40):
            frame = av.VideoFrame.from_ndarray(np.full((960, 1280, 3), 6 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def info(clip: Path) -> VideoInfo:
    return probe(clip)


def test_a_video_that_fits_goes_whole(clip: Path, info: VideoInfo) -> None:
    (part,) = video_parts(clip, info, Capability(), POLICY)
    assert part == Video(clip.read_bytes(), "video/mp4", info.duration)
    told = {"type": "video/mp4", "bytes": clip.stat().st_size, "seconds": round(info.duration, 3)}
    assert describe_media([part, Text("what?")]) == [told]


def test_a_video_too_large_for_a_request_goes_whole_where_it_can_be_uploaded(clip: Path, info: VideoInfo) -> None:
    (part,) = video_parts(clip, info, Capability(max_inline_bytes=1000, max_upload_bytes=10**9), POLICY)
    assert isinstance(part, Video)


@pytest.mark.parametrize(
    ("suffix", "mime"),
    [(".MOV", "video/quicktime"), (".mkv", "video/x-matroska"), (".avi", "video/x-msvideo"), (".webm", "video/webm")],
)
def test_the_type_follows_the_suffix(tmp_path: Path, clip: Path, info: VideoInfo, suffix: str, mime: str) -> None:
    other = tmp_path / f"clip{suffix}"
    other.write_bytes(clip.read_bytes())
    (part,) = video_parts(other, info, Capability(), POLICY)
    assert isinstance(part, Video)
    assert part.mime == mime


@pytest.mark.parametrize(
    "capability",
    [
        pytest.param(Capability(video=False), id="no_video"),
        pytest.param(Capability(max_video_seconds=7.9), id="too_long"),
        pytest.param(Capability(max_inline_bytes=1000), id="too_large"),
    ],
)
def test_what_does_not_fit_goes_as_frames_that_say_when_they_are(
    clip: Path, info: VideoInfo, capability: Capability
) -> None:
    parts = video_parts(clip, info, capability, POLICY)
    labels, frames = parts[::2], parts[1::2]
    # The middles of eight one-second segments; at 5 frames a second the one on the screen is 0.1 s older.
    times = [second + 0.4 for second in range(8)]
    assert [label.text for label in labels if isinstance(label, Text)] == [f"t={time:.2f} s" for time in times]
    assert [frame.time for frame in frames if isinstance(frame, Image)] == pytest.approx(times)
    for frame, time in zip(frames, times, strict=True):
        assert isinstance(frame, Image)
        picture = Picture.open(io.BytesIO(frame.data))
        assert (picture.format, picture.width * picture.height) == ("JPEG", FRAME_PIXELS)
        assert np.asarray(picture).mean() == pytest.approx(6 * round(5 * time), abs=6)
    (told,) = describe_media(parts)
    assert told | {"bytes": 0} == {"type": "image/jpeg", "count": 8, "bytes": 0, "size": [640, 480], "times": times}
    assert told["bytes"] == sum(len(frame.data) for frame in frames if isinstance(frame, Image))


def test_an_endpoint_that_sees_nothing_is_refused(clip: Path, info: VideoInfo) -> None:
    with pytest.raises(ConfigError, match="takes neither videos nor images"):
        video_parts(clip, info, Capability(video=False, images=False), POLICY)


def test_a_video_too_long_for_an_endpoint_without_images_is_the_videos_own_failure(clip: Path, info: VideoInfo) -> None:
    with pytest.raises(MediaError, match="too long or too large for the endpoint"):
        video_parts(clip, replace(info, duration=61.0), Capability(images=False), POLICY)


def test_stills_are_described_together_and_broken_ones_without_a_size() -> None:
    buffer = io.BytesIO()
    Picture.new("RGB", (30, 20)).save(buffer, "PNG")
    good, broken = Image(buffer.getvalue(), "image/png"), Image(b"no picture", "image/png")
    assert describe_media([good, broken])[0]["size"] == [30, 20]
    assert describe_media([broken])[0] == {
        "type": "image/png",
        "count": 1,
        "bytes": 10,
        "size": None,
        "times": [None],
    }
    assert describe_media([Text("only words")]) == []
