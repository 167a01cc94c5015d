"""Step 4 (ours): does an expression pick out exactly its boxes? A second model is shown the image and the phrases, no
boxes, and says what each phrase fits.

The agreement is the sum of the IoU of the boxes, matched one to one, over the number that was found or expected,
whichever is more: a box too many costs as much as one that is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotate.asking import Asked, Asker, all_of
from annotate.referring.grammar import fold, read_lines
from annotate.referring.matching import one_line
from annotate.referring.replies import finding_form
from annotate.referring.rows import head, made_by
from annotate.referring.space import Space, canonical, refusal, space_of
from demitasse.engine.step import Fields, Step
from demitasse.geometry import Box, match_boxes

if TYPE_CHECKING:
    from annotate.referring.pictures import Pictures, Shown

VERSION = 1
FILE = "step_4_blind_grounding/annotations.jsonl"
KEY = "blind_grounding"
PHRASES = 20  # of a request at most: a longer list is answered carelessly


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase that is asked about; `index` is its expression's place in the record, `boxes` how many are expected."""

    index: int
    text: str
    boxes: int

    @property
    def number(self) -> int:
        """What the prompt calls it."""
        return self.index + 1


Findings = dict[int, list[Box]]  # what was found, by the expression's place in the record


@dataclass(frozen=True)
class BlindGrounding:
    """Step 4. `most` is the number of boxes that one request is expected to find, unless one phrase has more."""

    checker: Asker
    pictures: Pictures
    most: int
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("4", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        capability = self.checker.model.capability
        return {
            "asked": self.checker.decides(KEY, finding_form(space_of(capability.boxes))),
            "expressions": fields["expressions"],
            "most": [PHRASES, self.most],
            "style": capability.boxes,
            "picture": self.pictures.decides(fields, capability),
        }

    async def _run(self, fields: Fields) -> Fields:
        expressions = fields["expressions"]
        if not expressions:
            return {**head(fields), "expressions": [], "provenance": made_by(self.checker, [])}
        capability = self.checker.model.capability
        shown = await self.pictures.shown(fields, capability)
        space = space_of(capability.boxes, shown.size)
        phrases = [Phrase(index, one_line(one["text"]), len(one["instances"])) for index, one in enumerate(expressions)]
        asked = await all_of(*(self._find(part, space, shown) for part in parts_of(phrases, self.most)))
        agreements = {
            index: _agreement(boxes, [canonical(one, fields) for one in expressions[index]["instances"]], answer)
            for answer in asked
            for index, boxes in answer.value.items()
        }
        return {
            **head(fields),
            "expressions": [{**one, "agreement": agreements[index]} for index, one in enumerate(expressions)],
            "provenance": made_by(self.checker, asked),
        }

    async def _find(self, part: list[Phrase], space: Space, shown: Shown) -> Asked[Findings]:
        numbered = self.checker.is_structured
        listing = "\n".join(f"{one.number}. {one.text}" if numbered else one.text for one in part)
        return await self.checker.ask_and_read(
            KEY,
            {"phrases": listing},
            finding_form(space),
            lambda text: read_findings(text, part, space),
            shown.parts,
        )


def parts_of(phrases: Sequence[Phrase], most: int) -> Iterator[list[Phrase]]:
    """Phrases for a request each: a bounded number of them and of boxes, and none twice."""
    part: list[Phrase] = []
    for one in phrases:
        boxes = sum(other.boxes for other in part) + one.boxes
        full = len(part) == PHRASES or boxes > most or fold(one.text) in {fold(other.text) for other in part}
        if part and full:
            yield part
            part = []
        part.append(one)
    if part:
        yield part


def read_findings(text: str, phrases: Sequence[Phrase], space: Space) -> Findings:
    """What was found for each phrase.

    Raises:
        ParseError: if the reply is not in form, leaves a phrase out or has one that was not asked, or a box is none.
    """
    waiting = {fold(one.text): one for one in phrases}
    numbers = {one.number: one for one in phrases}
    found: Findings = {}
    faults: list[str] = []
    for number, phrase, boxes in _entries(text, space):
        one = waiting.pop(fold(phrase), None)
        if one is None or (number is not None and numbers.get(number) is not one):
            faults.append(f"'{phrase}' is none of the list, or stands there twice: copy each phrase once, as it is")
        else:
            found[one.index] = space.read_all((f"'{phrase}'", box) for box in boxes)
    if not faults and waiting:
        missing = ", ".join(f"'{one.text}'" for one in waiting.values())
        faults.append(f"These phrases of the list are missing: {missing}. Write what fits nothing with an empty list")
    if faults:
        raise refusal(faults)
    return found


def agreement(found: Sequence[Box], expected: Sequence[Box]) -> float:
    """Sum of matched IoU over the larger number of boxes: 1 for exactly the expected boxes, 0 for none of them."""
    matched = sum(overlap for _, _, overlap in match_boxes(found, expected))
    return matched / max(len(found), len(expected))


def _entries(text: str, space: Space) -> Iterator[tuple[int | None, str, list[list[float]]]]:
    """Number, if the form has one, phrase and boxes."""
    lines = read_lines(text)
    if lines is not None:
        yield from ((None, phrase, boxes) for phrase, boxes in lines)
        return
    for one in finding_form(space).read(text).expressions:
        yield one.number, one.phrase, one.boxes


def _agreement(found: Sequence[Box], expected: Sequence[Box], answer: Asked[Any]) -> Fields:
    reply = answer.answer.reply
    return {
        "iou": round(agreement(found, expected), 4),
        "model": reply.model or answer.answer.asked,
        "found": len(found),
        "expected": len(expected),
    }
