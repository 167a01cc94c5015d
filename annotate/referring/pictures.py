"""The images themselves: measured, read and made ready to be sent in worker processes, never on the request path."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from annotate.kept import Kept
from annotate.referring.boxes import Selection
from annotate.referring.config import ReferringExpression
from annotate.referring.given import STEPS
from annotate.referring.inputs import image_root
from annotate.referring.reading import Sending, Size, Source, measure, measure_and_show, sending_of, show
from demitasse.chat.model import Capability, Part
from demitasse.engine.step import Fields, Step
from demitasse.errors import ConfigError
from demitasse.media.pool import DecodePool

VERSION = 1
FILE = "seed_annotations.jsonl"
FORM = 1  # raised when the same image is sent in another way
KEPT_BYTES = 64 * 2**20  # of pictures that were made and may be asked for again: every step shows the same one


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows: the picture, and its width and height as it is sent."""

    parts: tuple[Part, ...]
    size: Size


@dataclass(eq=False, repr=False)
class Pictures:
    """Where image parts come from. For one run, on one event loop.

    Attributes:
        pool: the workers that touch image files.
        selection: which boxes of a label are used.
        labelled: every image should have a label.
        stored: labels count in the pixels as they lie in the file, not as EXIF has them displayed.
        root: the image folder as it was given; TAO's `image_path` begins with it.
        shown_to: who will be shown every image, which is then made ready along with its being measured.
    """

    pool: DecodePool
    selection: Selection = field(default_factory=Selection)
    labelled: bool = False
    stored: bool = False
    root: Path = Path()
    shown_to: Capability | None = None
    _kept: Kept = field(init=False, default_factory=lambda: Kept(KEPT_BYTES))

    def step(self) -> Step:
        """The step that measures an image and reads its boxes. Its rows are the seed that TAO writes."""
        return Step("media", FILE, VERSION, self._inputs, self._measure)

    def decides(self, fields: Fields, capability: Capability) -> dict[str, Any]:
        """What a call that is shown the image depends on: its content, and the form in which it is sent."""
        sending = sending_of(capability)
        size = sending.size(fields["width"], fields["height"])
        return {"media": fields["sha256"], "size": size, "most": sending.max_bytes, "form": FORM}

    async def shown(self, fields: Fields, capability: Capability) -> Shown:
        """The image as it is displayed, at the size that the endpoint is sent.

        Raises:
            ConfigError: if the endpoint takes no images.
            MediaError: if it cannot be read, or is too large in any quality.
        """
        if not capability.images:
            raise ConfigError("the endpoint takes no images; choose another model")
        path, sending = fields["path"], sending_of(capability)

        async def make() -> tuple[Part, ...]:
            return (await self.pool.run(show, path, sending),)

        parts = await self._kept.get(_place(path, sending), make)
        return Shown(parts, sending.size(fields["width"], fields["height"]))

    def _inputs(self, fields: Fields) -> Any:
        """A file that is touched is measured again; if its content is the same, nothing after it is stale."""
        label = fields["label"]
        return {
            "image": fields["image"],
            "file": [fields["size"], fields["mtime_ns"]],
            "label": label and [label["size"], label["mtime_ns"]],
            "given": self._given(fields),
            "labelled": self.labelled,
            "selection": asdict(self.selection),
            "stored": self.stored,
        }

    async def _measure(self, fields: Fields) -> Fields:
        label = fields["label"]
        source = Source(
            fields["path"],
            fields["image"],
            label and label["path"],
            self.labelled and label is None,
            self.stored,
            self.selection,
            self._given(fields),
        )
        if self.shown_to is None:
            row = await self.pool.run(measure, source)
        else:
            sending = sending_of(self.shown_to)
            row, part = await self.pool.run(measure_and_show, source, sending)
            self._kept.put(_place(fields["path"], sending), (part,))
        path = self.root / fields["image"]
        return {"image_id": fields["image_id"], "image": fields["image"], "image_path": path.as_posix(), **row}

    def _given(self, fields: Fields) -> dict[str, Any]:
        """The given line without what a step of ours has said since."""
        return {name: value for name, value in fields["given"].items() if name not in STEPS or name not in fields}


def open_pictures(config: ReferringExpression, pool: DecodePool, shown_to: Capability | None = None) -> Pictures:
    """Where a run's image parts come from."""
    data = config.data
    selection = Selection(tuple(data.skip_types), config.workflow.min_box_px)
    labelled, stored = bool(data.kitti_label_dir), data.label_orientation == "stored"
    return Pictures(pool, selection, labelled and not data.input_annotations_jsonl, stored, image_root(data), shown_to)


def _place(path: str, sending: Sending) -> str:
    return f"{path}\0{sending}"
