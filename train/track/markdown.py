"""Tables in Markdown whose texts stay text, whatever a model wrote into them."""

from __future__ import annotations

from collections.abc import Sequence

Cells = Sequence[Sequence[str | float | None]]
# What would end a cell, or make a link, a picture, a tag, an emphasis or code of it: each becomes an entity.
_SPECIAL = str.maketrans({character: f"&#{ord(character)};" for character in "&<>\"'|`*_[]()!\\~#"})


def table(columns: Sequence[str], cells: Cells) -> str:
    """A table, with a line for each row."""
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(escaped, row))} |" for row in cells)]) + "\n"


def escaped(value: str | float | None) -> str:
    """A value as the text of a cell; nothing for None."""
    if value is None:
        return ""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return "<br>".join(text.translate(_SPECIAL).splitlines())
