"""How long an item's video is, as the item itself says: in `video_length` or `duration`, or in its provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST = 1e9  # seconds; JSON's whole numbers need not fit a float
_NAMES = ("video_length", "duration")  # annotation's own name, and that of most benchmarks


def length_told(extra: Mapping[str, Any]) -> float | None:
    """Seconds; None if the item does not say, or says what is no length."""
    if not extra:
        return None
    provenance = extra.get("provenance")
    for fields in (extra, provenance if isinstance(provenance, dict) else {}):
        for value in map(fields.get, _NAMES):
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < LONGEST:
                return float(value)
    return None
