"""A video of pictures: each is held for its second, and looks as it would alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demitasse.errors import MediaError
from demitasse.media.clip import is_plain
from demitasse.media.frames import read_frames
from demitasse.media.images import read_image
from demitasse.media.probe import inspect
from demitasse.media.slideshow import RATE, middle, write_slideshow

CODEC_NOISE = 2.0  # levels of 255 on average: 0.97 was measured for plain colours, 1.2 for footage
SIZE = (64, 48)
RED, GREEN, BLUE = (220, 30, 30), (30, 180, 60), (40, 60, 220)


def picture(colour: tuple[int, int, int], size: tuple[int, int] = SIZE) -> Image.Image:
    """A plain ground with a white box in its left upper quarter."""
    image = Image.new("RGB", size, colour)
    image.paste((255, 255, 255), (0, 0, size[0] // 2, size[1] // 2))
    return image


def plain(path: Path, colour: tuple[int, int, int]) -> None:
    picture(colour).save(path)


def turned(path: Path, colour: tuple[int, int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise to display
    picture(colour).transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)


def see_through(path: Path, colour: tuple[int, int, int]) -> None:
    image = picture(colour).convert("RGBA")
    image.paste((0, 0, 0, 0), (40, 30, 60, 44))
    image.save(path)


def printed(path: Path, colour: tuple[int, int, int]) -> None:
    picture(colour).convert("CMYK").save(path, quality=95)


KINDS = [
    pytest.param(plain, "png", id="png"),
    pytest.param(plain, "jpg", id="jpeg"),
    pytest.param(turned, "jpg", id="turned_by_exif"),
    pytest.param(see_through, "png", id="transparent"),
    pytest.param(printed, "jpg", id="cmyk"),
    pytest.param(lambda path, colour: picture(colour).quantize(4).save(path), "gif", id="palette"),
]


@pytest.mark.parametrize(("write", "ending"), KINDS)
@pytest.mark.parametrize("reader", ["pyav", "decord"])
def test_each_picture_is_two_like_frames_of_its_second(tmp_path, write, ending, reader) -> None:
    if reader == "decord":
        pytest.importorskip("decord")
    pictures = [tmp_path / f"{number}.{ending}" for number in range(3)]
    for path, colour in zip(pictures, (RED, GREEN, BLUE), strict=True):
        write(path, colour)
    video = write_slideshow(pictures, tmp_path)
    frames = read_frames(video, np.arange(6) / float(RATE), reader=reader)
    assert (frames.duration, frames.times.tolist()) == (3.0, [0, 0.5, 1, 1.5, 2, 2.5])
    for place, path in enumerate(pictures):
        first, second = frames.pixels[2 * place : 2 * place + 2].astype(int)
        assert np.abs(first - read_image(path)).mean() < CODEC_NOISE
        assert np.abs(first - second).mean() < 0.05
        assert frames.times[2 * place] < middle(place) <= frames.times[2 * place + 1]


def test_it_is_a_file_that_browsers_and_servers_take_as_it_is(tmp_path) -> None:
    plain(tmp_path / "a.png", RED)
    timeline = inspect(write_slideshow([tmp_path / "a.png"] * 4, tmp_path))
    assert is_plain(timeline) and timeline.info.pixel_format == "yuv420p"
    assert timeline.seconds(int(timeline.keyframes[3])) == 3.0  # any picture is decoded alone


@pytest.mark.parametrize("size", [(65, 47), (1, 1), (3, 480)])
def test_odd_sides_are_scaled_to_even_ones_so_that_boxes_stay_true(tmp_path, size) -> None:
    picture(RED, size).save(tmp_path / "a.png")
    info = inspect(write_slideshow([tmp_path / "a.png"] * 2, tmp_path)).info
    assert (info.width, info.height) == tuple(max(2, side - side % 2) for side in size)


def test_the_content_of_the_pictures_names_the_video_and_it_is_made_once(tmp_path) -> None:
    for name, colour in (("a.png", RED), ("b.png", GREEN), ("same.png", RED)):
        plain(tmp_path / name, colour)
    a, b, same = (tmp_path / name for name in ("a.png", "b.png", "same.png"))
    made = write_slideshow([a, b], tmp_path / "videos")
    before = made.stat()
    assert write_slideshow([same, b], tmp_path / "videos") == made
    assert made.stat().st_mtime_ns == before.st_mtime_ns and made.stat().st_ino == before.st_ino
    other = write_slideshow([b, a], tmp_path / "videos")
    assert sorted((tmp_path / "videos").iterdir()) == sorted([made, other]) and other != made
    again = write_slideshow([a, b], tmp_path / "elsewhere")
    assert (again.name, again.read_bytes()) == (made.name, made.read_bytes())


def test_pictures_that_make_no_video_are_refused_with_what_to_do_and_leave_nothing(tmp_path) -> None:
    plain(tmp_path / "a.png", RED)
    picture(RED, (32, 32)).save(tmp_path / "b.png")
    picture(RED, (16_386, 2)).save(tmp_path / "wide.png")
    for name, says in (("b.png", "32 x 32 pixels, but the first of these pictures has 64 x 48; make them alike"),
                       ("no.png", "file not found"),
                       ("wide.png", "16386 pixels")):  # fmt: skip
        with pytest.raises(MediaError, match=says):
            write_slideshow([tmp_path / "a.png", tmp_path / name], tmp_path / "videos")
    assert not (tmp_path / "videos").exists()
