"""Byte ranges of HTTP (RFC 9110, section 14): what a browser asks for when a person seeks in a video."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte that a `Range` header asks for; None if the whole file is to be sent.

    Several ranges at once and units that nobody knows are answered with the whole file, as the standard allows.

    Raises:
        ValueError: if the range lies behind the end of the file.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        first, last = max(0, size - int(match[2])), size - 1
    else:
        first, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
        if match[2] and int(match[2]) < int(match[1]):
            return None
    if first >= size or not int(match[2] or 1) and not match[1]:
        raise ValueError(f"the file has {size} bytes")
    return first, last
