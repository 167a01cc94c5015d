"""What a prompt about a picture lists: boxes with their names, phrases with their boxes, phrases alone.

The stand-in reads its prompts as another model would, so a prompt's words can be edited freely; the lists in them are
written by the program, one entry a line.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

Numbers = list[float]

_VALUE = r"-?\d+(?:\.\d+)?"
_BOX = rf"\[{_VALUE}(?:, {_VALUE}){{3}}\]"
_LISTED = re.compile(rf"^(\d+)\. (.*): ({_BOX})$", re.MULTILINE)
_PART = re.compile(r"\bobjects (\d+) to (\d+) only\b")
_NUMBERED = re.compile(r"^(\d+)\. (.+)$")
_NUMBERED_BOX = re.compile(rf"^ +box \d+: ({_BOX})$")
_LINE = re.compile(rf"^(.+): (\[{_BOX}(?:, {_BOX})*\])$")


@dataclass(frozen=True, slots=True)
class Listed:
    """A box of a list, with the number and the name that it has there."""

    number: int
    name: str
    box: Numbers


@dataclass(frozen=True, slots=True)
class Asked:
    """A phrase that is asked about, with its number where it has one, and the boxes that stand with it."""

    phrase: str
    number: int = 0
    boxes: list[Numbers] = field(default_factory=list)


def listed_boxes(text: str) -> tuple[list[Listed], list[Listed]]:
    """The boxes of a prompt's list: all of them, and those that are asked about."""
    boxes = [Listed(int(number), name, json.loads(box)) for number, name, box in _LISTED.findall(text)]
    part = _PART.search(text)
    if part is None:
        return boxes, boxes
    return boxes, [one for one in boxes if int(part[1]) <= one.number <= int(part[2])]


def asked_expressions(text: str) -> list[Asked]:
    """Phrases with their boxes, in either form of the list: numbered, or a line each."""
    asked: list[Asked] = []
    above: re.Match[str] | None = None
    for line in text.splitlines():
        if (box := _NUMBERED_BOX.match(line)) and above is not None:
            if not asked or asked[-1].number != int(above[1]):
                asked.append(Asked(above[2], int(above[1])))
            asked[-1].boxes.append(json.loads(box[1]))
        elif one := _LINE.match(line):
            asked.append(Asked(one[1], boxes=json.loads(one[2])))
        else:
            above = _NUMBERED.match(line)
    return asked


def asked_phrases(text: str, numbered: bool) -> list[Asked]:
    """Phrases alone: the numbered lines of the prompt, or the lines that follow its first colon at a line's end."""
    lines = text.splitlines()
    if numbered:
        return [Asked(one[2], int(one[1])) for line in lines if (one := _NUMBERED.match(line))]
    start = next((place for place, line in enumerate(lines) if line.rstrip().endswith(":")), len(lines)) + 1
    phrases: list[Asked] = []
    for line in lines[start:]:
        if line.strip():
            phrases.append(Asked(line.strip()))
        elif phrases:
            break
    return phrases
