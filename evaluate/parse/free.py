"""Free text: all of the final answer, for the judge to read."""

from __future__ import annotations

from demitasse.answers import Parsed
from demitasse.answers.parsed import is_refusal, unreadable
from demitasse.errors import DataError
from evaluate.parse.final import Reading, read_final
from evaluate.records import Asked, Prediction


def gold_text(asked: Asked) -> str:
    """The reference itself.

    Raises:
        DataError: if it is empty.
    """
    if not asked.reference.strip():
        raise DataError(
            f"item {asked.item_id} ({asked.video_id}, {asked.task}): the reference is empty; mend or remove the item"
        )
    return asked.reference


def parse_free(prediction: Prediction | None) -> Reading[str]:
    """The final answer; a fault if it is empty or a refusal, which need no judge.

    An answer that the token limit cut short is judged as far as it goes.
    """
    return read_final(prediction, _whole)


def _whole(final: str) -> Parsed[str]:
    if not final.strip() or is_refusal(final):
        return unreadable(final, "text")
    return Parsed(final.strip(), "text", span=(0, len(final)))
