"""How records end, and a run in numbers: no input without exactly one state."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum

_REASONS_SHOWN = 3


class State(IntEnum):
    """How a record or a step ended; the worst of its steps' is the record's."""

    DONE = 0
    SKIPPED = 1
    QUARANTINED = 2
    UNFINISHED = 3  # only in a run that was interrupted, or merged from some of its shards


@dataclass(slots=True)
class Summary:
    """A run in numbers of records.

    Attributes:
        done: all wanted steps have rows.
        skipped: by reason; no more work was needed.
        quarantined: a step failed; `quarantine.jsonl` says why.
        stale: rows (not records) of earlier runs whose inputs have changed since.
        unfinished: begun, but cut off; those that were never begun are not counted. Of a partial merge: all others.
        interrupted: the run did not come to its end.
        halted: why it was ended on purpose, with work left: the budget is spent. "" if it was not.
    """

    done: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    quarantined: int = 0
    stale: int = 0
    unfinished: int = 0
    interrupted: bool = False
    halted: str = ""

    @property
    def exit_code(self) -> int:
        """0 all done, 3 something skipped, quarantined or not there yet, 130 interrupted."""
        if self.interrupted:
            return 130
        return 3 if self.skipped or self.quarantined or self.unfinished or self.halted else 0

    @property
    def cut_off(self) -> bool:
        """Whether it ended before its end, so that rows may be there that it would have renewed."""
        return self.interrupted or bool(self.halted)

    @property
    def total(self) -> int:
        """Inputs that came to their end."""
        return self.done + self.skipped.total() + self.quarantined

    def add(self, other: Summary) -> None:
        """Count another part of the same run."""
        self.done += other.done
        self.skipped += other.skipped
        self.quarantined += other.quarantined
        self.stale += other.stale
        self.unfinished += other.unfinished
        self.interrupted = self.interrupted or other.interrupted
        self.halted = self.halted or other.halted

    def line(self) -> str:
        """The run's last line."""
        parts = [f"{self.done} done"]
        if self.skipped:
            parts.append(f"{self.skipped.total()} skipped ({self._reasons()})")
        if self.quarantined:
            parts.append(f"{self.quarantined} quarantined (quarantine.jsonl says why)")
        if self.stale:
            parts.append(f"{self.stale} rows of earlier runs were out of date")
        if self.unfinished:
            parts.append(f"{self.unfinished} unfinished")
        if self.interrupted:
            parts.append("interrupted: run the same command to go on")
        if self.halted:
            parts.append(f"stopped: {self.halted}")
        return ", ".join(parts)

    def count(self, state: State, reason: str = "") -> None:
        """Count a record; `reason` is why it was skipped."""
        if state is State.SKIPPED:
            self.skipped[reason] += 1
        self.done += state is State.DONE
        self.quarantined += state is State.QUARANTINED
        self.unfinished += state is State.UNFINISHED

    def _reasons(self) -> str:
        reasons = [f"{reason}: {count}" for reason, count in self.skipped.most_common(_REASONS_SHOWN)]
        more = len(self.skipped) - len(reasons)
        return "; ".join(reasons + ([f"{more} other reasons"] if more > 0 else []))
