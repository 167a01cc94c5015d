"""The text grammar of a model that is held to no schema: lines that begin with a label, blocks between rules.

=====
Task: Causal Inference
Question: Why is the kettle lifted?
Captions: 2, 4
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

_RULE = re.compile(r"[=\-_*]{3,}")
_NUMBER = re.compile(r"\d{1,6}")
_LISTED = re.compile(r"^[ \t>]*[*_]*\(?(\d{1,3})[.):][*_]*[ \t]+(\S.*)$", re.MULTILINE)

Block = dict[str, str]


def read_labelled(text: str, labels: Sequence[str]) -> list[Block]:
    """The blocks of a text: by label, in lower case, what follows it up to the next label or rule.

    The first label begins a block. What stands under no label is passed over.
    """
    pattern = _label(tuple(labels))
    blocks: list[Block] = []
    current = ""
    for line in text.splitlines():
        found = pattern.match(line)
        if found:
            current = found["label"].lower()
            if not blocks or current in blocks[-1]:
                blocks.append({})
            blocks[-1][current] = found["rest"].strip()
        elif _RULE.fullmatch(line.strip()):
            current = ""
        elif current and line.strip():
            blocks[-1][current] = f"{blocks[-1][current]} {line.strip()}".strip()
    return blocks


def read_numbers(text: str) -> list[int]:
    """The whole numbers of a text, such as those of `captions 1, 4 and 7`."""
    return [int(number) for number in _NUMBER.findall(text)]


def read_listed(text: str) -> list[tuple[int, str]]:
    """The numbered lines of a text."""
    return [(int(number), rest.strip()) for number, rest in _LISTED.findall(text)]


@cache
def _label(labels: tuple[str, ...]) -> re.Pattern[str]:
    """Bold or slanted, numbered or not: `**2. Question:** ...`."""
    names = "|".join(re.escape(label) for label in labels)
    return re.compile(
        rf"^[ \t>#*_-]*(?:\d+[.)][ \t]*)?[*_]*(?P<label>{names})[ \t]*[*_]*[ \t]*:[ \t]*[*_]*(?P<rest>.*?)[*_]*$",
        re.IGNORECASE,
    )
