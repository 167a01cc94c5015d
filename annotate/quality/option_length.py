"""Is the right option told by its length?

The measure is VideoEspresso's (arXiv 2411.14794, figures 11 and 12): length of the reference minus that of the
longest distractor, in words, which should scatter about 0. An item is dropped where the right option stands out
from all others; of a whole file it is told how often picking the longest option would be right.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from annotate.quality.config import OptionLength
from annotate.quality.entry import CHOICE, Entry
from annotate.quality.verdict import Verdict, drop, keep, unknown


def judge_option_length(entry: Entry, config: OptionLength) -> Verdict:
    """Drop a multiple-choice item whose right option is much longer, or much shorter, than every other."""
    if entry.task not in CHOICE:
        return keep("no options")
    if entry.fault:
        return unknown("unreadable answer", entry.fault)
    right = len(entry.right_text)
    others = [len(text) for letter, text in entry.question.options.items() if letter != entry.right]
    difference = words_longer(entry)
    if right >= config.ratio * max(others) and right - max(others) >= config.characters:
        reason = f"the right option has {right} characters, the longest other {max(others)}"
        return drop("right option stands out as longest", reason, words_longer=difference)
    if right * config.ratio <= min(others) and min(others) - right >= config.characters:
        reason = f"the right option has {right} characters, the shortest other {min(others)}"
        return drop("right option stands out as shortest", reason, words_longer=difference)
    return keep(words_longer=difference)


def words_longer(entry: Entry) -> int:
    """Words of the right option minus those of the longest other one."""
    counts = {letter: len(text.split()) for letter, text in entry.question.options.items()}
    return counts.pop(entry.right) - max(counts.values())


def length_balance(entries: Sequence[Entry]) -> dict[str, Any] | None:
    """What lengths tell over many items; None if none has options.

    Returns:
        `items`; `longest_is_right`: how often picking the longest option (in characters, ties shared) is right;
        `chance`: how often it would be if length told nothing; `error`: half the 95 % interval of the former;
        `tells`: whether the difference is beyond it; `mean_words_longer`; `words_longer`: its histogram.
    """
    measured = [entry for entry in entries if entry.task in CHOICE and not entry.fault]
    if not measured:
        return None
    hits = [_longest_is_right(entry) for entry in measured]
    rate, chance = _mean(hits), _mean([1 / len(entry.question.options) for entry in measured])
    error = 1.96 * math.sqrt(chance * (1 - chance) / len(measured))
    histogram = Counter(words_longer(entry) for entry in measured)
    return {
        "items": len(measured),
        "longest_is_right": round(rate, 4),
        "chance": round(chance, 4),
        "error": round(error, 4),
        "tells": abs(rate - chance) > error,
        "mean_words_longer": round(_mean([words_longer(entry) for entry in measured]), 3),
        "words_longer": {str(difference): histogram[difference] for difference in sorted(histogram)},
    }


def _longest_is_right(entry: Entry) -> float:
    lengths = {letter: len(text) for letter, text in entry.question.options.items()}
    longest = [letter for letter, length in lengths.items() if length == max(lengths.values())]
    return 1 / len(longest) if entry.right in longest else 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
