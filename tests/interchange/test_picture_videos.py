"""`demitasse data convert --pictures-to-videos`: rows of several pictures become items about a video of them all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, read, read_folder, validate
from demitasse.dataset.evidence import core_frames_of
from demitasse.interchange.espresso_profile import profile
from demitasse.media.cache import FrameCache
from demitasse.media.frames import read_frames
from demitasse.media.probe import probe
from demitasse.media.sample import SamplingPolicy
from demitasse.selector.choosing import nearest
from demitasse.student.family import FAMILIES
from demitasse.student.load import load_student
from demitasse.student.sight import Sight, SightSettings
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 60), "blue": (40, 60, 220), "grey": (120, 120, 120)}
NAMES = {"a": ["red", "blue", "grey"], "b": ["green", "red"]}
PLACES = {"a": [48, 96, 150], "b": [8, 24]}
CODEC_NOISE = 2.0  # levels of 255 on average


def paths(source: str) -> list[str]:
    return [f"CUVA/1_image/{source}/{number}.png" for number in PLACES[source]]


def row(source: str, **changes: Any) -> dict[str, Any]:
    return {
        "task": "Causal Inference",
        "question": f"What is seen in {source}?",
        "answer": "A box.",
        "evidence": "A <obj_start>box<obj_end><box_start>[25.0, 25.0, 50.0, 50.0]<box_end> is seen.",
        "keyframes_path": paths(source),
        "keyframes_captions": NAMES[source],
    } | changes


def draw(path: Path, colour: str, size: tuple[int, int] = (96, 64)) -> None:
    """A plain ground with a white box where the evidence says."""
    image = Image.new("RGB", size, COLOURS[colour])
    image.paste((255, 255, 255), (0, 0, size[0] // 2, size[1] // 2))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The folder of the rows and of their pictures."""
    for source in NAMES:
        for name, colour in zip(paths(source), NAMES[source], strict=True):
            draw(tmp_path / "data" / name, colour)
    return tmp_path / "data"


def convert(folder: Path, *rows: dict[str, Any], name: str = "train") -> int:
    """`data convert` of these rows, with `--pictures-to-videos` a folder beside them."""
    (folder / f"{name}.json").write_text(json.dumps(rows))
    made = ["--pictures-to-videos", str(folder / "videos")]
    return main(["data", "convert", str(folder / f"{name}.json"), str(folder.parent / name), *ESPRESSO, *made])


ESPRESSO = ["--from", "videoespresso", "--to", "tao"]


def items(folder: Path, name: str = "train") -> list[Item]:
    return [item for file in read_folder(folder.parent / name) for item in file.items]


def colour_at(pixels: np.ndarray) -> str:
    """The colour of the ground of a frame, uint8 [H, W, 3]."""
    corner = pixels[-8:, -8:].reshape(-1, 3).mean(0)
    return min(COLOURS, key=lambda name: float(np.abs(corner - COLOURS[name]).sum()))


def test_a_core_frame_has_the_second_at_which_its_picture_is_shown(pictures: Path, capsys: Any) -> None:
    assert convert(pictures, row("a"), row("b")) == 0
    said = capsys.readouterr().out
    assert "2 of 2 rows of pictures are about videos in" in said and "first picture" not in said
    (file,) = read_folder(pictures.parent / "train")
    assert validate(pictures.parent / "train") == []
    for item, source in zip(file.items, NAMES, strict=True):
        assert item.image_id is None and item.video_id and item.video_id.startswith("videos/")
        frames = core_frames_of(item)
        assert [frame.time for frame in frames] == [place + 0.5 for place in range(len(frames))]
        assert [(frame.path, frame.caption) for frame in frames] == list(zip(paths(source), NAMES[source], strict=True))
        seen = read_frames(file.media_path(item), [frame.time for frame in frames])
        assert [colour_at(pixels) for pixels in seen.pixels] == NAMES[source]
        assert seen.duration == len(frames)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_student_sees_of_each_picture_what_it_sees_of_an_image(pictures: Path, tmp_path: Path, family: str) -> None:
    assert convert(pictures, row("a")) == 0
    (file,) = read_folder(pictures.parent / "train")
    (item,) = file.items
    tokenizer = build_tokenizer([item.question])
    save_tiny(build_model(family, tokenizer, hidden=32, layers=1, heads=2), tokenizer, tmp_path / family)
    vision = load_student(tmp_path / family, device="cpu").encoder.vision.with_bounds(56 * 56, 224 * 224)
    sight = Sight(SightSettings(SamplingPolicy(fps=2)), FrameCache(tmp_path / "cache"), vision)
    video = sight.show(item, file.media_path(item))
    images = [sight.show(Item("?", "", image_id=name), pictures / name) for name in paths("a")]
    assert video and all(images)
    assert video.pixels.grid == (3, *images[0].pixels.grid[1:])
    for place, image in enumerate(images):
        assert image.pixels.grid[0] == 1
        frames = video.pixels.frames[2 * place : 2 * place + 2].float()  # the patch of this picture
        assert (frames - image.pixels.frames.float()).abs().mean() < CODEC_NOISE


@pytest.mark.parametrize("fps", [0.5, 1, 2, 3])
@pytest.mark.parametrize("count", range(2, 10))
def test_the_sampled_frames_nearest_to_core_frames_show_each_picture_once(
    pictures: Path, fps: float, count: int
) -> None:
    """Whatever the rate, if as many frames are sampled as there are pictures."""
    colours = [list(COLOURS)[place % 4] for place in range(count)]
    for place, colour in enumerate(colours):
        draw(pictures / f"{place}.png", colour)
    names = [f"{place}.png" for place in range(count)]
    assert convert(pictures, row("a", keyframes_path=names, keyframes_captions=None)) == 0
    (item,) = items(pictures)
    policy = SamplingPolicy(fps=fps, min_frames=count)
    frames = FrameCache(pictures / "cache").frames(pictures / str(item.video_id), policy)
    chosen = nearest(frames.times, [frame.time for frame in core_frames_of(item) if frame.time is not None])
    assert [colour_at(frames.pixels[place]) for place in chosen] == colours


def test_the_same_pictures_make_one_video_and_a_second_run_makes_none(pictures: Path) -> None:
    rows = [row("a"), row("b"), row("a", question="Asked again?")]
    assert convert(pictures, *rows) == 0
    first, other, again = items(pictures)
    assert first.video_id == again.video_id != other.video_id
    made = {path: path.stat().st_mtime_ns for path in (pictures / "videos").iterdir()}
    assert convert(pictures, *rows) == 0
    assert {path: path.stat().st_mtime_ns for path in (pictures / "videos").iterdir()} == made and len(made) == 2


BAD = [
    pytest.param(lambda path: path.unlink(), "file not found", id="missing"),
    pytest.param(lambda path: path.write_bytes(path.read_bytes()[:60]), "image not readable", id="cut_short"),
    pytest.param(lambda path: draw(path, "red", (64, 64)), "96 x 64; make them alike", id="of_another_size"),
]


@pytest.mark.parametrize(("spoil", "says"), BAD)
def test_a_row_whose_pictures_make_no_video_is_left_out_by_name_until_they_are_mended(
    pictures: Path, capsys: Any, spoil: Any, says: str
) -> None:
    spoil(pictures / paths("a")[1])
    assert convert(pictures, row("a"), row("b")) == 3
    told = capsys.readouterr()
    assert f'left out: "What is seen in a?": {pictures / paths("a")[1]}' in told.err and says in told.err
    assert "1 of 2 rows of pictures" in told.out and "1 rows were left out: their pictures make no" in told.out
    assert [item.question for item in items(pictures)] == ["What is seen in b?"]
    draw(pictures / paths("a")[1], "blue")
    assert convert(pictures, row("a"), row("b")) == 0
    assert len(items(pictures)) == 2


def test_without_any_picture_nothing_is_written_and_it_is_said_where_they_belong(pictures: Path, capsys: Any) -> None:
    rows = [row(source, keyframes_path=["no/1.png", "no/2.png"]) for source in NAMES]
    assert convert(pictures, *rows) == 2
    assert "none of the 2 rows has a video" in (said := capsys.readouterr().err) and str(pictures) in said
    assert not (pictures.parent / "train").exists() and not (pictures / "videos").exists()


def test_rows_of_a_video_stay_as_they_are(pictures: Path, capsys: Any) -> None:
    assert convert(pictures, row("a", video_path="CUVA/v.mp4")) == 0
    assert "no row has pictures and no video" in capsys.readouterr().out
    assert [item.media_id for item in items(pictures)] == ["CUVA/v.mp4"]
    assert not (pictures / "videos").exists()


def test_a_row_of_one_picture_is_about_a_video_too_so_that_all_of_a_set_go_the_same_way(pictures: Path) -> None:
    assert convert(pictures, row("a", keyframes_path=paths("a")[:1])) == 0
    [item] = items(pictures)
    assert item.image_id is None and core_frames_of(item)[0].time == 0.5
    assert probe(pictures / item.video_id).duration == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["--from", "llava", "--to", "tao"], "it needs --from videoespresso", id="another_format"),
        pytest.param(["--to", "daft"], "it needs --from videoespresso", id="a_dataset_of_ours"),
        pytest.param([*ESPRESSO], "name a folder in that one", id="a_folder_that_no_media_id_reaches"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(pictures: Path, words: list[str], says: str, capsys: Any) -> None:
    (pictures / "x.json").write_text(json.dumps([row("a")]))
    outside = ["--pictures-to-videos", str(pictures.parent / "elsewhere")]
    assert main(["data", "convert", str(pictures / "x.json"), str(pictures.parent / "out"), *words, *outside]) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1 and not (pictures.parent / "out").exists()


def test_back_in_videoespressos_form_no_path_is_lost_and_it_reads_the_same(pictures: Path) -> None:
    rows = [
        row("a"),
        row("b", keyframes_path=..., images=paths("b"), answer="It is.", core_frames_timestamps=[3.2, 9.0]),
        row("a", question="And beside?", image="thumbnail.png"),
    ]
    rows = [{key: value for key, value in one.items() if value is not ...} for one in rows]
    assert convert(pictures, *rows) == 0
    back = pictures / "back.json"
    assert main(["data", "convert", str(pictures.parent / "train"), str(back), "--to", "videoespresso"]) == 0
    written = json.loads(back.read_text())
    assert [one.get("images", one.get("keyframes_path")) for one in written] == [paths("a"), paths("b"), paths("a")]
    assert written[1]["source_times"] == [3.2, 9.0] and written[2]["source_image"] == "thumbnail.png"
    for one, was in zip(written, rows, strict=True):
        told = {key: value for key, value in one.items() if key in was and key != "core_frames_timestamps"}
        assert told == {key: value for key, value in was.items() if key not in ("core_frames_timestamps", "image")}
    assert main(["data", "convert", str(back), str(pictures.parent / "again"), *ESPRESSO]) == 0
    again, before = items(pictures, "again"), items(pictures)
    for item in (*again, *before):
        item.extra.pop("as_read", None)  # how each file spelt it
    assert again == before


def test_statistics_tell_times_of_the_source_and_none_of_the_made_video(pictures: Path) -> None:
    assert convert(pictures, row("a")) == 0
    made = profile([read(pictures.parent / "train" / "train.json")])["overall"]
    assert made["seconds_apart"]["n"] == 0 and made["frames_apart"]["n"] == 2
    assert convert(pictures, row("a", core_frames_timestamps=[2.0, 4.0, 9.0])) == 0
    made = profile([read(pictures.parent / "train" / "train.json")])["overall"]
    assert (made["seconds_apart"]["min"], made["seconds_apart"]["max"]) == (2.0, 5.0)


def test_a_folder_that_leads_to_another_disk_may_be_given(pictures: Path) -> None:
    (pictures.parent / "disk").mkdir()
    (pictures / "videos").symlink_to(pictures.parent / "disk")
    assert convert(pictures, row("a")) == 0
    (item,) = items(pictures)
    assert (pictures.parent / "disk" / Path(str(item.video_id)).name).is_file()
    assert TaskFile([item], path=pictures / "x.json").media_path(item).is_file()
