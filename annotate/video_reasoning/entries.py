"""What the question types' replies must hold: one class each, with the checks that TAO leaves to chance.

An answer is one of the options, options differ and stand on their own, letters in the reasoning are plain (options are
shuffled later, and the letters follow them), of two yes-or-no questions one is answered yes and both say why, and
times lie inside the video.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from annotate.forms import Fields, Filled, Line
from annotate.letters import ABOUT_OPTIONS, follow
from demitasse import timecode
from demitasse.answers import read_mcq

_CLOCK = re.compile(r"(?<![\d:.])\d{1,2}(?::\d{2}){1,2}(?:\.\d+)?(?![\d:])")
_OPTION_LABEL = re.compile(r"^\(?([A-D])[.):]\)?\s+")
# "No gate is seen" opens with no verdict, "No, ..." does.
_VERDICT = re.compile(r"(yes)\b|(no)(?=\s*[.,;:!-])", re.IGNORECASE)
# "A" alone is an article: after "answer" it counts as a letter only where a pause follows.
_LETTERS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?i:options?|choices?|alternatives?|letters?)\s+[\"'(*]*[A-D]\b(?!')",
        r"\b(?i:answers?)(?:\s+(?:is|was|must be)|:)?\s+[\"'(*]*(?:[B-D]\b|A(?=\s*[.,;:)\"'*]|\s*$))",
        r"\([A-D]\)",
        r"(?:^|(?<=[\s(]))[A-D]\)",
        r"\b[A-D](?:,\s*[A-D])*,?\s+(?:and|or)\s+[A-D]\b(?!')",
        r"\b[A-D]\s+(?:is|are|was)\s+(?:the\s+)?(?:correct|incorrect|right|wrong|ruled out|out\b|false|true\b)",
    )
)


class Options(Fields):
    """The four options."""

    A: Line
    B: Line
    C: Line
    D: Line

    @field_validator("A", "B", "C", "D")
    @classmethod
    def _without_label(cls, text: str, info: ValidationInfo) -> str:
        """A model may repeat the letter before the text; it is the key's business."""
        label = _OPTION_LABEL.match(text)
        return text[label.end() :] if label and label[1] == info.field_name else text

    def texts(self) -> dict[str, str]:
        """Letter to text."""
        return {"A": self.A, "B": self.B, "C": self.C, "D": self.D}


class MultipleChoice(Fields):
    """One question with four options."""

    question: Filled
    options: Options
    answer: Literal["A", "B", "C", "D"]
    reasoning: Filled

    @model_validator(mode="before")
    @classmethod
    def _answer_as_letter(cls, content: Any) -> Any:
        """`(B)`, `**B**`, `B. wrench` and `The correct answer is B.` name an option as plainly as `B` does."""
        options = content.get("options") if isinstance(content, Mapping) else None
        if not isinstance(options, Mapping) or not all(isinstance(text, str) for text in options.values()):
            return content
        read = read_mcq(str(content.get("answer", "")), options)
        return {**content, "answer": read.value} if read.ok else content

    @field_validator("reasoning")
    @classmethod
    def _letters_are_plain(cls, reasoning: str) -> str:
        """Letters that can be told for certain follow their options; by others nothing would be right afterwards."""
        cited = letter_reference(reasoning)
        if cited and follow(reasoning, {letter: letter for letter in "ABCD"}) is None:
            raise ValueError(f"must not refer to options by letter ('{cited}'); say what the option says instead")
        return reasoning

    @field_validator("options")
    @classmethod
    def _on_their_own(cls, options: Options) -> Options:
        """`All of the above` and `Both A and B` lose their sense where options are shuffled."""
        for letter, text in options.texts().items():
            if ABOUT_OPTIONS.search(text):
                raise ValueError(f"{letter} ('{text}') speaks of other options; each must stand on its own")
        return options

    @model_validator(mode="after")
    def _different(self) -> MultipleChoice:
        folded = [re.sub(r"\W+", " ", text).strip().casefold() for text in self.options.texts().values()]
        if len(set(folded)) < len(folded):
            raise ValueError("two options say the same; all four must differ")
        return self


class Binary(Fields):
    """One question to be answered yes or no, with a sentence that supports the answer."""

    question: Filled
    answer: Annotated[Literal["yes", "no"], BeforeValidator(lambda value: str(value).strip().casefold())]
    explanation: Filled
    reasoning: Filled

    @field_validator("explanation")
    @classmethod
    def _says_why(cls, explanation: str) -> str:
        if explanation.strip(" .,;:!*").casefold() in ("yes", "no"):
            raise ValueError("must be a sentence that supports the answer, not the answer alone")
        return explanation


class BinaryPair(Fields):
    """Two such questions, one of each answer."""

    questions: list[Binary]

    @model_validator(mode="after")
    def _one_of_each(self) -> BinaryPair:
        if sorted(one.answer for one in self.questions) != ["no", "yes"]:
            raise ValueError("there must be exactly two questions, one whose answer is yes and one whose answer is no")
        if len({one.question.casefold() for one in self.questions}) < 2:
            raise ValueError("the two questions must differ")
        return self


class Open(Fields):
    """One question with an answer in prose."""

    question: Filled
    answer: Filled
    reasoning: Filled


class Timed(Open):
    """A question that names two moments, or the two ends of a stretch, by their times."""

    @field_validator("question")
    @classmethod
    def _two_times_inside(cls, question: str, info: ValidationInfo) -> str:
        times = {timecode.parse(match) for match in _CLOCK.findall(question)} - {None}
        if len(times) < 2:
            raise ValueError("must name two different times of the video as MM:SS")
        for time in times:
            _check_inside(time or 0.0, _duration(info))
        return question


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _seconds(text: str) -> str:
    if timecode.parse(text) is None:
        raise ValueError(f"'{text}' is not a time in the form MM:SS")
    return text


Time = Annotated[str, BeforeValidator(_as_text), AfterValidator(_seconds)]


class Localization(Fields):
    """A question of when, answered by a span. `start` and `end` become `MM:SS`, widened to whole seconds."""

    question: Filled
    start: Time
    end: Time
    reasoning: Filled

    @field_validator("question")
    @classmethod
    def _tells_no_time(cls, question: str) -> str:
        if _CLOCK.search(question):
            raise ValueError("must not contain a time, for the time is what it asks for")
        return question

    @field_validator("start")
    @classmethod
    def _whole_start(cls, start: str) -> str:
        return timecode.format_mmss(math.floor(timecode.parse(start) or 0.0))

    @field_validator("end")
    @classmethod
    def _whole_end(cls, end: str, info: ValidationInfo) -> str:
        seconds = timecode.parse(end) or 0.0
        _check_inside(seconds, _duration(info))
        return timecode.format_mmss(math.ceil(seconds))

    @model_validator(mode="after")
    def _in_order(self) -> Localization:
        if (timecode.parse(self.start) or 0.0) >= (timecode.parse(self.end) or 0.0):
            raise ValueError(f"start ({self.start}) must lie before end ({self.end})")
        return self


class Filter(Fields):
    """Whether footage is usable."""

    usable: bool
    reason: Filled


class Classification(Fields):
    """Whether footage shows an anomaly. `class` is no name in Python."""

    observation: Filled
    rationale: Filled
    label: Annotated[Literal["anomaly", "normal"], BeforeValidator(lambda value: str(value).strip().casefold())] = (
        Field(alias="class")
    )


class Moment(Fields):
    """A moment of the video, in seconds from its start."""

    seconds: float

    @field_validator("seconds")
    @classmethod
    def _inside(cls, seconds: float, info: ValidationInfo) -> float:
        if not math.isfinite(seconds) or seconds < 0:
            raise ValueError("must be 0 or more")
        _check_inside(seconds, _duration(info))
        return min(seconds, _duration(info))

    @field_validator("seconds", mode="before")
    @classmethod
    def _from_clock(cls, value: Any) -> Any:
        """`1:05` is 65 seconds."""
        return value if timecode.parse(str(value)) is None else timecode.parse(str(value))


def letter_reference(reasoning: str) -> str | None:
    """The first place where a text refers to an option by its letter; None if it never does.

    A capital letter by itself (`lane B`, `vitamin C`, `A man`) is no reference.
    """
    found = [match for pattern in _LETTERS for match in pattern.finditer(reasoning)]
    return min(found, key=lambda match: match.start())[0].strip() if found else None


def leading_verdict(text: str) -> str | None:
    """The "yes" or "no" that a text begins with as its verdict."""
    found = _VERDICT.match(text)
    return found[0].casefold() if found else None


def _duration(info: ValidationInfo) -> float:
    return float(info.context["duration"]) if info.context else math.inf


def _check_inside(seconds: float, duration: float) -> None:
    """Times are told in whole seconds, so the second in which the video ends is inside it."""
    if seconds > math.ceil(duration):
        end = timecode.format_mmss(duration, decimals=1)
        raise ValueError(f"{timecode.format_mmss(seconds)} lies beyond the end of the video, which is at {end}")
