"""One class of a closed set, or several labels of one: for answers that need no judge (weather, difficulty, actions).

An item declares what its answer is in the extra field `answer_kind`: `{"kind": "closed", "classes": [...]}` for one of
the classes, "graded" for classes in their order, "multi" for a set of labels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import orjson

from demitasse.answers import Parsed
from demitasse.answers.marks import answer_regions, flatten, fold
from demitasse.answers.parsed import unreadable
from demitasse.errors import DataError
from demitasse.labels.keys import TRUTH
from evaluate.metric import KIND
from evaluate.parse.final import Reading, read_final
from evaluate.records import Asked, Prediction

_STATEMENT = re.compile(
    r"\b(?:answer|label|class|it)\s++(?:is|would be)\s*+:?\s*+([^\n]+)|\banswer\s*+[:=]\s*+([^\n]+)", re.I
)
_SENTENCE = re.compile(r"[^\n]+?[.!?;](?=\s)")
_BULLET = re.compile(r"^\s*(?:[-*\u2022]|\d{1,2}[.)])\s+")
_NOTHING = frozenset(("", "none", "null", "n/a", "no label", "nothing"))


def classes_of(asked: Asked) -> tuple[str, ...]:
    """The classes that the item declares.

    Raises:
        DataError: if they are not two texts or more, or two of them read alike.
    """
    declared = asked.extra.get(KIND)
    if isinstance(declared, dict) and declared.get("kind") == "boolean":
        return TRUTH
    classes = declared.get("classes") if isinstance(declared, dict) else None
    if not isinstance(classes, list) or len(classes) < 2 or not all(isinstance(one, (str, int)) for one in classes):
        raise DataError(f"{_named(asked)}: '{KIND}' must have 'classes', two texts or more; mend the field")
    names = tuple(str(one) for one in classes)
    if len({fold(name) for name in names} - {""}) < len(names):
        raise DataError(f"{_named(asked)}: two classes of '{KIND}' read alike, or one is empty; mend the field")
    return names


def gold_class(asked: Asked) -> str:
    """The reference's class, in the spelling of the declaration.

    Raises:
        DataError: for a reference that is none of the classes.
    """
    classes = classes_of(asked)
    gold = {fold(name): name for name in classes}.get(fold(asked.reference))
    if gold is None:
        raise DataError(
            f"{_named(asked)}: the reference '{asked.reference[:60]}' is none of the classes {', '.join(classes)}; "
            "mend the item or its classes"
        )
    return gold


def parse_class(asked: Asked, prediction: Prediction | None) -> Reading[str]:
    """The class that the prediction asserts."""
    classes = classes_of(asked)
    return read_final(prediction, lambda final: read_class(final, classes))


def read_class(text: str, classes: Sequence[str]) -> Parsed[str]:
    """Read a final answer as one of the classes, in the declaration's spelling.

    The whole answer, a line of it, its first sentence, or what "the answer is" must be a class but for case, dashes,
    spacing and edge punctuation. A class that is only mentioned is no answer ("not overcast"), and two are none.
    """
    flat = flatten(text)
    known = {fold(name): name for name in classes}
    found: dict[str, tuple[int, int]] = {}
    for start, end in (span for region in answer_regions(flat) for span in _assertions(flat, region)):
        if (name := known.get(fold(flat[start:end]))) is not None:
            found.setdefault(name, (start, end))
    if len(found) != 1:
        return unreadable(text, "two_classes" if found else "no_class")
    name, span = found.popitem()
    return Parsed(name, "class", span=span)


def gold_labels(asked: Asked) -> list[str]:
    """The reference's labels, in the order of the classes; none is an answer too.

    Raises:
        DataError: for a reference with a label that is none of the classes.
    """
    classes = classes_of(asked)
    labels, strange = _labels(asked.reference, classes)
    if strange:
        raise DataError(
            f"{_named(asked)}: the reference's label '{strange[0][:60]}' is none of the classes {', '.join(classes)}; "
            "mend the item or its classes"
        )
    return labels


def parse_labels(asked: Asked, prediction: Prediction | None) -> Reading[list[str]]:
    """The labels that the prediction gives; one that is no class stands among them as written, and is a false one."""
    classes = classes_of(asked)
    return read_final(prediction, lambda final: read_labels(final, classes))


def read_labels(text: str, classes: Sequence[str]) -> Parsed[list[str]]:
    """Read a final answer as a set of labels: a JSON list, or labels parted by lines, semicolons or commas.

    "None" is the empty set. A reply in which no part is a class, and which does not say none, is unparsable.
    """
    flat = flatten(text)
    start, end = answer_regions(flat)[-1]
    labels, strange = _labels(flat[start:end], classes)
    said_none = fold(flat[start:end]) in _NOTHING and flat.strip() != ""
    if not labels and not said_none:
        return unreadable(text, "no_label")
    return Parsed(labels + sorted(set(strange)), "labels", span=(start, end))


def _labels(text: str, classes: Sequence[str]) -> tuple[list[str], list[str]]:
    """The classes among the parts of a text, and the parts that are none."""
    known: Mapping[str, str] = {fold(name): name for name in classes}
    parts = [
        part for part in _parts(text, any("," in name for name in classes)) if fold(part) not in _NOTHING - known.keys()
    ]
    found = {known[fold(part)] for part in parts if fold(part) in known}
    strange = [" ".join(part.split()) for part in parts if fold(part) not in known]
    return [name for name in classes if name in found], strange


def _parts(text: str, commas_within: bool) -> list[str]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    else:
        return [str(one) for one in value] if isinstance(value, list) else [] if value is None else [str(value)]
    lines = [_BULLET.sub("", line) for line in re.split(r"[\n;]", text.strip().strip("[]"))]
    parts = lines if commas_within else [part for line in lines for part in line.split(",")]
    return [part.strip().strip("'\"") for part in parts if part.strip()]


def _assertions(flat: str, region: tuple[int, int]) -> list[tuple[int, int]]:
    """Where the answer may stand whole: all of the region, its lines, its first sentence, what "the answer is"."""
    start, end = region
    spans = [region]
    spans += [match.span() for match in re.compile(r"[^\n]+").finditer(flat, start, end)]
    for match in _STATEMENT.finditer(flat, start, end):
        spans.append(match.span(1) if match[1] else match.span(2))
    return spans + [first.span() for span in spans if (first := _SENTENCE.match(flat, *span))]


def _named(asked: Asked) -> str:
    return f"item {asked.item_id} ({asked.video_id}, {asked.task})"
