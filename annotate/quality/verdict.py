"""What a filter says of an item: keep, drop or unknown, a kind that can be counted, a reason that can be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Word = Literal["keep", "drop", "unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One filter's word on one item.

    Attributes:
        word: "unknown" where the filter could not judge: the item is kept and counted apart.
        kind: a few words without the item's own particulars ("after the end"), for counting; empty where a filter
            found nothing to say.
        reason: the whole sentence.
        scores: what the filter measured, JSON-able.
    """

    word: Word
    kind: str = ""
    reason: str = ""
    scores: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it stays with the item; empty texts are left out."""
        told = {"verdict": self.word, "kind": self.kind, "reason": self.reason}
        return {name: value for name, value in told.items() if value} | dict(self.scores)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Verdict:
        """Read back what `to_json` wrote."""
        scores = {name: value for name, value in row.items() if name not in ("verdict", "kind", "reason")}
        return cls(row["verdict"], row.get("kind", ""), row.get("reason", ""), scores)


def keep(kind: str = "", reason: str = "", **scores: Any) -> Verdict:
    """Nothing speaks against the item."""
    return Verdict("keep", kind, reason or kind, scores)


def drop(kind: str, reason: str = "", **scores: Any) -> Verdict:
    """The item should not be trained on."""
    return Verdict("drop", kind, reason or kind, scores)


def unknown(kind: str, reason: str = "", **scores: Any) -> Verdict:
    """The filter cannot tell."""
    return Verdict("unknown", kind, reason or kind, scores)
