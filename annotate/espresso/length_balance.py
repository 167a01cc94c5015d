"""Options of equal length, so that length does not tell the right one: a property that is checked, not hoped for.

VideoEspresso shows (figures 11 and 12) that the words of the reference less those of the longest distractor scatter
about 0, and publishes no bound. Each question is held to a bound here, and over all of them it is told whether picking
the longest option would be right more often than chance.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from annotate.espresso.settings import DistractorSettings

Z = 1.96  # of a 95 % interval


def words(text: str) -> int:
    """The words of an option."""
    return len(text.split())


def bounds(reference: str, settings: DistractorSettings) -> tuple[int, int]:
    """The fewest and the most words that a wrong answer may have."""
    count = words(reference)
    slack = max(settings.slack_words, math.floor(settings.slack_share * count))
    return max(1, count - slack), count + slack


def faults(reference: str, distractors: Sequence[str], settings: DistractorSettings) -> list[str]:
    """What is out of balance, a sentence each."""
    fewest, most = bounds(reference, settings)
    told = [(text, words(text)) for text in distractors]
    return [
        f"'{text[:40]}' has {count} words, and must have {fewest} to {most}."
        for text, count in told
        if not fewest <= count <= most
    ]


def longer_ones(identity: str) -> int:
    """How many of three wrong answers should be longer than the right one: 0 to 3, fixed by the question's id.

    Were the right answer always of middle length, or always next to the longest, that would tell it as well. Over many
    questions each number comes up equally often.
    """
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).digest()[0] % 4


def balance(options: Sequence[tuple[str, Sequence[str]]]) -> dict[str, Any] | None:
    """What lengths tell over many questions; None if there are none.

    Args:
        options: the right answer and the wrong ones, of each question.

    Returns:
        `items`; `reference_minus_longest`: its histogram in words, and `mean` of it; `longest_is_right` and
        `shortest_is_right`: how often picking that option would be right (ties shared); `chance`; `error`: half of the
        95 % interval about chance; `balanced`: whether both lie within it.
    """
    if not options:
        return None
    differences = [words(right) - max(map(words, wrong)) for right, wrong in options]
    chance = sum(1 / (1 + len(wrong)) for _, wrong in options) / len(options)
    error = Z * math.sqrt(chance * (1 - chance) / len(options))
    longest, shortest = (_rate(options, end) for end in (max, min))
    histogram = Counter(differences)
    return {
        "items": len(options),
        "reference_minus_longest": {str(one): histogram[one] for one in sorted(histogram)},
        "mean": round(sum(differences) / len(options), 3),
        "longest_is_right": round(longest, 4),
        "shortest_is_right": round(shortest, 4),
        "chance": round(chance, 4),
        "error": round(error, 4),
        "balanced": abs(longest - chance) <= error and abs(shortest - chance) <= error,
        "units": "words",
    }


def _rate(options: Sequence[tuple[str, Sequence[str]]], end: Any) -> float:
    """How often picking the option at one end of the lengths is right."""
    right = 0.0
    for reference, wrong in options:
        counts = [words(reference), *map(words, wrong)]
        chosen = end(counts)
        right += (counts[0] == chosen) / counts.count(chosen)
    return right / len(options)
