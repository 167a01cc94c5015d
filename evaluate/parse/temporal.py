"""One span of time."""

from __future__ import annotations

from functools import lru_cache

from demitasse.answers import read_times
from demitasse.answers.times import Span
from demitasse.errors import DataError
from evaluate.parse.final import Reading, read_final
from evaluate.records import Asked, Prediction

_read = lru_cache(maxsize=1 << 16)(read_times)  # a reference is read in every run, and short answers repeat


def gold_span(asked: Asked) -> Span:
    """The reference's start and end in seconds.

    Raises:
        DataError: for a reference that is no span, or one of no length, which nothing can overlap.
    """
    gold = _read(asked.reference)
    if gold.value is None or gold.value[0] == gold.value[1]:
        fault = "is no single span of time" if gold.value is None else "starts and ends at the same moment"
        raise DataError(
            f"item {asked.item_id} ({asked.video_id}, {asked.task}): "
            f"the reference '{asked.reference[:60]}' {fault}; mend or remove the item"
        )
    return gold.value


def parse_temporal(prediction: Prediction | None) -> Reading[Span]:
    """The span that the prediction gives, in seconds."""
    return read_final(prediction, _read)
