"""A rate that evens itself out: so much a minute, one after the other, without a burst at the start of each minute."""

from __future__ import annotations


class Pace:
    """A rate limit as a virtual schedule: each start pushes the next one off by what it takes.

    Unused time is not saved up, so no window of a minute holds more than the rate and one start. What turns out
    to have taken less or more than was thought moves the next start (`correct`). Seconds are a monotonic clock's.
    """

    def __init__(self, per_minute: float | None) -> None:
        self._seconds_each = 60 / per_minute if per_minute else 0.0
        self._next = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next start."""
        return max(0.0, self._next - now)

    def take(self, now: float, amount: float = 1.0) -> None:
        """Start something that takes `amount`."""
        self._next = max(self._next, now) + amount * self._seconds_each

    def correct(self, difference: float) -> None:
        """What was started took `difference` more than was said (less, if negative)."""
        self._next += difference * self._seconds_each
