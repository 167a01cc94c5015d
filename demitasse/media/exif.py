"""How EXIF says that a stored picture must be turned to be displayed: the tag's eight values (CIPA DC-008, 4.6.5)."""

from __future__ import annotations

ORIENTATION = 0x0112  # the tag
UPRIGHT = 1

Corners = tuple[float, float, float, float]


def known_orientation(value: object) -> int:
    """The tag's value if it is one of the eight, else upright: that is how viewers take a broken one."""
    return value if isinstance(value, int) and 1 <= value <= 8 else UPRIGHT


def displayed_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Width and height as displayed, of those that are stored; its own inverse."""
    return (height, width) if orientation >= 5 else (width, height)


def turn_corners(corners: Corners, width: float, height: float, orientation: int) -> Corners:
    """x1, y1, x2, y2 of the stored picture, in those of the displayed one.

    Args:
        corners: in pixels of the stored picture; corners in the wrong order stay in the wrong order.
        width: of the stored picture.
        height: of the stored picture.
        orientation: EXIF's number, 1 to 8.
    """
    x1, y1, x2, y2 = corners
    if orientation in (2, 3, 7, 8):  # mirrored left to right
        x1, x2 = width - x2, width - x1
    if orientation in (3, 4, 6, 7):  # upside down
        y1, y2 = height - y2, height - y1
    return (y1, x1, y2, x2) if orientation >= 5 else (x1, y1, x2, y2)
