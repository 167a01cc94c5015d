"""Cutting: the right span, from time 0, plain enough for any server."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from demitasse.errors import DataError, MediaError
from demitasse.media.clip import cut_clip, cut_clips, frame_rate
from demitasse.media.frames import read_frames
from demitasse.media.probe import inspect, probe
from demitasse.media.pyav_reader import frames_at


def shown(path, times, numbers):
    return numbers(read_frames(path, times).pixels)


@pytest.mark.parametrize(
    "kind",
    [
        "h264_mp4",
        "h264_mkv",
        "h264_ts_offset",
        "h264_avi_reordered",
        "h264_start_5s",
        "h264_one_gop",
        "hevc_mp4",
        "vp9_mkv",
        "rotated_90",
        "h264_with_audio",
    ],
)
def test_clip_starts_at_start_and_keeps_the_tail(video, numbers, tmp_path, kind):
    info = cut_clip(video(kind), 0.7, 1.6, tmp_path / "clip.mp4")
    assert info.frame_count == 27
    assert info.duration == pytest.approx(0.9)
    assert shown(tmp_path / "clip.mp4", np.arange(27) / 30, numbers) == list(range(21, 48))


def test_clip_is_plain(video, tmp_path):
    path = tmp_path / "clip.mp4"
    info = cut_clip(video("h264_with_audio"), 0.5, 1.5, path)
    assert (info.codec, info.container, info.rotation, info.edit_list) == ("h264", "mov", 0, False)
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert container.streams.video[0].format.name == "yuv420p"
        packets = [packet for packet in container.demux() if packet.size]
    assert [packet.pts for packet in packets] == [packet.dts for packet in packets]
    assert packets[0].pts == 0
    assert len({packet.duration for packet in packets}) == 1


@pytest.mark.parametrize("kind", ["uneven_mp4", "uneven_mkv", "uneven_fast"])
def test_clip_of_uneven_frames_shows_at_each_time_what_the_video_shows(video, numbers, tmp_path, kind):
    source, path = video(kind), tmp_path / "clip.mp4"
    start, end = 0.12, 1.97
    info = cut_clip(source, start, min(end, inspect(source).info.duration), path)
    times = np.arange(info.frame_count) / info.fps
    assert shown(path, times, numbers) == shown(source, start + times, numbers)
    assert times[0] == 0
    assert info.duration >= min(end, inspect(source).info.duration) - start - 1e-3


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_rotation_is_baked_in(video, numbers, tmp_path, turned):
    info = cut_clip(video("turned.mp4", count=30, turned=turned), 0.5, 1.0, tmp_path / "clip.mp4")
    assert (info.width, info.height, info.rotation) == (96, 72, 0)
    assert shown(tmp_path / "clip.mp4", [0.0], numbers) == [15]
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert next(container.decode(video=0)).rotation == 0


@pytest.mark.parametrize(
    ("kind", "limit", "size"),
    [
        pytest.param("odd_size", None, (96, 72), id="odd_becomes_the_even_below"),
        pytest.param("wide_pixels", None, (128, 72), id="pixels_become_square"),
        pytest.param("h264_mp4", 1_728, (48, 36), id="smaller"),
        pytest.param("h264_mp4", 10**7, (96, 72), id="never_larger"),
        pytest.param("h264_mp4", 1_000, (36, 26), id="smaller_and_even"),
    ],
)
def test_size_of_the_clip(video, numbers, tmp_path, kind, limit, size):
    info = cut_clip(video(kind), 0.0, 0.5, tmp_path / "clip.mp4", max_pixels=limit)
    assert (info.width, info.height) == size
    assert shown(tmp_path / "clip.mp4", [0.4], numbers) == [12]


def test_odd_size_is_scaled_so_that_fractions_of_the_frame_stay_true(video, tmp_path):
    path = video("odd_size")
    cut_clip(path, 0.0, 0.2, tmp_path / "clip.mp4")
    before, after = (read_frames(name, [0.1]).pixels[0].astype(int) for name in (path, tmp_path / "clip.mp4"))
    assert np.abs(before[-3, -3] - after[-3, -3]).max() < 12  # the last block still reaches the corner


def test_end_past_the_video_is_its_end(video, tmp_path):
    info = cut_clip(video("h264_mp4"), 1.5, 99.0, tmp_path / "clip.mp4")
    assert (info.frame_count, info.duration) == (15, pytest.approx(0.5))


def test_span_shorter_than_a_frame_is_one_frame(video, numbers, tmp_path):
    info = cut_clip(video("h264_mp4"), 1.01, 1.011, tmp_path / "clip.mp4")
    assert info.frame_count == 1
    assert shown(tmp_path / "clip.mp4", [0.0], numbers) == [30]


@pytest.mark.parametrize(
    ("start", "end"), [(2.5, 3.0), (1.0, 1.0), (1.5, 0.5), (float("nan"), 1.0), (0.0, float("nan"))]
)
def test_span_that_holds_nothing_is_refused(video, tmp_path, start, end):
    with pytest.raises(MediaError) as caught:
        cut_clip(video("h264_mp4"), start, end, tmp_path / "clip.mp4")
    assert caught.value.reason == "span outside the video"
    assert list(tmp_path.iterdir()) == []


def test_same_input_gives_the_same_bytes(video, tmp_path):
    contents = set()
    for _ in range(40):  # x264's macroblock tree wrote others in one cut of ten
        cut_clip(video("h264_mp4"), 0.2, 1.2, tmp_path / "clip.mp4")
        contents.add((tmp_path / "clip.mp4").read_bytes())
    assert len(contents) == 1


def test_failed_cut_leaves_nothing_half_written(video, unreadable, tmp_path):
    out = tmp_path / "clip.mp4"
    out.write_bytes(b"what was there")
    with pytest.raises(MediaError):
        cut_clip(unreadable("tail_missing_mp4"), 0.0, 1.0, out)
    assert out.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [out]


def test_failure_while_encoding_leaves_nothing_half_written(video, tmp_path, monkeypatch):
    def fail(*_):
        for _ in range(50):  # more than the encoder holds back: part of the file is on disk by now
            yield av.VideoFrame.from_ndarray(np.zeros((72, 96, 3), np.uint8), "rgb24").reformat(format="yuv420p")
        assert any(path.stat().st_size for path in tmp_path.iterdir())
        raise MediaError("a.mp4", "damaged")

    monkeypatch.setattr("demitasse.media.clip._pictures", fail)
    with pytest.raises(MediaError, match="damaged"):
        cut_clip(video("h264_mp4"), 0.0, 2.0, tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_odd_names_are_written_as_files(video, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cut_clip(video("h264_mp4"), 0.0, 0.5, "concat:a|b #1.mp4").frame_count == 15
    assert [path.name for path in tmp_path.iterdir()] == ["concat:a|b #1.mp4"]


def test_clip_never_overwrites_its_source(video, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(video("h264_mp4").read_bytes())
    (tmp_path / "link.mp4").symlink_to(path)
    with pytest.raises(DataError, match="overwrite"):
        cut_clip(path, 0.0, 1.0, tmp_path / "link.mp4")


def test_absent_video_is_a_media_error_even_where_the_clip_exists(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"what was there")
    with pytest.raises(MediaError, match="file not found"):
        cut_clip(tmp_path / "absent.mp4", 0.0, 1.0, tmp_path / "clip.mp4")


def test_a_cut_that_is_late_does_not_bring_back_a_folder_that_was_removed(video, tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        cut_clip(video("h264_mp4"), 0.0, 1.0, tmp_path / "removed" / "deep" / "clip.mp4")
    assert not (tmp_path / "removed").exists()


def test_clip_that_cannot_be_written_says_where(video, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot be written"):
        cut_clip(video("h264_mp4"), 0.0, 1.0, tmp_path / "file" / "clip.mp4")


@pytest.mark.parametrize(
    ("kind", "options", "rate"),
    [
        pytest.param("h264_mp4", {}, 30, id="even"),
        pytest.param("h264_mkv", {}, 30, id="even_to_the_millisecond"),
        pytest.param("ntsc.mkv", {"fps": Fraction(30000, 1001)}, Fraction(30000, 1001), id="ntsc"),
        pytest.param("uneven_mkv", {}, 10, id="median_gap_of_uneven"),
        pytest.param("slow.mp4", {"fps": 240}, 60, id="no_more_than_60"),
        pytest.param("slides.mp4", {"times": (0.0, 5.0, 11.0, 31.0)}, 1, id="no_less_than_1"),
        pytest.param("one_frame", {}, 30, id="one_frame"),
    ],
)
def test_rate_of_the_clip(video, kind, options, rate):
    assert frame_rate(inspect(video(kind, **options))) == rate


@pytest.mark.parametrize("kind", ["h264_mp4", "uneven_mp4"])
def test_spans_cut_in_one_pass_are_those_cut_one_by_one(video, tmp_path, kind):
    source, spans = video(kind), [(0.0, 0.7), (0.7, 1.2), (1.4, 1.6)]
    outs = [tmp_path / f"{number}.mp4" for number in range(3)]
    infos = cut_clips(inspect(source), list(zip(spans, outs, strict=True)))
    for span, out, info in zip(spans, outs, infos, strict=True):
        alone = cut_clip(source, *span, tmp_path / "alone.mp4")
        assert out.read_bytes() == (tmp_path / "alone.mp4").read_bytes()
        assert info == replace(alone, path=out)


def test_several_spans_are_decoded_once(video, tmp_path, monkeypatch):
    passes = []
    monkeypatch.setattr("demitasse.media.clip.frames_at", lambda *args: passes.append(1) or frames_at(*args))
    cut_clips(inspect(video("h264_mp4")), [((0.0, 0.5), tmp_path / "a.mp4"), ((0.5, 1.0), tmp_path / "b.mp4")])
    assert len(passes) == 1


def test_overlapping_spans_are_refused(video, tmp_path):
    with pytest.raises(ValueError, match="overlap"):
        cut_clips(inspect(video("h264_mp4")), [((0.0, 1.0), tmp_path / "a.mp4"), ((0.5, 1.5), tmp_path / "b.mp4")])


def test_what_is_told_of_a_clip_is_what_the_file_says(video, tmp_path):
    info = cut_clip(video("h264_with_audio"), 0.3, 1.4, tmp_path / "clip.mp4")
    said = probe(tmp_path / "clip.mp4")
    assert info == replace(said, fps=pytest.approx(said.fps), duration=pytest.approx(said.duration))


COLOURS = [(220, 30, 40), (20, 200, 50), (30, 40, 230), (240, 235, 20)]


@pytest.mark.parametrize(
    ("colorspace", "color_range", "pixels"),
    [
        pytest.param(None, None, "yuv420p", id="untagged"),
        pytest.param(1, 1, "yuv420p", id="bt709"),
        pytest.param(5, 1, "yuv420p", id="bt601"),
        pytest.param(5, 2, "yuvj420p", id="full_range"),
        pytest.param(1, 1, "yuv444p", id="whole_colour"),
    ],
)
def test_colours_stay_what_they_were(tmp_path, colorspace, color_range, pixels):
    picture = np.concatenate([np.full((64, 24, 3), colour, np.uint8) for colour in COLOURS], axis=1)
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=8, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixels
        if colorspace:
            stream.codec_context.colorspace, stream.codec_context.color_range = colorspace, color_range
        for _ in range(16):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame = frame.reformat(format=pixels, dst_colorspace=colorspace or 5, dst_color_range=color_range or 1)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    cut_clip(tmp_path / "a.mp4", 0.5, 1.5, tmp_path / "clip.mp4")
    seen = read_frames(tmp_path / "clip.mp4", np.array([0.5])).pixels[0]
    for place, colour in enumerate(COLOURS):
        assert np.abs(seen[32, 12 + 24 * place].astype(int) - colour).max() <= 6
