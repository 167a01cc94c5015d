"""Multiple choice: the options stand in the question, in either dialect."""

from __future__ import annotations

from functools import lru_cache

from demitasse.answers import Parsed, read_mcq, read_options
from demitasse.answers.marks import fold
from demitasse.errors import DataError
from evaluate.parse.final import Reading, read_final
from evaluate.records import Asked, Prediction

REMEMBERED = 1 << 20  # items: as many as a comparison is made for
SHORT = 80  # characters of an answer that may come again
_Options = tuple[tuple[str, str], ...]  # letters and texts


def gold_letter(asked: Asked) -> str:
    """The reference's letter.

    Raises:
        DataError: for a question without options, options of equal text, or a reference that names no single
            one of them. Such an item would be scored wrong for every student.
    """
    letter, fault = _gold(asked.question, asked.reference)
    if fault:
        raise DataError(f"item {asked.item_id} ({asked.video_id}, {asked.task}): {fault}")
    return letter


# Every run is of the same items, so what is read of an item is asked for once a run, and before.
@lru_cache(maxsize=REMEMBERED)
def _gold(question: str, reference: str) -> tuple[str, str]:
    """The reference's letter, or why it has none."""
    options = _options(question)
    if not options:
        return "", "the question lists no options; write one a line as 'A. text' or 'A) text'"
    if _has_twins(options):
        return "", "two options have the same text; mend the question or remove the item"
    letter = _read(reference, options).value
    if letter is None:
        known = ", ".join(dict(options))
        return "", f"the reference '{reference[:60]}' names none of the options {known}; mend or remove the item"
    return letter, ""


@lru_cache(maxsize=REMEMBERED)
def _options(question: str) -> _Options:
    return tuple(read_options(question).items())


def _read(text: str, options: _Options) -> Parsed[str]:
    return _read_short(text, options) if len(text) <= SHORT else read_mcq(text, dict(options))


# Options come again (left or right, the colours, one to four), and so do short answers to them.
@lru_cache(maxsize=1 << 16)
def _read_short(text: str, options: _Options) -> Parsed[str]:
    return read_mcq(text, dict(options))


@lru_cache(maxsize=1 << 16)
def _has_twins(options: _Options) -> bool:
    folded = [fold(text) for _, text in options]
    return len(set(folded)) < len(folded)


def parse_mcq(asked: Asked, prediction: Prediction | None) -> Reading[str]:
    """The letter that the prediction names."""
    options = _options(asked.question)
    return read_final(prediction, lambda final: _read(final, options))
