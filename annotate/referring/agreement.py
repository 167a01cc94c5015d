"""What the blind second model of step 4 made of a run's expressions, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from demitasse.engine.journal import Row

AGREES = 0.5  # the IoU from which detection and RefCOCO count a box as found


@dataclass
class AgreementTotals:
    """What step 4 found.

    Attributes:
        images: that were looked at.
        ious: agreement of each expression, 0 to 1.
        other_number: expressions for which it found more or fewer boxes than they have.
    """

    images: int = 0
    ious: list[float] = field(default_factory=list)
    other_number: int = 0

    def count(self, row: Row) -> None:
        """Add an image's row of step 4."""
        self.images += 1
        for expression in row["expressions"]:
            told = expression["agreement"]
            self.ious.append(told["iou"])
            self.other_number += told["found"] != told["expected"]

    def line(self) -> str:
        """The numbers in a sentence."""
        if not self.ious:
            return f"blind grounding of {self.images} images: there was no expression to look for"
        below = sum(iou < AGREES for iou in self.ious)
        return (
            f"blind grounding of {len(self.ious)} expressions: mean IoU {sum(self.ious) / len(self.ious):.2f}, "
            f"{below} below {AGREES}, {self.other_number} with another number of boxes"
        )
