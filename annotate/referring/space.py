"""The units in which one model writes boxes about one image, and those of our files. Canonical boxes lie between.

A model is shown boxes as it writes them itself, for models that are asked for another convention than the one they
were trained on answer in a mixture. What it writes back is converted or refused, never clipped or reordered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from demitasse.chat.kinds import BOX_STYLES
from demitasse.engine.caller import ParseError
from demitasse.engine.step import Fields
from demitasse.errors import DataError
from demitasse.geometry import TAO, Box, Convention, Order, from_canonical, to_canonical

TAO_STYLE = "qwen_1000"  # TAO asks every model for thousandths, x first; so do we where nobody has said otherwise
DECIMALS = 3  # of pixels in files: a thousandth of a pixel is nobody's box edge
FAULTS_TOLD = 4

_PIXELS = Convention("pixels of the displayed image", "xyxy", None, whole=False)
_EDGES: dict[Order, tuple[str, str]] = {
    "xyxy": ("[x1, y1, x2, y2]", "its left, top, right and bottom edge"),
    "yxyx": ("[ymin, xmin, ymax, xmax]", "its top, left, bottom and right edge"),
}


@dataclass(frozen=True, slots=True)
class Space:
    """How a model writes the boxes of an image.

    Attributes:
        style: a name of `demitasse.chat.kinds.BOX_STYLES`.
        size: width and height of the image as it was sent, in pixels; None where only the words are wanted.
    """

    style: str
    size: tuple[float, float] | None = None

    @property
    def told(self) -> str:
        """What a prompt says of the numbers."""
        order, edges = _EDGES[self._convention.order]
        if self._convention.scale is not None:
            units = f"as whole numbers from 0 to {self._convention.scale:g} across the width and down the height of it"
        else:
            sides = "" if self.size is None else ", which is {:g} wide and {:g} high".format(*self.size)
            units = f"in whole pixels of the image as you are shown it{sides}"
        return f"A box is written {order}: {edges}, {units}, counted from the top left corner of the image."

    def write(self, box: Box) -> list[int]:
        """A canonical box as the model is shown it.

        Raises:
            DataError: if it is too thin to have an area in these units.
        """
        return [int(value) for value in from_canonical(box, self._convention, self.size)]

    def read(self, values: Sequence[float]) -> Box:
        """What the model wrote, as a canonical box.

        Raises:
            DataError: if it is no box: inverted, without area, outside the image, or thinner than a thousandth of it.
        """
        box = to_canonical(plain(values), self._convention, self.size)
        from_canonical(box, TAO)
        return box

    def read_all(self, written: Iterable[tuple[str, Sequence[float]]]) -> list[Box]:
        """Read boxes, each after the words that tell a complaint where it stands.

        Raises:
            ParseError: with the first few that are none.
        """
        boxes: list[Box] = []
        faults: list[str] = []
        for place, values in written:
            try:
                boxes.append(self.read(values))
            except DataError as fault:
                faults.append(f"{place}: {fault}")
        if faults:
            raise refusal([*faults, self.told] if len(faults) < FAULTS_TOLD else faults)
        return boxes

    @property
    def _convention(self) -> Convention:
        return BOX_STYLES[self.style]


def space_of(style: str, size: tuple[float, float] | None = None) -> Space:
    """The space of a model whose capability names this style of boxes; "" where nobody has said."""
    return Space(style or TAO_STYLE, size)


def plain(values: Sequence[float]) -> list[float]:
    """Numbers as a model writes them: 12, not 12.0."""
    return [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]


def refusal(faults: Sequence[str]) -> ParseError:
    """The error that tells a model what was wrong with its reply, the first few faults of it."""
    more = f" And {len(faults) - FAULTS_TOLD} more." if len(faults) > FAULTS_TOLD else ""
    return ParseError("The reply cannot be used. " + " ".join(_sentence(one) for one in faults[:FAULTS_TOLD]) + more)


def stored(box: Box, fields: Fields) -> Fields:
    """A canonical box as our rows keep it: TAO's thousandths, and pixels of the displayed image.

    Raises:
        DataError: if it has no area in thousandths; what `Space.read` has read always has.
    """
    pixels = from_canonical(box, _PIXELS, _size(fields))
    return {"bbox_2d": from_canonical(box, TAO), "bbox_px": [round(value, DECIMALS) for value in pixels]}


def canonical(entry: Fields, fields: Fields) -> Box:
    """The box of a row's entry: its pixels, or where it has none (rows of TAO's own) its thousandths.

    Raises:
        DataError: if it is no box.
    """
    if "bbox_px" in entry:
        return to_canonical(entry["bbox_px"], _PIXELS, _size(fields))
    return to_canonical(entry["bbox_2d"], TAO)


def _size(fields: Fields) -> tuple[float, float]:
    return fields["width"], fields["height"]


def _sentence(fault: str) -> str:
    return fault if fault.endswith(".") else f"{fault}."
