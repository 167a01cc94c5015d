"""Text of models, data sets and endpoints as a terminal, a table or a page may show it: what would act is spelt out.

An escape sequence moves a terminal's cursor, names its window and makes links; an override of direction turns the
words of ours that follow. Both are shown as Python writes them.
"""

from __future__ import annotations

import re

# C0 and C1 without tab and line feed, a carriage return that ends no line, overrides of direction, lone surrogates.
_ACTS = re.compile(r"(?!\r\n)[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with control characters and the like as escapes, `\\x1b` for ESC; line breaks and tabs stay."""
    return _ACTS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def one_visible_line(text: str) -> str:
    """The same with every run of white space as one space."""
    return " ".join(visible(text).split())
