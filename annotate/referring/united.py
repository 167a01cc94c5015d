"""The rows of all steps about an image, as one: a row of `annotations.jsonl`.

An image's rows are those of the steps that were asked for, of the steps that these went on from, and of any other step
whose row is no older than what it was made from. So the steps may be run one by one, and nothing stale is taken along.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from annotate.referring import (
    blind_grounding,
    double_check,
    given,
    grounding,
    pictures,
    reading,
    regions,
    scene_caption,
)
from annotate.run.earlier import failures
from demitasse.engine.journal import Row, Rows
from demitasse.engine.step import Fields, Record

MEDIA = "media"
FILES = {
    MEDIA: pictures.FILE,
    "0": regions.FILE,
    "1": scene_caption.FILE,
    "2": grounding.FILE,
    "3": double_check.FILE,
    "4": blind_grounding.FILE,
}
# What a step's row is made from, where it is there.
MADE_FROM = {"0": (MEDIA,), "1": (MEDIA,), "2": (MEDIA, "0", "1"), "3": (MEDIA, "0", "1", "2")}
MADE_FROM["4"] = (*MADE_FROM["3"], "3")
# TAO's names in `pipeline_steps`; the last is ours.
NAMES = {
    "0": "step0_region_expr",
    "1": "step1_image_caption",
    "2": "step2_grounding_expr",
    "3": "step3_double_check",
    "4": "step4_blind_grounding",
}
UNITS = {
    "bbox_2d": "0-1000 of the displayed width and height: x1 y1 x2 y2",
    "bbox_px": "pixels of the displayed image: x1 y1 x2 y2",
    "clipped_from": "pixels of the displayed image: x1 y1 x2 y2, as the label has them",
    "kitti_bboxes": "pixels as the label has them, cut off to whole numbers: x1 y1 x2 y2 type",
}
# What a row's provenance tells of how it was made; when that was would make each file differ from the last.
_ORIGIN = ("version", "key", "pack", "templates", "asked", "answered", "prompts", "requests", "usage", "cost")
UsedRows = dict[str, Row]  # by step


def everything(_: str) -> bool:
    """The default of `counts`."""
    return True


@dataclass
class Reader:
    """Reads the rows of a results folder as annotations.

    Attributes:
        results_dir: where the steps' journals are.
        steps: those that were asked for.
        root: the folder that images' names count from, as it was given.
        counts: whether an image's rows are to be trusted at all.
        stale: rows that were passed over, by step.
    """

    results_dir: Path
    steps: Sequence[str]
    root: Path
    counts: Callable[[str], bool] = everything
    stale: Counter[str] = field(default_factory=Counter)

    def read(self, records: Iterable[Record]) -> Iterator[tuple[Fields, UsedRows]]:
        """Each image that has been measured, in order of name, with the rows that it is made of."""
        failed = set(failures(self.results_dir, "image"))
        with ExitStack() as stack:
            journals = {step: stack.enter_context(Rows([self.results_dir / FILES[step]], _image)) for step in FILES}
            for record in sorted(records, key=lambda one: one.id):
                rows = self._used(record, journals, failed) if self.counts(record.id) else {}
                if MEDIA in rows:
                    yield _annotation(record, rows, self.root), rows

    def _used(self, record: Record, journals: Mapping[str, Rows[str]], failed: set[tuple[str, str]]) -> UsedRows:
        asked = {MEDIA, *self.steps}
        needed = {step for one in self.steps for step in MADE_FROM[one]}
        used: UsedRows = {}
        for step, journal in journals.items():
            before = MADE_FROM.get(step, ())
            if step in asked and any((record.id, one) in failed for one in ("", step, *before)):
                continue
            row = journal.find(record.id)
            if row is None:
                continue
            newest = max((_time(used[one]) for one in before if one in used), default="")
            if step in asked or step in needed or _time(row) >= newest:
                used[step] = row
            else:
                self.stale[step] += 1
        return used


def read_annotations(
    results_dir: Path,
    records: Iterable[Record],
    steps: Sequence[str],
    root: Path,
    counts: Callable[[str], bool] = everything,
) -> Iterator[Fields]:
    """The rows of `annotations.jsonl`, whether it is written or not; arguments as for `assemble`."""
    for row, _ in Reader(results_dir, steps, root, counts).read(records):
        yield row


def _annotation(record: Record, rows: UsedRows, root: Path) -> Fields:
    told: Fields = {}
    for row in rows.values():
        told |= row
    measured = rows[MEDIA]
    steps = [NAMES[step] for step in NAMES if step in rows or step in given.brought(measured)]
    said: Fields = {name: told[name] for name in ("regions", "caption", "expressions", "removed") if name in told}
    return {
        "image_id": record.fields["image_id"],
        "image": record.id,
        "image_path": (root / record.id).as_posix(),
        "width": measured["width"],
        "height": measured["height"],
        "kitti_bboxes": measured["kitti_bboxes"],
        "boxes": measured["boxes"],
        "left_out": [*measured["left_out"], *(one for row in rows.values() for one in row.get("not_shown", ()))],
        "source": reading.SOURCE,
        "pipeline_steps": steps,
        "units": UNITS,
        **said,
        "provenance": {step: _origin(row) for step, row in rows.items()},
    }


def _origin(row: Row) -> Fields:
    told = row.get("provenance", {})
    content = {name: row[name] for name in ("sha256", "orientation") if name in row}
    return content | {name: told[name] for name in _ORIGIN if name in told}


def _image(row: Row) -> str:
    return str(row["image"])


def _time(row: Row) -> str:
    """When it was written: UTC to the second, in a form that sorts."""
    return str(row.get("provenance", {}).get("time", ""))
