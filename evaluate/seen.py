"""Sentences about a student that has seen, before it was evaluated, what it is evaluated on.

`run.json` keeps the counts (`trained_on`, from `demitasse.student.trained_on`), so that a comparison can tell of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def overlap_sentences(trained_on: Any) -> Iterator[str]:
    """Why a number is no measure of what the student makes of videos that are new to it; nothing if it is one.

    Args:
        trained_on: of a run's header; None where nobody knows what the student has seen.
    """
    told = trained_on if isinstance(trained_on, dict) else {}
    if told.get("items"):
        yield (
            f"{told['items']} of the items are about {told['media']} videos or images that the student learnt from: "
            "what it makes of others is not known; `demitasse data split` makes files that share none"
        )
    if told.get("chosen_on"):
        yield (
            f"the student is the best of {told['rounds']} checkpoints on {told['chosen_on']} of these very items, "
            "which flatters it; measure it on items that it was not chosen on"
        )
