"""Texts as cells of a table that other programs open."""

from __future__ import annotations

# A spreadsheet runs what begins so; some take the full-width signs for the plain ones.
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def harmless(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet would run it as a formula; a plain number is none."""
    if not text.startswith(STARTS):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
