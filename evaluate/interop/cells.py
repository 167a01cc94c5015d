"""Texts as cells of a table that other programs open."""

from __future__ import annotations

_STARTS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs what begins so


def harmless(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet would run it as a formula; a plain number is none."""
    if not text.startswith(_STARTS):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
