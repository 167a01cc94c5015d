"""Step 5: why is the answer right? Core frames, the things in them on which it hangs, and a sentence that names these.

The captions that are chosen are the core frames. Every key item stands in the sentence by its name, so that tags and
boxes have their place in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from annotate.asking import Asked, Asker
from annotate.espresso import prompt_keys
from annotate.espresso.attempts import attempt_all, made_by
from annotate.espresso.filter import kept
from annotate.espresso.listing import caption_lines, fenced, fold
from annotate.espresso.replies import EVIDENCE, CoreCaption, EvidenceReply
from annotate.espresso.settings import EvidenceSettings
from demitasse.engine.caller import ParseError
from demitasse.engine.step import Fields, Step, Unusable

VERSION = 1
FILE = "step_5_evidence/evidence.jsonl"
_TAG = re.compile(r"</?\w*>")  # as evidence is written for a student: in a sentence it would be read as one
_FAULTS_TOLD = 4

Span = tuple[int, int]


@dataclass(frozen=True)
class Proof:
    """Evidence that has been checked. `mentions` are the places of the key items in `text`, in order."""

    captions: list[CoreCaption]
    text: str
    mentions: list[Span]

    @property
    def names(self) -> list[str]:
        """The key items as the sentence spells them."""
        return [self.text[start:end] for start, end in self.mentions]


@dataclass(frozen=True)
class EvidenceWriting:
    """Step 5: a call for each question that was kept."""

    writer: Asker
    settings: EvidenceSettings
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("5", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        return {
            "asked": self.writer.decides(prompt_keys.EVIDENCE, EVIDENCE),
            "settings": astuple(self.settings),
            "shown": [[one["id"], _blocks(fields, one)] for one in kept(fields)],
        }

    async def _run(self, fields: Fields) -> Fields:
        questions = kept(fields)
        outcomes = await attempt_all([self._ask(fields, one) for one in questions])
        evidence: list[Fields] = []
        without: list[Fields] = []
        for one, outcome in zip(questions, outcomes, strict=True):
            if isinstance(outcome, Unusable):
                without.append({"id": one["id"], "reason": str(outcome)})
            else:
                evidence.append(_row(one, outcome.value, fields))
        return {
            "video": fields["video"],
            "evidence": evidence,
            "without_evidence": without,
            "provenance": made_by(self.writer, outcomes),
        }

    async def _ask(self, fields: Fields, question: Fields) -> Asked[Proof]:
        captions = len(fields["groups"][question["group"]])
        settings = self.settings
        values = {
            "blocks": fenced(_blocks(fields, question)),
            "min_frames": str(min(settings.min_core_frames, captions)),
            "max_frames": str(settings.max_core_frames),
            "max_items": str(settings.max_key_items),
        }
        return await self.writer.ask_and_read(
            prompt_keys.EVIDENCE, values, EVIDENCE, lambda text: read_evidence(text, captions, settings)
        )


def read_evidence(text: str, captions: int, settings: EvidenceSettings) -> Proof:
    """The evidence of a reply about so many captions, held to what it says itself.

    Raises:
        ParseError: if the reply is not in form, a caption is not there, there are too many or too few, the sentence
            has tags, or a key item is not in it or only inside another one's name.
    """
    reply = EVIDENCE.read(text)
    mentions, missing = find_mentions(reply.evidence, reply.key_items)
    faults = [*_caption_faults(reply, captions, settings), *_item_faults(reply, settings)]
    faults += [f"'{name}' is not in the sentence letter for letter, apart from the other names." for name in missing]
    if faults:
        raise ParseError("The reply cannot be used. " + " ".join(faults[:_FAULTS_TOLD]))
    return Proof(sorted(reply.captions, key=lambda one: one.caption), reply.evidence, mentions)


def find_mentions(text: str, names: Sequence[str]) -> tuple[list[Span], list[str]]:
    """Where each name first stands in a text as whole words, and outside of longer names; and names that do not."""
    taken: list[Span] = []
    missing: list[str] = []
    for name in sorted(names, key=lambda one: (-len(one), one)):
        words = r"\s+".join(re.escape(word) for word in name.split())
        pattern = re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE)
        free = (match.span() for match in pattern.finditer(text) if not _meets(match.span(), taken))
        span = next(free, None)
        if span is None:
            missing.append(name)
        else:
            taken.append(span)
    return sorted(taken), missing


def _meets(span: Span, taken: Sequence[Span]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in taken)


def _caption_faults(reply: EvidenceReply, captions: int, settings: EvidenceSettings) -> list[str]:
    numbers = [one.caption for one in reply.captions]
    least, most = min(settings.min_core_frames, captions), settings.max_core_frames
    strange = [number for number in numbers if not 1 <= number <= captions]
    faults = [f"There is no caption {number}; they are numbered 1 to {captions}." for number in strange]
    if len(set(numbers)) < len(numbers):
        faults.append("A caption is chosen twice: choose each once.")
    elif not least <= len(numbers) <= most:
        faults.append(f"{len(numbers)} captions are chosen: choose {least} to {most}.")
    return faults


def _item_faults(reply: EvidenceReply, settings: EvidenceSettings) -> list[str]:
    names, most = [fold(name) for name in reply.key_items], settings.max_key_items
    faults = []
    if not 1 <= len(names) <= most:
        faults.append(f"{len(names)} key items are named: name 1 to {most}.")
    if len(set(names)) < len(names):
        faults.append("A key item is named twice: give one name to one thing.")
    if _TAG.search(reply.evidence):
        faults.append("The sentence has tags: write plain words.")
    return faults


def _blocks(fields: Fields, question: Fields) -> dict[str, str]:
    captions = caption_lines(fields["frames"], fields["groups"][question["group"]])
    return {"captions": captions, "question": question["question"], "answer": question["answer"]}


def _row(question: Fields, proof: Proof, fields: Fields) -> Fields:
    group, frames = fields["groups"][question["group"]], fields["frames"]
    places = [(group[one.caption - 1], one.shows) for one in proof.captions]
    named = zip(proof.names, proof.mentions, strict=True)
    return {
        "id": question["id"],
        "core": [{"place": place, "caption": frames[place]["caption"], "shows": shows} for place, shows in places],
        "key_items": proof.names,
        "text": proof.text,
        "mentions": [{"name": name, "start": start, "end": end} for name, (start, end) in named],
    }
