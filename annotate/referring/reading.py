"""What decode workers do with an image: measure it, read its label, and make the picture that a request shows."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotate.referring.boxes import Frame, Selection, select
from annotate.referring.given import given_objects, given_steps
from annotate.referring.kitti import Labelled, LeftOut, read_label, tao_box
from demitasse.chat.model import Capability, Image
from demitasse.engine.step import Fields, Quarantine
from demitasse.errors import DataError, MediaError
from demitasse.geometry import smart_resize
from demitasse.media.exif import UPRIGHT, displayed_size
from demitasse.media.images import Stored, encode_jpeg, open_image
from demitasse.media.probe import content_hash
from demitasse.media.resize import fit_within

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SOURCE = "image_referring_expression"  # TAO's word in every record
NO_LABEL = "there is none"
FACTOR = 28  # patch times merge of Qwen2.5-VL: its sides are multiples of it
PIXELS_RESIZED = "qwen2_5_vl_px"
# Sent as they lie on the disk, if nothing about them has to be changed.
PLAIN_FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png"}
PLAIN_MODES = ("RGB", "L")
LOSSY = ("JPEG", "MPO", "WEBP")
QUALITIES = (95, 85, 75)  # of JPEG, the first that fits

Size = tuple[int, int]  # width, height


@dataclass(frozen=True, slots=True)
class Source:
    """An image and what is known of its boxes.

    Attributes:
        path: of the image.
        image: its name under the image folder.
        label: path of its KITTI label; None if it has none.
        looked_for: whether a label was looked for at all.
        stored: its boxes count in the pixels as they lie in the file.
        selection: which boxes are used.
        given: a line of earlier annotations, in the place of a label.
    """

    path: str
    image: str
    label: str | None = None
    looked_for: bool = False
    stored: bool = False
    selection: Selection = Selection()
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sending:
    """How an endpoint wants a picture.

    Attributes:
        resized: already at the size that Qwen2.5-VL's processor would give it, for boxes count in those pixels.
        min_pixels, max_pixels: of the picture.
        max_bytes: of the file.
    """

    resized: bool
    min_pixels: int
    max_pixels: int
    max_bytes: int

    def size(self, width: int, height: int) -> Size:
        """Width and height of what is sent, of an image of this displayed size.

        Raises:
            DataError: for sides in a proportion of more than 200 to 1.
        """
        if not self.resized:
            return fit_within(width, height, self.max_pixels)
        rows, columns = smart_resize(height, width, FACTOR, self.min_pixels, self.max_pixels)
        return columns, rows


def sending_of(capability: Capability) -> Sending:
    """How the endpoint with this capability wants a picture."""
    resized = capability.boxes == PIXELS_RESIZED
    return Sending(resized, capability.min_pixels, capability.max_pixels, capability.max_inline_bytes)


def measure(source: Source) -> Fields:
    """Size, orientation and content hash of an image, and its boxes.

    Raises:
        MediaError: if it cannot be read whole, or is more than 200 times as long as wide.
        Quarantine: if its label cannot be read, or its annotations are of another image.
    """
    return _measured(source, *open_image(source.path))


def measure_and_show(source: Source, sending: Sending) -> tuple[Fields, Image]:
    """The same, and the picture as it is sent: it is decoded once for both."""
    picture, stored = open_image(source.path)
    return _measured(source, picture, stored), _sent(source.path, picture, stored, sending)


def show(path: str, sending: Sending) -> Image:
    """The picture as it is sent.

    Raises:
        MediaError: if it cannot be read, or is too large for the endpoint in any quality.
    """
    return _sent(path, *open_image(path), sending)


def _measured(source: Source, picture: Picture, stored: Stored) -> Fields:
    try:
        smart_resize(picture.height, picture.width)
    except DataError:
        raise MediaError(source.path, "one side is over 200 times the other") from None
    frame = Frame(picture.width, picture.height, stored.orientation)
    objects, left_out = _objects(source, frame)
    boxes, unused = select(_displayed(objects, source, frame), frame, source.selection)
    row: Fields = {
        "width": frame.width,
        "height": frame.height,
        "kitti_bboxes": [tao_box(labelled) for labelled in objects],
        "source": SOURCE,
        "pipeline_steps": [],
        "sha256": content_hash(source.path),
        "orientation": stored.orientation,
        "boxes": boxes,
    }
    taken = given_steps(source.given, source.image, row)
    lines = sorted([*left_out, *unused], key=lambda one: one.get("line", 0))
    return row | {"left_out": [*lines, *taken.left_out]} | taken.fields


def _objects(source: Source, frame: Frame) -> tuple[list[Labelled], list[LeftOut]]:
    if source.label is not None:
        try:
            return read_label(Path(source.label).read_bytes())
        except OSError as error:
            raise Quarantine(f"its label cannot be read: {error.strerror or error}") from None
    _refuse_other_size((source.given.get("width"), source.given.get("height")), source.stored, frame)
    objects, left_out = given_objects(source.given)
    return objects, [*left_out, {"entry": "its label", "reason": NO_LABEL}] if source.looked_for else left_out


def _refuse_other_size(told: tuple[Any, Any], stored: bool, frame: Frame) -> None:
    """TAO writes the size as stored, and 0 where it could not read it."""
    if not all(told) or told == (frame.width, frame.height):
        return
    as_stored = displayed_size(frame.width, frame.height, frame.orientation)
    if told != as_stored:
        raise Quarantine(f"its annotation is of an image of {told[0]}×{told[1]}, not {frame.width}×{frame.height}")
    if not stored:
        raise Quarantine(
            f"its annotation is of the image as it is stored, {told[0]}×{told[1]}: set data.label_orientation=stored"
        )


def _displayed(objects: list[Labelled], source: Source, frame: Frame) -> list[Labelled]:
    """Objects in pixels of the displayed image; boxes of ours always are."""
    if not source.stored or "boxes" in source.given:
        return objects
    return [one.moved(frame.turned(one.corners)) for one in objects]


def _sent(path: str, picture: Picture, stored: Stored, sending: Sending) -> Image:
    from PIL.Image import Resampling

    size = sending.size(*picture.size)
    plain = stored.mode in PLAIN_MODES and stored.orientation == UPRIGHT and size == picture.size
    if plain and stored.format in PLAIN_FORMATS and Path(path).stat().st_size <= sending.max_bytes:
        return Image(Path(path).read_bytes(), PLAIN_FORMATS[stored.format])
    if size != picture.size:
        picture = picture.resize(size, Resampling.BICUBIC)
    return _encoded(path, picture, stored.format in LOSSY, sending.max_bytes)


def _encoded(path: str, picture: Picture, lossy: bool, most: int) -> Image:
    """PNG for what has lost nothing yet, where that fits; otherwise JPEG."""
    if not lossy:
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        if buffer.tell() <= most:
            return Image(buffer.getvalue(), "image/png")
    for quality in QUALITIES:
        data = encode_jpeg(np.asarray(picture), quality)
        if len(data) <= most:
            return Image(data, "image/jpeg")
    raise MediaError(path, "too large for the endpoint: lower its max_pixels")
