"""`demitasse data cache`: decodes once, goes on where it ended, names what is bad, says what it takes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from demitasse import cli, data_cache
from demitasse.dataset import Item, TaskFile, write
from demitasse.dataset.shown_frames import with_shown_frames
from demitasse.media.ahead import Wanted, take_stock
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy, VideoBudget
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
from demitasse.toyworld.render import render
from train.data.frames import videos_of

CLIPS = 3
FLAGS = ["--fps", "1", "--max-frames", "4", "--workers", "1"]


@pytest.fixture(autouse=True)
def no_power_cut(monkeypatch):
    monkeypatch.setattr("demitasse.atomic._sync", lambda _path: None)


@pytest.fixture
def clips(tmp_path) -> Path:
    """Three toy clips, two questions each; a picture, and a clip of which nothing is to be seen."""
    folder = tmp_path / "data"
    render(folder / "videos", range(CLIPS))
    names = [f"{number:05d}.mp4" for number in range(CLIPS)]
    items = [Item(question, "A", name) for name in names for question in ("Where?", "When?")]
    items += [Item("Which?", "A", image_id="picture.png"), with_shown_frames(Item("Why?", "A", "not there.mp4"), [])]
    write(folder / "qa.json", TaskFile(items, task="qa", license="Apache-2.0", media_root="videos"))
    return folder


@pytest.fixture
def cached(tmp_path, clips, capsys) -> Callable[..., tuple[int, str, str]]:
    """Runs the command on the clips; returns its exit code, output and errors."""

    def run(*more: str) -> tuple[int, str, str]:
        code = cli.main(["data", "cache", str(clips), "--cache", str(tmp_path / "cache"), *FLAGS, *more])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def in_process(monkeypatch):
    """Decode here and not in a process of its own, which takes seconds to start."""

    class Here:
        def __init__(self, workers: int) -> None: ...
        def __enter__(self):
            return self

        def __exit__(self, *_): ...
        def run_sync(self, function, *args):
            return function(*args)

    monkeypatch.setattr("demitasse.media.ahead.DecodePool", Here)


def entries(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (folder / "cache").rglob("*.npy")}


def test_each_video_is_decoded_once_in_processes_of_their_own(cached, tmp_path):
    code, said, _ = cached("--workers", "2")
    assert code == 0
    assert "0 videos in" in said
    assert "3 to decode: 12 frames" in said
    assert len(entries(tmp_path)) == CLIPS
    before = entries(tmp_path)
    code, said, _ = cached()
    assert "3 videos in" in said
    assert "0 to decode: 0 frames, 0 B" in said
    assert entries(tmp_path) == before


def test_an_interrupted_run_goes_on_with_what_is_missing(cached, tmp_path, in_process):
    cached()
    lost = next((tmp_path / "cache").rglob("*.json"))
    lost.unlink()  # written last: without it there is no entry
    before = entries(tmp_path)
    _, said, _ = cached()
    assert "1 to decode" in said
    assert [name for name, made in entries(tmp_path).items() if made != before[name]] == [f"{lost.stem}.npy"]


def test_bad_videos_are_counted_and_named_and_the_others_decoded(cached, clips, tmp_path, in_process):
    (clips / "videos" / "00001.mp4").write_bytes(b"no video")
    (clips / "videos" / "00002.mp4").unlink()
    code, said, errors = cached()
    assert code == 3
    assert "1 video, " in said
    assert "2 could not be read" in said
    assert f"{clips / 'videos' / '00001.mp4'}: not a media file" in errors
    assert f"{clips / 'videos' / '00002.mp4'}: file not found" in errors
    assert len(entries(tmp_path)) == 1


def test_a_video_that_breaks_while_it_is_decoded_is_one_bad_video(cached, monkeypatch, in_process):
    from demitasse.errors import MediaError
    from demitasse.media import cache

    read = cache.read_frames

    def fails_once(timeline, *args):
        if timeline.info.path.name == "00000.mp4":
            raise MediaError(timeline.info.path, "damaged")
        return read(timeline, *args)

    monkeypatch.setattr(cache, "read_frames", fails_once)
    code, said, errors = cached()
    assert code == 3
    assert "00000.mp4: damaged" in errors
    assert "2 videos" in said


def test_the_size_said_before_is_the_size_after(clips, tmp_path, in_process, cached):
    wanted = Wanted(FrameCache(tmp_path / "cache"), SamplingPolicy(1, 4), 32 * 32, VideoBudget(3000))
    paths = sorted((clips / "videos").glob("*.mp4"))
    before = take_stock(paths, wanted)
    for path in paths:
        wanted.cache.frames(path, wanted.policy, wanted.max_pixels, wanted.budget)
    after = take_stock(paths, wanted)
    assert not after.missing
    assert before.to_come == sum(one.nbytes for one in after.cached.values())
    headers = sum(128 for _ in paths)  # numpy's own, one a file
    assert before.to_come + headers == sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*.npy"))


def test_what_does_not_fit_on_the_disk_is_refused_before_anything_is_decoded(cached, tmp_path, monkeypatch):
    monkeypatch.setattr(data_cache.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    code, _, errors = cached()
    assert code == 2
    assert "do not fit into 1000 B" in errors
    assert not entries(tmp_path)


@pytest.fixture
def recipe(tmp_path, clips) -> Path:
    tokenizer = build_tokenizer(["Where? When? A B"] * 4)
    save_tiny(build_model("qwen2_5_vl", tokenizer, hidden=32, layers=1, heads=2), tokenizer, tmp_path / "model")
    train = {
        "model": {"path": str(tmp_path / "model")},
        "data": {"files": [str(clips)], "cache_dir": str(tmp_path / "cache")},
        "frames": {"fps": 1, "max_frames": 6, "min_frames": 2, "max_pixels": 2048, "video_pixels": 6000},
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(json.dumps({"train": train}))
    return path


def test_a_recipe_says_which_frames_and_they_are_those_that_training_looks_for(
    recipe, tmp_path, in_process, monkeypatch, capsys
):
    assert cli.main(["data", "cache", "--config", str(recipe), "frames.max_frames=4", "--workers", "1"]) == 0
    assert "3 to decode: 12 frames" in capsys.readouterr().out
    monkeypatch.setattr("demitasse.media.cache.read_frames", None)
    videos, sight = videos_of(recipe, ["frames.max_frames=4"])
    assert [len(sight.show(Item("Where?", "A", path.name), path).times) for path in videos] == [4, 4, 4]
    videos, sight = videos_of(recipe, [])  # six frames
    assert not any(sight.cached(path).cached for path in videos)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["data", "cache"], "name dataset files", id="nothing_to_decode_is_named"),
        pytest.param(["data", "cache", "nowhere"], "nowhere", id="no_such_file"),
        pytest.param(["data", "cache", "x", "--workers", "0"], "--workers is 0", id="no_workers"),
        pytest.param(["data", "cache", "x", "--max-pixels", "0"], "--max-pixels is 0", id="no_pixels"),
        pytest.param(["data", "cache", "x", "--fps", "0"], "fps is 0", id="no_frames"),
        pytest.param(
            ["data", "cache", "--config", "r.yaml", "--fps", "2"], "write frames.fps=2", id="flags_beside_a_recipe"
        ),
        pytest.param(["data", "cache", "--config", "none.yaml"], "none.yaml", id="no_such_recipe"),
    ],
)
def test_arguments_that_cannot_be_used_are_one_sentence(words, told, capsys):
    assert cli.main(words) == 2
    assert told in capsys.readouterr().err


def test_without_videos_there_is_nothing_to_decode(tmp_path, capsys):
    items = [Item("Which?", "A", image_id="picture.png")]
    write(tmp_path / "qa.json", TaskFile(items, task="qa", license="", media_root="."))
    assert cli.main(["data", "cache", str(tmp_path), "--cache", str(tmp_path / "cache"), "--workers", "1"]) == 0
    assert "nothing to decode" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 * 2**40, "3.0 TiB"), (2**51, "2048.0 TiB")]
)
def test_bytes_are_written_as_a_person_reads_them(count, text):
    assert data_cache.size(count) == text
