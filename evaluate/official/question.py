"""A benchmark's multiple-choice question, and reading which option was answered: an index, a letter or a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from string import ascii_uppercase
from typing import Any

from demitasse.answers import read_mcq
from evaluate.official.predictions import Given
from evaluate.parse.final import Reading, read_final
from evaluate.records import Asked, Fault, Prediction

PLACES = "every reply is a digit in quotes; each is taken as the option's place, counted from 0"


@dataclass(frozen=True, slots=True)
class Question:
    """One multiple-choice question.

    Attributes:
        key: as prediction files call it.
        group: its type or task.
        video: what intervals are clustered by.
        options: in order; the letters A, B, … count them.
        answer: the place of the right one, from 0.
    """

    key: str
    group: str
    video: str
    options: tuple[str, ...]
    answer: int

    @property
    def lettered(self) -> Mapping[str, str]:
        """Letter to text."""
        return dict(zip(ascii_uppercase, self.options, strict=False))


@dataclass(frozen=True, slots=True)
class Answered:
    """What a model answered to a question: the place of an option, or why there is none."""

    key: str
    choice: int | None
    fault: Fault | None = None


def is_right(question: Question, answered: Answered) -> bool:
    """By text: of two options that read alike, as two of NExT-QA's test questions have them, either is right."""
    place = answered.choice
    if place is None or not 0 <= place < len(question.options):
        return False
    return question.options[place] == question.options[question.answer]


def with_places(questions: Mapping[str, Question], given: Mapping[str, Given]) -> Mapping[str, Given]:
    """Digits in quotes as the indices that they are, in a file that holds nothing else; any other as it is.

    One reply "2" may be an option's text. A whole file of digits is none of a model's replies, unless every one of
    them is some option's text.
    """
    said = {key: one for key, one in given.items() if one.raw not in (None, "")}
    texts = {key: one.raw for key, one in said.items() if _is_digit(one.raw)}
    within = all(int(text) < len(questions[key].options) for key, text in texts.items())
    if len(texts) < len(said) or not within or all(text in questions[key].options for key, text in texts.items()):
        return given
    return {key: replace(one, raw=int(texts[key])) if key in texts else one for key, one in given.items()}


def _is_digit(value: Any) -> bool:
    return isinstance(value, str) and len(value) < 3 and value.strip().isdecimal()


def read_choice(question: Question, given: Given | None) -> Answered:
    """Which option a prediction names.

    A number is an index from 0, as benchmarks' files have it; a text is read as a reply. A digit in a text is never
    an index: where the options count something, "2" is the text of one of them.
    """
    if given is None:
        return Answered(question.key, None, Fault.MISSING)
    place = whole(given.raw)
    if place is not None:
        sound = 0 <= place < len(question.options)
        return Answered(question.key, place if sound else None, None if sound else Fault.UNPARSABLE)
    if given.raw is not None and not isinstance(given.raw, str):
        return Answered(question.key, None, Fault.UNPARSABLE)
    reading = read_reply(question, given)
    return Answered(question.key, ascii_uppercase.index(reading.value) if reading.value else None, reading.fault)


def read_reply(question: Question, given: Given) -> Reading[str]:
    """The letter that a reply names, read as `demitasse score` reads it: reasoning set aside, two letters are none."""
    asked = Asked(question.key, "mcq", question.video, "", "")
    prediction = Prediction(asked, given.raw or "", given.finish, given.error)
    return read_final(prediction, lambda final: read_mcq(final, question.lettered))


def whole(value: Any) -> int | None:
    """The value as a whole number if it is one (2.0 too); None for anything else, truth values included."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        return None
    return int(value)
