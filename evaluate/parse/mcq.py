"""Multiple choice: the options stand in the question, in either dialect."""

from __future__ import annotations

from demitasse.answers import read_mcq, read_options
from demitasse.answers.marks import fold
from demitasse.errors import DataError
from evaluate.parse.final import Reading, read_final
from evaluate.records import Asked, Prediction


def gold_letter(asked: Asked) -> str:
    """The reference's letter.

    Raises:
        DataError: for a question without options, options of equal text, or a reference that names no single
            one of them. Such an item would be scored wrong for every student.
    """
    where = f"item {asked.item_id} ({asked.video_id}, {asked.task})"
    options = read_options(asked.question)
    if not options:
        raise DataError(f"{where}: the question lists no options; write one a line as 'A. text' or 'A) text'")
    folded = [fold(text) for text in options.values()]
    if len(set(folded)) < len(folded):
        raise DataError(f"{where}: two options have the same text; mend the question or remove the item")
    gold = read_mcq(asked.reference, options)
    if gold.value is None:
        raise DataError(
            f"{where}: the reference '{asked.reference[:60]}' names none of the options {', '.join(options)}"
        )
    return gold.value


def parse_mcq(asked: Asked, prediction: Prediction | None) -> Reading[str]:
    """The letter that the prediction names."""
    options = read_options(asked.question)
    return read_final(prediction, lambda final: read_mcq(final, options))
