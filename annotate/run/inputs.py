"""What a run is about: records, and what never became one."""

from __future__ import annotations

from dataclasses import dataclass, field

from demitasse.engine.step import Record

LeftOut = tuple[str, str]  # what, why


@dataclass
class Inputs:
    """What is annotated. `left_out` is counted with the run's own outcomes, `notes` are lines for the person."""

    records: list[Record] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
