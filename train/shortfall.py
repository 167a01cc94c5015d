"""What a finished run did not learn from, from its own files: said in its last line and in its exit code."""

from __future__ import annotations

import json
from pathlib import Path

from train.data.examples import UNREADABLE
from train.data.lengths import OVER_LONG
from train.track.track import LOG


def shortfall(output: Path) -> str:
    """What was left out of a run, as a sentence; empty if nothing was."""
    log = _lines(output / LOG)
    skipped = json.loads(log[-1])["skipped"] if log else 0
    counts = [
        (len(_lines(output / OVER_LONG)), "item was", "items were", f"over-long ({OVER_LONG})"),
        (len(_lines(output / UNREADABLE)), "item", "items", f"could not be read ({UNREADABLE})"),
        (skipped, "step was", "steps were", f"left out ({LOG})"),
    ]
    said = " and ".join(f"{count} {one if count == 1 else many} {what}" for count, one, many, what in counts if count)
    return f"not all was learnt from: {said}" if said else ""


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
