"""VideoEspresso's training files by the page's commands: core frames alone are shown, and what cannot be is named."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from PIL import Image

from demitasse.cli import main
from demitasse.dataset import read_folder
from demitasse.media.frames import read_frames
from demitasse.recipe import CHECKOUT

PAGE = (CHECKOUT / "recipes" / "videoespresso" / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
TAKING = (
    ("data convert data/videoespresso/videoespresso_train_video.json", "select frames --data runs/espresso_train "),
    ("data convert data/videoespresso/videoespresso_train.json", "select frames --data runs/espresso_pictures "),
)
ROW = {
    "task": "Causal Inference",
    "question": "Why does the shape stop?",
    "answer": "It has arrived.",
    "evidence": "The <obj_start>shape<obj_end><box_start>[50.1, 40.0, 20.5, 10.0]<box_end> has arrived.",
}
EPISODE = "Storystream/x_keyframe_0-15-{}-830.jpg"


def commands(of_pictures: bool = False) -> list[list[str]]:
    """The page's two commands for the set about videos, or for the one about pictures."""
    lines = [line.strip().removeprefix("demitasse ") for line in PAGE.splitlines() if line.startswith("    demitasse ")]
    return [shlex.split(line) for beginning in TAKING[of_pictures] for line in lines if line.startswith(beginning)]


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the page's commands are run: a question about a clip, and one about a clip of an episode."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / "videoespresso"
    assert main(["toyworld", "render", str(folder), "--count", "2"]) == 0
    clip, other = sorted(path.name for path in folder.glob("*.mp4"))
    rows = [
        ROW | {"video_path": clip, "keyframes_path": ["CUVA/1_image/1/8.jpg", "CUVA/1_image/1/24.jpg"]},
        ROW | {"video_path": other, "keyframes_path": [EPISODE.format(14), EPISODE.format(16)]},
    ]
    (folder / "videoespresso_train_video.json").write_text(json.dumps(rows))
    return folder


def test_a_question_is_shown_with_its_core_frames_and_one_about_an_episode_is_left_out_by_name(released: Path) -> None:
    convert, select = commands()
    assert main(convert) == 0
    assert main(select) == 3
    (item,) = [item for file in read_folder(Path("runs/espresso_core/items")) for item in file.items]
    times = [frame["time"] for frame in item.extra["core_frames"]]
    assert item.extra["shown_frames"] == pytest.approx(times, abs=0.51)
    (left_out,) = Path("runs/espresso_core/left_out.jsonl").read_text().splitlines()
    assert json.loads(left_out)["reason"] == "it has no core frame whose time is known"


def test_a_question_about_pictures_is_shown_with_all_of_them(released: Path) -> None:
    names = [f"CUVA/1_image/1/{number}.png" for number in (8, 16, 24)]
    for shade, name in zip((20, 120, 220), names, strict=True):
        (released / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48), (shade, shade, shade)).save(released / name)
    rows = [ROW | {"keyframes_path": names}, ROW | {"keyframes_path": names[:1]}]
    (released / "videoespresso_train.json").write_text(json.dumps(rows))
    convert, select = commands(of_pictures=True)
    assert main(convert) == 0
    assert main(select) == 0
    (file,) = read_folder(Path("runs/espresso_core_pictures/items"))
    shown = []
    for item, paths in zip(file.items, (names, names[:1]), strict=True):
        assert [frame["path"] for frame in item.extra["core_frames"]] == paths
        seen = read_frames(file.media_path(item), item.extra["shown_frames"])
        shown.append([round(float(frame.mean()), -1) for frame in seen.pixels])
    assert shown == [[20, 120, 220], [20]]
