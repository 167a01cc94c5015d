"""What a run comes to: `annotations.jsonl`, made of the rows of its steps, and what the second look did in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from annotate.referring import legacy, reading
from annotate.referring.agreement import AgreementTotals
from annotate.referring.united import Reader, UsedRows, everything
from demitasse.atomic import replacing, write_text
from demitasse.engine.journal import Row
from demitasse.engine.step import Fields, Record

FILE = "annotations.jsonl"
TOTALS = "step_3_double_check/totals.json"
_ON_PURPOSE = ("its type is in skip_types", "smaller than min_box_px")


@dataclass
class CheckTotals:
    """What step 3 did.

    Attributes:
        images: that were looked at again.
        verified, unchecked, removed: expressions.
        kept, moved, taken_out: boxes; those of removed expressions are taken out.
        moved_by: IoU, before and after, of each box that was moved.
    """

    images: int = 0
    verified: int = 0
    unchecked: int = 0
    removed: int = 0
    kept: int = 0
    taken_out: int = 0
    moved_by: list[float] = field(default_factory=list)

    def count(self, row: Row) -> None:
        """Add an image's row."""
        self.images += 1
        self.removed += len(row["removed"])
        for expression in (*row["expressions"], *row["removed"]):
            check = expression["check"]
            self.kept += check["kept"]
            self.taken_out += len(check["removed"])
            self.moved_by += [moved["iou"] for moved in check["moved"]]
        self.unchecked += sum(not one["verified"] for one in row["expressions"])
        self.verified += sum(one["verified"] for one in row["expressions"])

    def to_json(self) -> Fields:
        """The numbers as they are written."""
        moved_by = sorted(self.moved_by)
        iou = {"least": moved_by[0], "mean": round(sum(moved_by) / len(moved_by), 4)} if moved_by else None
        return {
            "images": self.images,
            "expressions": {"verified": self.verified, "unchecked": self.unchecked, "removed": self.removed},
            "boxes": {"kept": self.kept, "moved": len(moved_by), "removed": self.taken_out},
            "moved_iou": iou,
            "units": {"moved_iou": "IoU of a moved box before and after, 0 to 1"},
        }

    def line(self) -> str:
        """The numbers in a sentence."""
        least = f" (least IoU {min(self.moved_by):.2f})" if self.moved_by else ""
        unchecked = f", {self.unchecked} expressions could not be shown" if self.unchecked else ""
        return (
            f"double check of {self.images} images: boxes {self.kept} kept, {len(self.moved_by)} moved{least}, "
            f"{self.taken_out} removed; {self.removed} expressions removed whole{unchecked}"
        )


@dataclass
class Annotations:
    """What was written.

    Attributes:
        images: rows of `annotations.jsonl`.
        regions, captions, expressions: in them.
        check: what step 3 did.
        agreement: what step 4 found.
        left_out: label lines, boxes and given entries that are not used, by reason, and the first of each.
        stale: rows of steps that were not asked for and are older than what they were made from, by step.
        unwritten: images whose names are too long for TAO's text files.
    """

    images: int = 0
    regions: int = 0
    captions: int = 0
    expressions: int = 0
    check: CheckTotals = field(default_factory=CheckTotals)
    agreement: AgreementTotals = field(default_factory=AgreementTotals)
    left_out: Counter[str] = field(default_factory=Counter)
    stale: Counter[str] = field(default_factory=Counter)
    unwritten: list[str] = field(default_factory=list)
    _first: dict[str, str] = field(default_factory=dict)

    @property
    def unusable(self) -> list[tuple[str, str]]:
        """What was left out, and not because a person asked for it: (how much and where, why)."""
        found = [(self._where(reason), reason) for reason in self.left_out if reason not in _ON_PURPOSE]
        return found + [(image, "no text files: its name is too long for theirs") for image in self.unwritten]

    @property
    def notes(self) -> list[str]:
        """Lines for the person."""
        # What has no label was told when the inputs were read.
        reasons = [reason for reason in self.left_out if reason != reading.NO_LABEL]
        told = [f"left out of the boxes: {reason}: {self._where(reason)}" for reason in reasons]
        told += [
            f"{count} rows of step {step} are older than what they were made from and left out: run step {step} again"
            for step, count in sorted(self.stale.items())
        ]
        if self.unwritten:
            told.append(f"no text files of {len(self.unwritten)} images with too long names, first {self.unwritten[0]}")
        return told + [totals.line() for totals in (self.check, self.agreement) if totals.images]

    def count(self, row: Fields, rows: UsedRows) -> None:
        """Add an image."""
        self.images += 1
        self.regions += len(row.get("regions", []))
        self.captions += "caption" in row
        self.expressions += len(row.get("expressions", []))
        for entry in row["left_out"]:
            reason = entry["reason"].partition(":")[0]
            place = f"line {entry['line']}" if "line" in entry else entry.get("entry", "a box")
            self.left_out[reason] += 1
            self._first.setdefault(reason, f"{row['image']}, {place}")
        if "3" in rows:
            self.check.count(rows["3"])
        if "4" in rows:
            self.agreement.count(rows["4"])

    def _where(self, reason: str) -> str:
        count = self.left_out[reason]
        return self._first[reason] if count == 1 else f"{count} times, first {self._first[reason]}"


def assemble(
    results_dir: Path,
    records: Iterable[Record],
    steps: Sequence[str],
    output_format: str,
    root: Path,
    counts: Callable[[str], bool] = everything,
) -> Annotations:
    """Write what the rows in a results folder come to: the same rows make the same bytes.

    Args:
        results_dir: where the rows are. `annotations.jsonl` is written there, unless only `legacy` files are asked for.
        records: the run's images.
        steps: those that were asked for.
        output_format: jsonl, legacy or both.
        root: the folder that images' names count from, as it was given.
        counts: whether an image's rows are to be trusted at all.
    """
    made, reader = Annotations(), Reader(results_dir, steps, root, counts)
    with replacing(results_dir / FILE) as partial, partial.open("wb") as file:
        for row, rows in reader.read(records):
            made.count(row, rows)
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            if output_format != "jsonl":
                written = legacy.write(results_dir, row["image_id"], rows)
                made.unwritten += [] if written else [row["image"]]
    made.stale = reader.stale
    if output_format == "legacy":
        (results_dir / FILE).unlink()
    _write_totals(results_dir / TOTALS, made.check)
    return made


def _write_totals(path: Path, check: CheckTotals) -> None:
    if check.images:
        write_text(path, orjson.dumps(check.to_json(), option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        path.unlink(missing_ok=True)
