"""Toy pictures as image files.

`render_scene(path, number)` writes picture `number` in the format that the path's ending names, turned as an EXIF
orientation asks where one is wanted. A file that is there is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demitasse.errors import MediaError
from demitasse.media.exif import ORIENTATION, UPRIGHT, displayed_size, known_orientation
from demitasse.toyworld.marker import draw_marker
from demitasse.toyworld.scene import ToyScene, ToyThing, toy_scene
from demitasse.toyworld.world import COLOURS

SIZE = 128  # pixels, square unless another size is asked for
TEXTURE = 8  # blocks of the room's wall, each way
QUALITY = 95  # of JPEG
JPEG = (".jpg", ".jpeg")
# EXIF orientation to the name of Pillow's operation that turns a displayed picture into the stored one.
STORED = {
    1: None,
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_90",
    7: "TRANSVERSE",
    8: "ROTATE_270",
}


def draw_scene(scene: ToyScene, width: int = SIZE, height: int = SIZE) -> NDArray[np.uint8]:
    """The picture as it is displayed: uint8 [height, width, 3], RGB."""
    picture = draw_things(scene.number, scene.things, width, height)
    draw_marker(picture, scene.number)
    return picture


def draw_things(number: int, things: Iterable[ToyThing], width: int, height: int) -> NDArray[np.uint8]:
    """Things before the wall of picture `number`, without the marker that tells the number."""
    picture = _wall(number, width, height)
    columns = (np.arange(width) + 0.5) / width
    rows = (np.arange(height)[:, None] + 0.5) / height
    for thing in things:
        picture[_covered(thing, columns, rows)] = COLOURS[thing.colour]
    return picture


def render_scene(
    path: Path, number: int, width: int = SIZE, height: int = SIZE, orientation: int | None = None
) -> Path:
    """Write one picture, unless it is there; whole or not at all.

    Args:
        path: its ending names the format.
        number: which picture.
        width: as displayed.
        height: as displayed.
        orientation: 1 to 8 writes this EXIF orientation, and the pixels turned so that the scene is displayed upright.
    """
    if path.exists():
        return path
    from PIL import Image

    picture = Image.fromarray(draw_scene(toy_scene(number), width, height))
    told: dict[str, Any] = {"quality": QUALITY, "subsampling": 0} if path.suffix.lower() in JPEG else {}
    if orientation is not None:
        turn = STORED[orientation]
        picture = picture.transpose(Image.Transpose[turn]) if turn else picture
        told["exif"] = Image.Exif()
        told["exif"][ORIENTATION] = orientation
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")  # no picture's ending: nobody takes it for one
    picture.save(partial, Image.registered_extensions()[path.suffix.lower()], **told)
    os.replace(partial, path)
    return path


def stored_form(path: Path) -> tuple[tuple[int, int], int]:
    """Width and height of a picture file as it is displayed, and its EXIF orientation (1 if it has none).

    Raises:
        MediaError: if it is no picture.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:  # reads the header only
            orientation = known_orientation(picture.getexif().get(ORIENTATION, UPRIGHT))
            return displayed_size(*picture.size, orientation), orientation
    except OSError:
        raise MediaError(path, "not an image") from None


def _wall(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """A dark room whose coarse texture differs from picture to picture."""
    texture = np.random.default_rng([number, 1]).integers(15, 60, (TEXTURE, TEXTURE, 3), dtype=np.uint8)
    down, across = np.arange(height) * TEXTURE // height, np.arange(width) * TEXTURE // width
    return texture[down[:, None], across]


def _covered(thing: ToyThing, columns: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which pixels the thing covers: bool [height, width]. `columns` [width] and `rows` [height, 1] are fractions."""
    x1, y1, x2, y2 = thing.box
    across, down = (columns - x1) / (x2 - x1), (rows - y1) / (y2 - y1)  # 0 to 1 inside the box
    inside: NDArray[np.bool_] = (across >= 0) & (across <= 1) & (down >= 0) & (down <= 1)
    if thing.shape == "disc":
        return inside & ((across - 0.5) ** 2 + (down - 0.5) ** 2 <= 0.25)
    if thing.shape == "triangle":  # stands on its base
        return inside & (abs(across - 0.5) <= down / 2)
    return inside
