"""Boxes of a stored picture, in the displayed one: Pillow is the judge of what EXIF means."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from demitasse.media.exif import ORIENTATION, displayed_size, known_orientation, turn_corners

WIDTH, HEIGHT = 60, 40
BOX = (10, 5, 25, 12)  # neither centred nor square, so that every orientation puts it elsewhere


def box_of(picture):
    rows, columns = np.nonzero(np.asarray(picture))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_is_turned_with_its_picture(tmp_path, orientation):
    picture = Image.new("L", (WIDTH, HEIGHT))
    picture.paste(255, BOX)
    exif = picture.getexif()
    exif[ORIENTATION] = orientation
    picture.save(tmp_path / "turned.png", exif=exif)
    shown = ImageOps.exif_transpose(Image.open(tmp_path / "turned.png"))
    assert displayed_size(WIDTH, HEIGHT, orientation) == shown.size
    assert turn_corners(BOX, WIDTH, HEIGHT, orientation) == box_of(shown)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_corners_in_the_wrong_order_stay_so_and_are_not_mended_by_turning(orientation):
    x1, y1, x2, y2 = turn_corners((25, 12, 10, 5), WIDTH, HEIGHT, orientation)
    assert x2 < x1 and y2 < y1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(6, 6, id="one_of_the_eight"),
        pytest.param(0, 1, id="zero_is_upright"),
        pytest.param(9, 1, id="nine_is_upright"),
        pytest.param("6", 1, id="text_is_upright"),
        pytest.param((6,), 1, id="a_list_is_upright"),
    ],
)
def test_an_orientation_that_is_none_is_upright_as_viewers_have_it(value, expected):
    assert known_orientation(value) == expected
