"""Controls of asking: another item's video, the first frame alone; each row says what it was asked about."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from demitasse.dataset import Item, TaskFile
from demitasse.errors import DataError
from demitasse.media.cache import FrameCache
from demitasse.media.probe import content_hash
from demitasse.media.sample import SamplingPolicy
from demitasse.student.sight import Sight, SightSettings
from demitasse.student.vision import VisionSettings
from demitasse.toyworld.render import render_clip
from evaluate.asking.another_video import others
from evaluate.asking.predict import predict
from evaluate.comparing.arm import load_arm

VISION = VisionSettings(16, 2, 2, (0.5,) * 3, (0.5,) * 3, 1024, 4096)


@dataclass
class Said:
    text: str
    finish: str = "stop"
    evidence: str = ""


class Echo:
    """Answers with the name of the file that it was shown."""

    def answer(self, items):
        return [Said(path.name) for _, path in items]


def file_of(folder: Path, videos: dict[str, bytes], pictures: dict[str, bytes] | None = None) -> TaskFile:
    """Two questions about each."""
    items = []
    for name, content in {**videos, **(pictures or {})}.items():
        (folder / name).write_bytes(content)
        medium = {"video_id": name} if name in videos else {"image_id": name}
        items += [Item(f"{number}: {name}?", "A", **medium) for number in range(2)]
    return TaskFile(items, task="open_qa", license="x", media_root=".", path=folder / "x.json")


def ask(file: TaskFile, out: Path, shuffle: int | None = 0, **more):
    settings = {"model": "echo", "shuffle_seed": shuffle}
    return predict(Echo, [file], out, "echo", settings, shuffle=shuffle, **more)


@pytest.fixture
def file(tmp_path) -> TaskFile:
    path = tmp_path / "x.json"
    path.write_text("{}")
    return file_of(tmp_path, {f"{place}.mp4": bytes([place]) for place in range(7)})


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [2, 3, 8])
def test_nobody_gets_his_own_and_everybody_gets_one(count, seed):
    media = [str(place) for place in range(count)]
    given = others(media, seed)
    assert sorted(given) == sorted(given.values()) == media
    assert all(one != other for one, other in given.items())


def test_the_order_of_the_items_and_how_often_they_ask_change_nothing():
    assert others(["a", "b", "c", "d"], 5) == others(["d", "b", "a", "c", "b"], 5)


def test_another_seed_is_another_exchange():
    media = [str(place) for place in range(9)]
    assert len({tuple(sorted(others(media, seed).items())) for seed in range(10)}) == 10


def test_each_item_is_asked_about_anothers_video_and_its_row_says_whose(file, tmp_path):
    ask(file, tmp_path / "out")
    rows = load_arm(tmp_path / "out").predictions.values()
    assert len(rows) == 14
    shown = {}
    for row in rows:
        assert row.response == row.detail["shown"] != row.asked.video_id
        assert row.media == content_hash(tmp_path / row.response)
        assert shown.setdefault(row.asked.video_id, row.response) == row.response, "all questions of a video alike"


def test_what_was_asked_otherwise_keeps_its_ids(file, tmp_path):
    ask(file, tmp_path / "out")
    ask(file, tmp_path / "plain", shuffle=None)
    assert (tmp_path / "out" / "items.jsonl").read_text() == (tmp_path / "plain" / "items.jsonl").read_text()
    assert all(row.detail == {} for row in load_arm(tmp_path / "plain").predictions.values())


def test_a_second_run_asks_nothing(file, tmp_path):
    ask(file, tmp_path / "out")
    assert ask(file, tmp_path / "out").found == 14


def test_two_files_of_one_content_are_one_video(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    file = file_of(tmp_path, {"a.mp4": b"same", "b.mp4": b"same", "c.mp4": b"other"})
    ask(file, tmp_path / "out")
    said = {row.asked.video_id: row.response for row in load_arm(tmp_path / "out").predictions.values()}
    assert said["a.mp4"] == said["b.mp4"] == "c.mp4"
    assert said["c.mp4"] in ("a.mp4", "b.mp4")


def test_pictures_are_exchanged_with_pictures(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    file = file_of(tmp_path, {"a.mp4": b"a", "b.mp4": b"b"}, {"c.png": b"c", "d.png": b"d"})
    ask(file, tmp_path / "out")
    said = {row.asked.video_id: row.response for row in load_arm(tmp_path / "out").predictions.values()}
    assert said == {"a.mp4": "b.mp4", "b.mp4": "a.mp4", "c.png": "d.png", "d.png": "c.png"}


def test_one_video_alone_cannot_be_exchanged(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(DataError, match="needs a second video"):
        ask(file_of(tmp_path, {"a.mp4": b"a"}), tmp_path / "out")


@pytest.mark.parametrize("seconds", [None, [1.0, 6.0]])
def test_first_shows_the_first_frame_alone_as_large_as_it_was(tmp_path, seconds):
    path = render_clip(tmp_path / "a.mp4", 1)
    item = Item("?", "A", "a.mp4", extra={} if seconds is None else {"shown_frames": seconds})
    whole, alone = (
        Sight(SightSettings(SamplingPolicy(0.5, 4), 64 * 64, frames), FrameCache(tmp_path / "cache"), VISION)
        for frames in ("video", "first")
    )
    video, clip = whole.show(item, path), alone.show(item, path)
    assert video.pixels.grid[0] > 1
    assert clip.pixels.grid == (1, *video.pixels.grid[1:])
    assert torch.equal(clip.pixels.frames[0], video.pixels.frames[0])
    assert torch.equal(clip.pixels.frames[0], clip.pixels.frames[1]), "it fills its patch"
    np.testing.assert_array_equal(clip.times, video.times[:1])
    outlined = alone.outline(item, path)
    assert (outlined.pixels.grid, outlined.times.tolist()) == (clip.pixels.grid, clip.times.tolist())
