"""The frame cache: content decides, entries are whole or made again, processes may share it."""

import multiprocessing
import shutil

import numpy as np
import orjson
import pytest

from demitasse.errors import ConfigError, DiskFullError, MediaError
from demitasse.media import cache as cache_module
from demitasse.media.cache import FrameCache
from demitasse.media.frames import read_frames
from demitasse.media.sample import SamplingPolicy, sample_times

POLICY = SamplingPolicy(fps=4, max_frames=16)


@pytest.fixture
def decodings(monkeypatch):
    """The number of decodings so far, as the length of a list."""
    calls = []
    monkeypatch.setattr(cache_module, "read_frames", lambda *args: calls.append(args) or read_frames(*args))
    return calls


def entries(folder, suffix):
    return sorted(folder.rglob(f"*{suffix}"))


def test_frames_are_those_of_the_policy(video, tmp_path):
    path = video("uneven_mp4")
    cached = FrameCache(tmp_path).frames(path, POLICY, 2_000)
    direct = read_frames(path, sample_times(cached.duration, POLICY), 2_000)
    assert np.array_equal(cached.pixels, direct.pixels)
    assert np.array_equal(cached.times, direct.times)
    assert cached.duration == direct.duration


def test_second_time_nothing_is_decoded_and_pixels_are_mapped(video, tmp_path, decodings):
    first = FrameCache(tmp_path).frames(video("h264_mp4"), POLICY)
    again = FrameCache(tmp_path).frames(video("h264_mp4"), POLICY)
    assert len(decodings) == 1
    assert isinstance(again.pixels, np.memmap)
    assert not again.pixels.flags.writeable
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.times, again.times)


def test_content_counts_and_not_the_name(video, tmp_path, decodings):
    cache = FrameCache(tmp_path / "cache")
    shutil.copy(video("h264_mp4"), tmp_path / "moved.mp4")
    cache.frames(video("h264_mp4"), POLICY)
    cache.frames(tmp_path / "moved.mp4", POLICY)
    assert len(decodings) == 1
    shutil.copy(video("h264_mkv"), tmp_path / "moved.mp4")
    cache.frames(tmp_path / "moved.mp4", POLICY)
    assert len(decodings) == 2


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"policy": SamplingPolicy(fps=2, max_frames=16)}, id="policy"),
        pytest.param({"max_pixels": 1_000}, id="max_pixels"),
        pytest.param({"reader": "decord"}, id="reader"),
        pytest.param({"version": "pyav 0"}, id="reader_version"),
    ],
)
def test_whatever_decides_the_pixels_is_in_the_key(video, tmp_path, monkeypatch, changed):
    if "reader" in changed:
        pytest.importorskip("decord")
    FrameCache(tmp_path).frames(video("h264_mp4"), POLICY)
    if "version" in changed:
        monkeypatch.setattr("demitasse.media.pyav_reader.version", lambda: changed["version"])
    other = FrameCache(tmp_path, changed.get("reader", "pyav"))
    other.frames(video("h264_mp4"), changed.get("policy", POLICY), changed.get("max_pixels"))
    assert len(entries(tmp_path, ".npy")) == 2


def test_sidecar_names_times_reader_and_version(video, tmp_path):
    frames = FrameCache(tmp_path).frames(video("h264_mp4"), POLICY)
    notes = orjson.loads(entries(tmp_path, ".json")[0].read_bytes())
    assert notes["times"] == frames.times.tolist()
    assert notes["reader"] == "pyav"
    assert notes["reader_version"].startswith("pyav ")
    assert notes["policy"] == {"fps": 4, "max_frames": 16, "min_frames": 4, "frame_multiple": 2}


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1000] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("suffix", [".npy", ".json"])
@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(truncate, id="cut_short"),
        pytest.param(lambda path: path.write_bytes(b""), id="emptied"),
        pytest.param(lambda path: path.write_bytes(b"\0" * 500), id="zeros"),
        pytest.param(lambda path: path.unlink(), id="gone"),
        pytest.param(lambda path: path.write_bytes(b"{}"), id="something_else"),
    ],
)
def test_entry_that_is_not_whole_is_made_again(video, tmp_path, decodings, suffix, harm):
    good = np.array(FrameCache(tmp_path).frames(video("h264_mp4"), POLICY).pixels)
    harm(entries(tmp_path, suffix)[0])
    assert np.array_equal(FrameCache(tmp_path).frames(video("h264_mp4"), POLICY).pixels, good)
    assert len(decodings) == 2
    FrameCache(tmp_path).frames(video("h264_mp4"), POLICY)
    assert len(decodings) == 2


def test_one_flipped_bit_is_noticed(video, tmp_path, decodings):
    good = np.array(FrameCache(tmp_path).frames(video("h264_mp4"), POLICY).pixels)
    flip(entries(tmp_path, ".npy")[0])
    assert np.array_equal(FrameCache(tmp_path).frames(video("h264_mp4"), POLICY).pixels, good)
    assert len(decodings) == 2


def fill(folder, path, start, answers):
    start.wait()
    answers.put(int(FrameCache(folder).frames(path, POLICY).pixels.sum()))


def test_two_processes_may_write_the_same_entry(video, tmp_path):
    fork = multiprocessing.get_context("fork")  # quick, and nothing here has threads yet
    start, answers = fork.Barrier(3), fork.Queue()
    processes = [fork.Process(target=fill, args=(tmp_path, video("h264_mp4"), start, answers)) for _ in range(3)]
    for process in processes:
        process.start()
    sums = {answers.get(timeout=300) for _ in processes}
    for process in processes:
        process.join(300)
    assert len(sums) == 1
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(list(tmp_path.rglob("*.*"))) == 2  # no partial file is left


def test_interrupted_write_leaves_no_entry(video, tmp_path, monkeypatch):
    def stop(file, *_args, **_kwargs):
        file.write(b"half of an array")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(cache_module.np, "save", stop)
        FrameCache(tmp_path).frames(video("h264_mp4"), POLICY)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_folder_that_cannot_be_written_is_named(video, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DiskFullError, match=r"file: the frame cache cannot be written \(.+\); free some space"):
        FrameCache(tmp_path / "file").frames(video("h264_mp4"), POLICY)


def test_unreadable_video_leaves_no_entry(unreadable, tmp_path):
    with pytest.raises(MediaError, match="truncated"):
        FrameCache(tmp_path).frames(unreadable("index_missing"), POLICY)
    assert list(tmp_path.iterdir()) == []


def test_unknown_reader_is_refused(video, tmp_path):
    with pytest.raises(ConfigError, match="reader"):
        FrameCache(tmp_path, "opencv").frames(video("h264_mp4"), POLICY)
