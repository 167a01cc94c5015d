"""A toy picture's label file in KITTI's form."""

from __future__ import annotations

from demitasse.toyworld.scene import ToyScene

# What KITTI's development kit writes for an object whose angles, dimensions and place in the world are not known.
UNKNOWN_ANGLE = "-10"
UNKNOWN_WORLD = "-1 -1 -1 -1000 -1000 -1000"


def kitti_label(scene: ToyScene, width: int, height: int) -> str:
    """The lines of a label file: a thing a line, its shape as the type, its box in pixels of the displayed picture.

    Fifteen fields as in KITTI's object data set: type, truncated, occluded, alpha, box, dimensions, location,
    rotation. Boxes have two decimals, as KITTI's have.
    """
    lines = []
    for thing in scene.things:
        box = " ".join(f"{part * side:.2f}" for part, side in zip(thing.box, (width, height) * 2, strict=True))
        lines.append(f"{thing.shape.capitalize()} 0.00 0 {UNKNOWN_ANGLE} {box} {UNKNOWN_WORLD} {UNKNOWN_ANGLE}\n")
    return "".join(lines)
