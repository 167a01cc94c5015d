"""How a stored picture must be turned to be displayed: the container's display matrix, in eight cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

# (transposed, row step, column step) -> (mirrored left to right first, then degrees clockwise)
CASES = {
    (False, 1, 1): (False, 0),
    (True, 1, -1): (False, 90),
    (False, -1, -1): (False, 180),
    (True, -1, 1): (False, 270),
    (False, 1, -1): (True, 0),
    (True, -1, -1): (True, 90),
    (False, -1, 1): (True, 180),
    (True, 1, 1): (True, 270),
}


@dataclass(frozen=True, slots=True)
class Orientation:
    """Transpose, then reverse rows and columns where the step is -1."""

    transposed: bool = False
    row_step: int = 1
    column_step: int = 1

    @property
    def rotation(self) -> int:
        """Degrees clockwise from the stored to the displayed picture: 0, 90, 180 or 270."""
        return CASES[self.transposed, self.row_step, self.column_step][1]

    @property
    def mirrored(self) -> bool:
        """Whether the stored picture is mirrored left to right before it is turned."""
        return CASES[self.transposed, self.row_step, self.column_step][0]

    def size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) after turning; its own inverse."""
        return (height, width) if self.transposed else (width, height)

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A view of uint8[H, W, 3] as it is displayed."""
        turned = pixels.transpose(1, 0, 2) if self.transposed else pixels
        return turned[:: self.row_step, :: self.column_step]


def frame_orientation(frame: VideoFrame) -> Orientation:
    """The orientation that the container asks for, snapped to quarter turns.

    Read from the whole matrix (ISO/IEC 14496-12, 6.2.2) and not from PyAV's `frame.rotation`, which sees a
    mirrored picture as one turned by 180 degrees.
    """
    side_data: Any = frame.side_data  # PyAV's stub knows only some kinds
    matrix = side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Orientation()
    # (a b u / c d v / x y w): x' = a*x + c*y, y' = b*x + d*y, with y downwards.
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    if abs(b) > abs(a):
        return Orientation(True, _sign(b), _sign(c))
    return Orientation(False, _sign(d), _sign(a))


def _sign(value: int) -> int:
    return -1 if value < 0 else 1
