"""What a file really holds, whatever its header says (annotate.md traps 6, 7 and 8)."""

import hashlib
import os
import pickle
from pathlib import Path

import av
import pytest

from demitasse.errors import MediaError
from demitasse.media import probe as probe_module
from demitasse.media.container import packets
from demitasse.media.probe import content_hash, inspect, probe


@pytest.mark.parametrize(
    ("kind", "codec", "container"),
    [
        ("h264_mp4", "h264", "mov"),
        ("h264_mov", "h264", "mov"),
        ("h264_mkv", "h264", "matroska"),
        ("h264_fragmented_mp4", "h264", "mov"),
        ("h264_with_audio", "h264", "mov"),
        ("h264_ts_offset", "h264", "mpegts"),
        ("h264_ts_named_mp4", "h264", "mpegts"),
        ("h264_start_5s", "h264", "mov"),
        ("h264_avi_reordered", "h264", "avi"),
        ("mpeg4_avi", "mpeg4", "avi"),
        ("hevc_mp4", "hevc", "mov"),
        ("vp9_mkv", "vp9", "matroska"),
        ("av1_mp4", "av1", "mov"),
    ],
)
def test_summary_is_the_same_in_every_container_and_codec(video, kind, codec, container):
    path = video(kind)
    info = probe(path)
    assert (info.path, info.codec, info.container) == (path, codec, container)
    assert (info.width, info.height, info.rotation, info.frame_count) == (96, 72, 0, 60)
    assert info.duration == pytest.approx(2.0, abs=0.001)
    assert info.fps == pytest.approx(30, rel=0.001)
    assert (info.mirrored, info.square_pixels, info.edit_list) == (False, True, False)


@pytest.mark.parametrize(
    ("options", "size", "rotation", "mirrored"),
    [
        pytest.param({"turned": 90}, (96, 72), 270, False, id="quarter_turn_counter_clockwise"),
        pytest.param({"turned": 180}, (96, 72), 180, False, id="half_turn"),
        pytest.param({"turned": 270}, (96, 72), 90, False, id="quarter_turn_clockwise"),
        pytest.param({"mirrored": True}, (96, 72), 0, True, id="mirrored_is_not_turned"),
        pytest.param({"aspect": "4/3"}, (128, 72), 0, False, id="wide_pixels_widen"),
        pytest.param({"aspect": "1/2"}, (48, 72), 0, False, id="narrow_pixels_narrow"),
        pytest.param({"aspect": "4/3", "turned": 90}, (96, 96), 270, False, id="aspect_applies_before_the_turn"),
        pytest.param({"size": (97, 73), "pixel_format": "yuv444p"}, (97, 73), 0, False, id="odd_size"),
    ],
)
def test_size_and_orientation_are_as_displayed(video, options, size, rotation, mirrored):
    info = probe(video("oriented.mp4", count=2, **options))
    assert ((info.width, info.height), info.rotation, info.mirrored) == (size, rotation, mirrored)


def test_uneven_frame_times_are_counted_and_measured_by_time(video):
    for kind in ("uneven_mp4", "uneven_mkv"):
        info = probe(video(kind))
        assert info.frame_count == 8
        assert 2.0 < info.duration < 2.2
        assert info.fps == pytest.approx(8 / info.duration)


def test_one_frame_lasts_one_frame(video):
    info = probe(video("one_frame"))
    assert (info.frame_count, info.duration) == (1, pytest.approx(1 / 30))


def test_hidden_frames_of_an_edit_list_do_not_count(copy_cut):
    info = probe(copy_cut)
    assert info.edit_list
    assert (info.frame_count, info.duration) == (75, pytest.approx(2.5))


def test_cover_art_is_not_the_video(cover_art):
    info = probe(cover_art(film=True))
    assert (info.codec, info.frame_count, info.width) == ("h264", 10, 96)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("empty", "empty file"),
        ("text", "not a media file"),
        ("picture", "not a media file"),
        ("playlist", "not a media file"),
        ("streaming_playlist", "not a media file"),
        ("index_missing", "truncated"),
        ("tail_missing_mp4", "truncated"),
        ("tail_missing_mkv", "truncated"),
        ("tail_missing_avi", "truncated"),
        ("header_only", "truncated"),
        ("audio_with_cover", "no video stream"),
    ],
)
def test_unreadable_file_has_a_short_countable_reason(unreadable, case, reason):
    path = unreadable(case)
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert caught.value.reason == reason
    assert str(caught.value) == f"{path}: {reason}"


def test_what_is_no_file_has_a_reason_too(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    for path, reason in [
        (tmp_path / "absent.mp4", "file not found"),
        (tmp_path, "not a file"),
        (tmp_path / "pipe.mp4", "not a file"),
    ]:
        with pytest.raises(MediaError) as caught:
            probe(path)
        assert caught.value.reason == reason


def test_video_without_one_whole_picture_does_not_decode(video, tmp_path):
    data = bytearray(video("h264_mp4").read_bytes())
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    (tmp_path / "blank.mp4").write_bytes(data)
    with pytest.raises(MediaError) as caught:
        probe(tmp_path / "blank.mp4")
    assert caught.value.reason == "no frame could be decoded"


@pytest.mark.parametrize("name", ["concat:a|b.mp4", "http:x.mp4", "a#b?c%20.mp4", "映像 🎥.mp4", "-i.mp4", "a\nb.mp4"])
def test_odd_names_open_as_files(video, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(video("h264_mp4").read_bytes())
    assert probe(name).frame_count == 60


def test_timeline_crosses_process_borders(video):
    timeline = inspect(video("rotated_90"))
    copy = pickle.loads(pickle.dumps(timeline))
    assert copy.info == timeline.info
    assert copy.pts.tolist() == timeline.pts.tolist()


def test_content_hash_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x" * 3_000_000)
    assert content_hash(tmp_path / "a.mp4") == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_content_hash_notices_a_rewritten_file(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"one")
    first = content_hash(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert content_hash(path) != first


def test_content_hash_reads_a_file_once(tmp_path, monkeypatch):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"one")
    first = content_hash(path)
    monkeypatch.setattr(probe_module.hashlib, "file_digest", None)
    assert content_hash(path) == first


def test_content_hash_of_nothing_is_a_media_error(tmp_path):
    with pytest.raises(MediaError, match="file not found"):
        content_hash(tmp_path / "absent.mp4")
    with pytest.raises(MediaError, match="not readable"):
        content_hash(tmp_path)
    with pytest.raises(MediaError, match="not readable"):
        content_hash(Path("a\0b.mp4"))


class Breaking:
    """A container whose reading ends in an error after two packets."""

    def __init__(self, error):
        self.error = error

    def demux(self, *_streams):
        yield from ("first", "second")
        raise self.error


def test_stream_announced_midway_does_not_end_in_an_index_error():
    assert list(packets(Path("a.ts"), Breaking(IndexError()))) == ["first", "second"]


def test_file_that_cannot_be_read_to_its_end_is_damaged():
    with pytest.raises(MediaError) as caught:
        list(packets(Path("a.ts"), Breaking(av.error.InvalidDataError(1, "bad", "a.ts"))))
    assert caught.value.reason == "damaged"
