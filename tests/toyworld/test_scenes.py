"""`demitasse toyworld scenes`: pictures as asked for, their labels, EXIF, and what it refuses."""

import numpy as np
import pytest
from PIL import Image

from demitasse.cli import main
from demitasse.media.images import read_image
from demitasse.toyworld.kitti import kitti_label
from demitasse.toyworld.marker import read_marker
from demitasse.toyworld.picture import STORED, draw_scene
from demitasse.toyworld.scene import ToyScene, ToyThing, toy_scene
from demitasse.toyworld.world import COLOURS


def scenes(folder, *options: str) -> int:
    return main(["toyworld", "scenes", str(folder), *options])


def contents(folder) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_pictures_and_labels_share_their_stems(tmp_path):
    assert scenes(tmp_path, "--count", "2", "--first", "40") == 0
    assert sorted(contents(tmp_path)) == [
        "images/00040.png",
        "images/00041.png",
        "labels/00040.txt",
        "labels/00041.txt",
    ]
    assert np.array_equal(read_image(tmp_path / "images/00041.png"), draw_scene(toy_scene(41)))


def test_a_second_time_changes_nothing(tmp_path):
    scenes(tmp_path, "--count", "2")
    before = contents(tmp_path)
    (tmp_path / "labels" / "00000.txt").write_text("Corrected by a person\n")
    scenes(tmp_path, "--count", "2")
    assert contents(tmp_path) == before | {"labels/00000.txt": b"Corrected by a person\n"}


def test_a_label_holds_fifteen_fields_and_boxes_in_pixels_of_two_decimals():
    scene = ToyScene(0, (ToyThing("red", "disc", "small", (0.1, 0.25, 0.5, 0.75)),))
    assert kitti_label(scene, 407, 663) == (
        "Disc 0.00 0 -10 40.70 165.75 203.50 497.25 -1 -1 -1 -1000 -1000 -1000 -10\n"
    )


@pytest.mark.parametrize("orientation", STORED)
def test_whatever_the_orientation_the_scene_is_displayed_upright_and_labels_are_of_what_is_displayed(
    tmp_path, orientation
):
    scenes(tmp_path, "--count", "1", "--first", "5", "--size", "200x120", "--exif", str(orientation))
    path = tmp_path / "images" / "00005.jpg"
    shown = read_image(path)
    assert shown.shape == (120, 200, 3)
    assert read_marker([shown]) == 5
    assert np.abs(shown.astype(int) - draw_scene(toy_scene(5), 200, 120)).mean() < 2
    assert (tmp_path / "labels" / "00005.txt").read_text() == kitti_label(toy_scene(5), 200, 120)


@pytest.mark.parametrize("orientation", STORED)
def test_pixels_are_stored_as_the_exif_standard_says(tmp_path, orientation):
    """Where the standard puts the displayed picture's top left corner in the stored one: row, column."""
    corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (-1, 0), 7: (-1, -1), 8: (0, -1)}
    scenes(tmp_path, "--count", "1", "--size", "200x120", "--exif", str(orientation))
    with Image.open(tmp_path / "images" / "00000.jpg") as stored:
        assert stored.getexif()[0x0112] == orientation
        assert stored.size == ((120, 200) if orientation >= 5 else (200, 120))
        pixels = np.asarray(stored).astype(int)
    assert np.abs(pixels[corner[orientation]] - draw_scene(toy_scene(0), 200, 120)[0, 0]).max() < 12


@pytest.mark.parametrize("size", ["1080x1920", "407x663", "4000x300", "128x128", "52x32"])
def test_a_box_runs_along_the_edges_of_what_is_drawn(size):
    width, height = map(int, size.split("x"))
    for scene in map(toy_scene, range(3)):
        picture = draw_scene(scene, width, height).astype(int)
        for thing in scene.things:
            x1, y1, x2, y2 = (part * side for part, side in zip(thing.box, (width, height) * 2, strict=True))
            inside = picture[round(y1) : round(y2), round(x1) : round(x2)]
            rows, columns = np.nonzero(np.abs(inside - np.array(COLOURS[thing.colour])).sum(axis=2) == 0)
            slack = 0.04  # of a side: the tips of discs and triangles are thinner than a pixel
            assert columns.min() <= slack * inside.shape[1] + 1
            assert columns.max() >= (1 - slack) * inside.shape[1] - 2
            assert rows.min() <= slack * inside.shape[0] + 1
            assert rows.max() >= (1 - slack) * inside.shape[0] - 2


@pytest.mark.parametrize(
    ("options", "word"),
    [
        pytest.param(["--size", "128"], "write width x height", id="a_size_has_two_sides"),
        pytest.param(["--size", "51x32"], "too small", id="too_small_for_the_marker"),
        pytest.param(["--size", "99999x99999"], "too large", id="too_large_for_memory"),
        pytest.param(["--exif", "9"], "invalid choice", id="exif_has_eight_orientations"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path, capsys, options, word):
    with pytest.raises(SystemExit) as left:
        scenes(tmp_path / "new", *options)
    assert left.value.code == 2
    assert word in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_numbers_that_no_picture_has_are_refused(tmp_path, capsys):
    assert scenes(tmp_path, "--first", "65536", "--count", "1") == 2
    assert "toy pictures are numbered 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(["--size", "64x64"], ["--size", "64x80"], id="another_size"),
        pytest.param(["--exif", "3"], ["--exif", "6"], id="another_orientation"),
    ],
)
def test_a_folder_with_other_pictures_of_these_numbers_is_refused_and_left_as_it_is(tmp_path, capsys, first, second):
    scenes(tmp_path, "--count", "2", *first)
    before = contents(tmp_path)
    assert scenes(tmp_path, "--count", "2", *second) == 2
    assert "choose another folder" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_a_broken_file_in_a_pictures_place_is_named(tmp_path, capsys):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "00000.png").write_bytes(b"")
    assert scenes(tmp_path, "--count", "1") == 2
    assert "00000.png: not an image" in capsys.readouterr().err


def test_pictures_of_few_things_are_the_next_that_have_no_more(tmp_path):
    assert main(["toyworld", "scenes", str(tmp_path), "--count", "5", "--first", "10", "--most", "2"]) == 0
    numbers = sorted(int(path.stem) for path in (tmp_path / "images").iterdir())
    assert len(numbers) == 5
    assert [number for number in range(10, numbers[-1] + 1) if len(toy_scene(number).things) <= 2] == numbers
    assert main(["toyworld", "scenes", str(tmp_path / "none"), "--count", "5", "--most", "0"]) == 2
