"""What a run is about: records, and what never became one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from demitasse.engine.step import Record

LeftOut = tuple[str, str]  # what, why


@dataclass
class Inputs:
    """What is annotated. `left_out` is counted with the run's own outcomes, `notes` are lines for the person."""

    records: list[Record] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def sample(self, count: int | None, kind: str) -> None:
        """Keep `count` records, those whose ids have the smallest hashes, in their order; None keeps all.

        So it is the same ones every time, a larger sample holds every smaller one, and neighbours in a folder, which
        often are of one camera and one day, are no likelier to be drawn together than others.
        """
        if count is None or count >= len(self.records):
            return
        drawn = set(sorted((record.id for record in self.records), key=_hash)[:count])
        self.notes.append(f"data.sample: {count} of {len(self.records)} {kind}s")
        self.records = [record for record in self.records if record.id in drawn]


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
