"""What the replies in a results folder took, and which of them are still there to be used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from demitasse.engine.graph import PROVENANCE
from demitasse.engine.journal import Row, read_rows


class Usages:
    """The replies of a journal of calls, by prompt, and those that no current row holds.

    Args:
        calls: the journal.
        rounds: by prompt, how often it was asked anew: a reply of another round answers nothing.
    """

    def __init__(self, calls: Path, rounds: Mapping[str, int]) -> None:
        self._keys: set[str] = set()
        self._completions: defaultdict[str, list[int]] = defaultdict(list)
        for row in read_rows(calls) if calls.exists() else ():
            if row.get("round", 0) == rounds.get(row["step"], 0):
                self._keys.add(row["key"])
            if row["reply"]["usage"]["completion"]:
                self._completions[row["step"]].append(row["reply"]["usage"]["completion"])

    def mean(self, prompt: str) -> float | None:
        """Tokens of a reply to a prompt; None if there was none."""
        counted = self._completions.get(prompt)
        return sum(counted) / len(counted) if counted else None

    def use(self, row: Row) -> None:
        """A row's replies are no longer free for others."""
        self._keys -= set(row.get(PROVENANCE, {}).get("requests", ()))

    def unused(self) -> int:
        """Replies that no row holds."""
        return len(self._keys)
