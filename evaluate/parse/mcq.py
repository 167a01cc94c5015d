"""Multiple choice: the options stand in the question, in either dialect."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from demitasse.answers import read_mcq, read_options
from demitasse.answers.marks import fold
from demitasse.errors import DataError
from evaluate.parse.final import Reading, read_final
from evaluate.records import Asked, Prediction

REMEMBERED = 1 << 20  # items: as many as a comparison is made for


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
    folded = [fold(text) for text in options.values()]
    if len(set(folded)) < len(folded):
        return "", "two options have the same text; mend the question or remove the item"
    letter = read_mcq(reference, options).value
    if letter is None:
        return "", f"the reference '{reference[:60]}' names none of the options {', '.join(options)}"
    return letter, ""


@lru_cache(maxsize=REMEMBERED)
def _options(question: str) -> Mapping[str, str]:
    return MappingProxyType(read_options(question))


def parse_mcq(asked: Asked, prediction: Prediction | None) -> Reading[str]:
    """The letter that the prediction names."""
    options = _options(asked.question)
    return read_final(prediction, lambda final: read_mcq(final, options))
