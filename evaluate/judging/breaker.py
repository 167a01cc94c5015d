"""When to stop asking a judge: nothing is spent on one that answers nobody, or that nobody can read."""

from __future__ import annotations

from demitasse.engine.step import Stop
from evaluate.judging.votes import FAILED

AT_FIRST = 5  # calls that fail before the first answer: a wrong key, address or name
IN_A_ROW = 20  # faults of any kind, one more than which ends it


class Breaker:
    """Counts one judge's faults in a row."""

    def __init__(self, judge: str) -> None:
        self._judge = judge
        self._answered = False
        self._failed = 0
        self._in_a_row = 0

    def note(self, kind: str, why: str) -> None:
        """Take note of a vote; `kind` is empty for one that has a score.

        Raises:
            Stop: if there is no sense in asking on.
        """
        if not kind:
            self._answered, self._in_a_row = True, 0
            return
        self._in_a_row += 1
        self._failed += kind == FAILED
        if not self._answered and self._failed == self._in_a_row >= AT_FIRST:
            raise Stop(f"the first {AT_FIRST} calls to {self._judge} all failed, the last with: {why}; mend that first")
        if self._in_a_row > IN_A_ROW:
            raise Stop(
                f"{self._judge} gave no verdict {self._in_a_row} times in a row, the last time: {why}; see to that and "
                "run again, what was answered is kept"
            )
