"""The right picture at the right time, the right way up (annotate.md traps 7 and 8; train.md traps 4, 16 and 19)."""

from dataclasses import replace

import av
import numpy as np
import pytest

from demitasse.errors import ConfigError, MediaError
from demitasse.media import pyav_reader
from demitasse.media.frames import read_frames
from demitasse.media.probe import inspect

EVERY_30_FPS_KIND = [
    "h264_mp4",
    "h264_mov",
    "h264_mkv",
    "h264_fragmented_mp4",
    "h264_with_audio",
    "h264_open_gop",
    "h264_one_gop",
    "h264_avi_reordered",
    "h264_ts_offset",
    "h264_ts_named_mp4",
    "h264_start_5s",
    "mpeg4_avi",
    "mpeg4_avi_reordered",
    "hevc_mp4",
    "vp9_mkv",
    "vp8_mkv",
    "av1_mp4",
    "mpeg2_ts",
    "mjpeg_mov",
    "odd_size",
    "ten_bit",
    "rotated_90",
    "wide_pixels",
]
UNEVEN = np.array([0.0, 0.1, 0.15, 0.5, 1.2, 1.25, 1.3, 2.0])


@pytest.mark.parametrize("kind", EVERY_30_FPS_KIND)
def test_frame_k_is_shown_from_k_over_fps_until_the_next(video, numbers, kind):
    times = np.sort(np.concatenate([np.arange(60) / 30, (np.arange(60) + 0.9) / 30]))
    frames = read_frames(video(kind), times)
    assert numbers(frames.pixels) == np.repeat(np.arange(60), 2).tolist()
    assert frames.times == pytest.approx(np.repeat(np.arange(60), 2) / 30, abs=0.001)
    assert frames.duration == pytest.approx(2.0, abs=0.001)


@pytest.mark.parametrize("kind", [*EVERY_30_FPS_KIND, "uneven_mp4", "uneven_mkv"])
def test_sparse_reading_gives_the_same_frames_as_dense(video, kind):
    timeline = inspect(video(kind))
    times = np.array([timeline.seconds(pts) for pts in timeline.pts.tolist()])
    dense = read_frames(timeline, times)
    for picked in ([0, 59], [7, 33, 50], [25], [11, 12, 13, 40]):
        picked = [index for index in picked if index < len(times)]
        sparse = read_frames(timeline, times[picked])
        assert np.array_equal(sparse.pixels, dense.pixels[picked])
        assert np.array_equal(sparse.times, dense.times[picked])


def test_sparse_reading_decodes_only_the_gops_it_needs(video, numbers, monkeypatch):
    timeline = inspect(video("long.mp4", count=240, encoder={"x264-params": "scenecut=0"}))
    decoded = []
    decode = pyav_reader.decode
    monkeypatch.setattr(pyav_reader, "decode", lambda packet: decoded.append(packet) or decode(packet))
    frames = read_frames(timeline, [0.5, 7.0])
    assert numbers(frames.pixels) == [15, 210]
    assert len(decoded) < 60  # of 240: parts of two GOPs of 12, and what the decoder's threads hold back


def test_gop_that_does_not_decode_from_its_keyframe_is_read_from_the_start(video, numbers):
    timeline = inspect(video("h264_one_gop"))
    claimed = timeline.pts[[0, 20, 40]]  # the last two are no keyframes
    timeline = replace(timeline, keyframes=claimed)
    assert numbers(read_frames(timeline, [0.5, 1.5]).pixels) == [15, 45]


@pytest.mark.parametrize("kind", ["uneven_mp4", "uneven_mkv"])
def test_uneven_frames_are_chosen_by_time_and_not_by_index(video, numbers, kind):
    asked = np.array([0.0, 0.09, 0.1, 0.149, 0.3, 0.6, 1.19, 1.21, 1.29, 1.9, 2.0])
    frames = read_frames(video(kind), asked)
    expected = np.searchsorted(UNEVEN, asked, side="right") - 1
    assert numbers(frames.pixels) == expected.tolist()
    assert frames.times == pytest.approx(UNEVEN[expected], abs=1e-3)
    by_index = (asked * len(UNEVEN) / frames.duration).astype(int)
    assert np.abs(UNEVEN[np.clip(by_index, 0, 7)] - UNEVEN[expected]).max() > 0.1  # the file tells the two apart


def test_before_the_start_is_the_first_frame_and_after_the_end_the_last(video, numbers):
    frames = read_frames(video("h264_ts_offset"), [-3.0, 0.0, 1.99, 2.0, 99.0])
    assert numbers(frames.pixels) == [0, 0, 59, 59, 59]
    assert frames.times == pytest.approx([0, 0, 59 / 30, 59 / 30, 59 / 30])


def test_times_may_come_in_any_order_and_repeat(video, numbers):
    frames = read_frames(video("h264_mp4"), [1.5, 0.1, 1.5, 0.0, 1.0])
    assert numbers(frames.pixels) == [45, 3, 45, 0, 30]


def test_hidden_frames_of_an_edit_list_are_not_shown(copy_cut, numbers):
    frames = read_frames(copy_cut, [0.0, 0.5, 1.0, 2.49])
    assert numbers(frames.pixels) == [15, 30, 45, 89]
    assert frames.times == pytest.approx([0.0, 0.5, 1.0, 74 / 30])


def test_transport_stream_that_begins_midway_starts_at_its_first_whole_picture(video, numbers, tmp_path):
    source = video("steady.ts", format="mpegts", gop=20, b_frames=0, encoder={"x264-params": "scenecut=0"})
    data = source.read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    video_packets = [index for index, packet in enumerate(packets) if (packet[1] & 0x1F) << 8 | packet[2] == 256]
    lost = set(video_packets[: len(video_packets) // 8])  # the first keyframe and some that follow it
    path = tmp_path / "midway.ts"
    path.write_bytes(b"".join(packet for index, packet in enumerate(packets) if index not in lost))
    timeline = inspect(path)
    frames = read_frames(timeline, np.arange(timeline.info.frame_count) / 30)
    assert numbers(frames.pixels) == list(range(20, 60))
    assert frames.times[0] == 0


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("name", ["way.mp4", "way.mkv"])
def test_picture_is_the_right_way_up(video, numbers, turned, mirrored, name):
    path = video(name, count=12, turned=turned, mirrored=mirrored)
    frames = read_frames(path, np.arange(12) / 30)
    assert frames.pixels.shape == (12, 72, 96, 3)
    assert numbers(frames.pixels) == list(range(12))


def test_pixels_are_square_after_reading(video):
    assert read_frames(video("wide_pixels"), [0.0]).pixels.shape == (1, 72, 128, 3)


def test_one_frame_video_shows_it_always(video, numbers):
    frames = read_frames(video("one_frame"), [0.0, 0.01, 0.5])
    assert numbers(frames.pixels) == [0, 0, 0]
    assert frames.times.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("limit", "shape"),
    [
        pytest.param(None, (72, 96), id="no_limit"),
        pytest.param(1_728, (36, 48), id="a_quarter_of_the_pixels"),
        pytest.param(10**7, (72, 96), id="never_enlarged"),
        pytest.param(1_000, (27, 36), id="rounded_down"),
    ],
)
def test_max_pixels_makes_frames_smaller_and_keeps_the_aspect(video, numbers, limit, shape):
    frames = read_frames(video("h264_mp4"), [0.5, 1.5], max_pixels=limit)
    assert frames.pixels.shape == (2, *shape, 3)
    assert numbers(frames.pixels) == [15, 45]


def test_smaller_frames_of_a_turned_video_are_turned(video, numbers):
    frames = read_frames(video("rotated_90"), [0.5], max_pixels=1_728)
    assert frames.pixels.shape == (1, 36, 48, 3)
    assert numbers(frames.pixels) == [15]


def test_colours_are_those_that_were_filmed(video):
    picture = read_frames(video("exact.mp4", count=8, encoder={"crf": "1"}), [7 / 30]).pixels[0].astype(int)
    assert np.abs(picture[12, 12] - (230, 60, 30)).max() < 8
    assert np.abs(picture[60, 84] - (30, 60, 230)).max() < 8


def test_no_times_give_no_frames(video):
    frames = read_frames(video("h264_mp4"), [])
    assert frames.pixels.shape == (0, 72, 96, 3)
    assert frames.times.shape == (0,)


def test_time_that_is_no_number_is_refused(video):
    with pytest.raises(ValueError, match="finite"):
        read_frames(video("h264_mp4"), [0.0, float("nan")])


def test_unknown_reader_is_refused_by_name(video):
    with pytest.raises(ConfigError, match="reader is 'opencv'"):
        read_frames(video("h264_mp4"), [0.0], reader="opencv")


def blank(path, copy, first, last):
    """A copy of an MP4 in which the packets of frames first..last (in stored order) are zeros."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        entries = list(container.streams.video[0].index_entries)
    for entry in entries[first : last + 1]:
        data[entry.pos : entry.pos + entry.size] = bytes(entry.size)
    copy.write_bytes(data)
    return copy


def test_damaged_frame_leaves_the_one_before_on_the_screen(video, numbers, tmp_path):
    path = blank(video("plain.mp4", count=90, b_frames=0, gop=30), tmp_path / "dented.mp4", 40, 41)
    frames = read_frames(path, np.arange(90) / 30)
    shown = numbers(frames.pixels)
    assert shown[:40] == list(range(40))
    assert frames.times[40:42] == pytest.approx([39 / 30] * 2)
    assert shown[60:] == list(range(60, 90))  # from the next keyframe on all is well


def test_video_damaged_for_longer_than_a_second_is_refused(video, tmp_path):
    path = blank(video("plain.mp4", count=90, b_frames=0, gop=30), tmp_path / "broken.mp4", 31, 89)
    assert len(read_frames(path, [0.5, 1.5]).times) == 2
    with pytest.raises(MediaError) as caught:
        read_frames(path, [0.5, 2.5])
    assert caught.value.reason == "damaged"
