"""Still pictures: encoding, reading as displayed, and the rule for making smaller."""

import io

import numpy as np
import pytest
from PIL import Image

from demitasse.errors import MediaError
from demitasse.media.images import Stored, encode_jpeg, open_image, read_image
from demitasse.media.resize import fit_within


def test_jpeg_keeps_size_and_channel_order():
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30] = (230, 60, 30)
    pixels[:, 30:] = (30, 60, 230)
    read = np.asarray(Image.open(io.BytesIO(encode_jpeg(pixels, 90))))
    assert read.shape == pixels.shape
    assert np.abs(read.astype(int) - pixels).max() < 12


def test_jpeg_quality_decides_the_size():
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    assert len(encode_jpeg(noise, 30)) < len(encode_jpeg(noise, 95))


def test_jpeg_of_a_turned_view_is_the_turned_picture():
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:20] = 255
    read = np.asarray(Image.open(io.BytesIO(encode_jpeg(pixels[::-1], 90))))
    assert read[30, 30].min() > 250
    assert read[10, 30].max() < 5


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(np.zeros((4, 4, 3), np.float32), id="floats"),
        pytest.param(np.zeros((4, 4), np.uint8), id="grey"),
        pytest.param(np.zeros((2, 4, 4, 3), np.uint8), id="several_pictures"),
    ],
)
def test_jpeg_takes_one_rgb_picture_of_bytes(pixels):
    with pytest.raises(ValueError, match="uint8"):
        encode_jpeg(pixels)


def test_image_is_read_as_displayed(tmp_path):
    image = Image.fromarray(np.zeros((40, 60, 3), np.uint8))
    image.paste((255, 255, 255), (0, 0, 60, 20))  # the top is white
    exif = image.getexif()
    exif[0x0112] = 6  # a quarter turn clockwise to display
    image.save(tmp_path / "turned.png", exif=exif)
    pixels = read_image(tmp_path / "turned.png")
    assert pixels.shape == (60, 40, 3)
    assert pixels[30, 35].min() == 255  # the top is now on the right
    assert pixels[30, 5].max() == 0


def test_transparent_image_is_laid_on_white(tmp_path):
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert read_image(tmp_path / "clear.png").min() == 255


def test_image_is_made_smaller_and_never_larger(tmp_path):
    Image.new("L", (100, 50), 128).save(tmp_path / "grey.png")
    assert read_image(tmp_path / "grey.png", max_pixels=1250).shape == (25, 50, 3)
    assert read_image(tmp_path / "grey.png", max_pixels=10**6).shape == (50, 100, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, "file not found", id="absent"),
        pytest.param(b"", "empty file", id="empty"),
        pytest.param(b"text" * 99, "not an image", id="text"),
        pytest.param("half", "image not readable", id="truncated"),
    ],
)
def test_image_that_cannot_be_read_has_a_countable_reason(tmp_path, content, reason):
    path = tmp_path / "picture.jpg"
    if content == "half":
        whole = encode_jpeg(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
        content = whole[: len(whole) // 2]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError) as caught:
        read_image(path)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("size", "limit", "expected"),
    [
        pytest.param((1920, 1080), None, (1920, 1080), id="no_limit"),
        pytest.param((1920, 1080), 1920 * 1080, (1920, 1080), id="exactly_the_limit_is_left_alone"),
        pytest.param((1920, 1080), 1920 * 1080 // 4, (960, 540), id="half_the_side_for_a_quarter_of_the_pixels"),
        pytest.param((10, 10), 10**9, (10, 10), id="never_enlarged"),
        pytest.param((10_000, 1), 100, (100, 1), id="thin_picture_stays_within"),
        pytest.param((5, 5), 1, (1, 1), id="one_pixel"),
    ],
)
def test_fit_within(size, limit, expected):
    assert fit_within(*size, limit) == expected


def test_fit_within_keeps_the_limit_and_the_aspect():
    for width, height in [(1280, 720), (407, 663), (4000, 300), (333, 777)]:
        for limit in (100, 5_000, 100_352, 200_000):
            narrow, low = fit_within(width, height, limit)
            assert narrow * low <= limit
            assert abs(narrow - low * width / height) <= 1 + width / height


def test_limit_of_no_pixels_is_refused():
    with pytest.raises(ValueError, match="max_pixels is 0"):
        fit_within(10, 10, 0)


def test_an_opened_image_says_how_it_was_stored(tmp_path):
    image = Image.new("P", (60, 40))
    exif = image.getexif()
    exif[0x0112] = 8
    image.save(tmp_path / "palette.png", exif=exif)
    picture, stored = open_image(tmp_path / "palette.png")
    assert picture.size == (40, 60) and picture.mode == "RGB"
    assert stored == Stored("PNG", "P", 60, 40, 8)


def test_a_mode_with_transparency_is_told_apart(tmp_path):
    Image.new("P", (8, 8)).save(tmp_path / "clear.png", transparency=0)
    assert open_image(tmp_path / "clear.png")[1].mode == "PA"


@pytest.mark.parametrize("mode", ["I;16", "F"])
def test_an_image_of_more_than_8_bits_is_refused_for_nobody_knows_its_white(tmp_path, mode):
    Image.new(mode, (8, 8)).save(tmp_path / "deep.tif")
    with pytest.raises(MediaError, match="more than 8 bits a channel"):
        read_image(tmp_path / "deep.tif")


def test_of_several_pictures_in_a_file_it_is_the_first(tmp_path):
    pages = [Image.new("RGB", (8, 8), colour) for colour in ("white", "black")]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    assert read_image(tmp_path / "pages.tif").min() == 255
