"""A bar on stderr: how many records are through, how many calls that took, how many failed."""

from __future__ import annotations

import sys
from typing import TextIO

from tqdm import tqdm

QUIET_SECONDS = 2.0  # shorter work shows nothing
TERMINAL_INTERVAL = 0.5
LOG_INTERVAL = 30.0  # seconds between lines where stderr goes to a file


class Progress:
    """One bar. `total` is None where the number of records is not known beforehand."""

    def __init__(self, total: int | None, shown: bool = True, file: TextIO | None = None) -> None:
        file = file or sys.stderr
        self._bar = tqdm(
            total=total,
            unit=" records",
            file=file,
            delay=QUIET_SECONDS,
            mininterval=TERMINAL_INTERVAL if file.isatty() else LOG_INTERVAL,
            miniters=1,
            disable=not shown,
            dynamic_ncols=True,
        )

    def advance(self, calls: int, quarantined: int) -> None:
        """One record more; the other numbers are totals."""
        told = {"calls": calls, "quarantined": quarantined}
        self._bar.set_postfix({name: count for name, count in told.items() if count}, refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Leave the bar's last state standing."""
        self._bar.close()
