"""decord gives what PyAV gives, or refuses (train.md trap 19)."""

import numpy as np
import pytest

decord_reader = pytest.importorskip("demitasse.media.decord_reader", reason="decord is not installed")

from demitasse.errors import MediaError  # noqa: E402
from demitasse.media.frames import read_frames  # noqa: E402
from demitasse.media.probe import inspect, probe  # noqa: E402

PLAIN = [
    "h264_mp4",
    "h264_mov",
    "h264_mkv",
    "h264_with_audio",
    "h264_one_gop",
    "h264_start_5s",
    "uneven_mp4",
    "one_frame",
]
NOT_PLAIN = ["h264_ts_offset", "h264_avi_reordered", "hevc_mp4", "av1_mp4", "vp9_mkv", "rotated_90", "wide_pixels"]


@pytest.mark.parametrize("kind", PLAIN)
def test_plain_h264_gives_the_frames_and_times_of_pyav(video, numbers, kind):
    timeline = inspect(video(kind))
    times = np.linspace(-0.1, timeline.info.duration + 0.1, 70)
    ours, theirs = read_frames(timeline, times), read_frames(timeline, times, reader="decord")
    assert decord_reader.decord_can_read(timeline.info)
    assert numbers(theirs.pixels) == numbers(ours.pixels)
    assert np.array_equal(theirs.times, ours.times)
    assert np.abs(theirs.pixels.astype(int) - ours.pixels).mean() < 3  # two scalers of chroma


def test_smaller_frames_have_the_same_size_and_content(video, numbers):
    ours, theirs = (read_frames(video("h264_mp4"), [0.5, 1.0], 1_000, reader) for reader in ("pyav", "decord"))
    assert theirs.pixels.shape == ours.pixels.shape
    assert numbers(theirs.pixels) == numbers(ours.pixels) == [15, 30]


@pytest.mark.parametrize("kind", NOT_PLAIN)
def test_what_decord_gets_wrong_is_refused(video, kind):
    assert not decord_reader.decord_can_read(probe(video(kind)))
    with pytest.raises(MediaError) as caught:
        read_frames(video(kind), [0.0], reader="decord")
    assert caught.value.reason == "not for decord"


def test_edit_list_and_mirror_are_refused(copy_cut, video):
    assert not decord_reader.decord_can_read(probe(copy_cut))
    assert not decord_reader.decord_can_read(probe(video("mirror.mp4", count=2, mirrored=True)))


def test_disagreement_on_times_is_an_error_and_not_a_guess(video):
    timeline = inspect(video("h264_mp4"))
    timeline.pts[30:] += timeline.pts[30]
    with pytest.raises(MediaError) as caught:
        read_frames(timeline, [0.0], reader="decord")
    assert caught.value.reason == "decord disagrees on times"


def test_unreadable_file_is_a_media_error_whichever_reader(unreadable):
    with pytest.raises(MediaError, match="truncated"):
        read_frames(unreadable("index_missing"), [0.0], reader="decord")
