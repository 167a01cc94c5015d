"""Yes or no."""

from __future__ import annotations

from functools import lru_cache

from demitasse.answers import read_binary
from demitasse.answers.binary import YesNo
from demitasse.errors import DataError
from evaluate.parse.final import Reading, read_final
from evaluate.records import Asked, Prediction

_read = lru_cache(maxsize=1 << 12)(read_binary)  # of a million answers nearly all are one of a few


def gold_word(asked: Asked) -> YesNo:
    """The reference's "yes" or "no".

    Raises:
        DataError: for a reference that says neither, or both.
    """
    gold = _read(asked.reference)
    if gold.value is None:
        raise DataError(
            f"item {asked.item_id} ({asked.video_id}, {asked.task}): "
            f"the reference '{asked.reference[:60]}' is neither yes nor no; mend or remove the item"
        )
    return gold.value


def parse_binary(prediction: Prediction | None) -> Reading[YesNo]:
    """The word that the prediction says."""
    return read_final(prediction, _read)
