"""Answers from a closed set: which was given for which, and accuracy that a majority class cannot buy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from evaluate.stats.estimate import Estimate, clustered_mean, group_mean_values, share_interval


def confusion(gold: Sequence[str], given: Sequence[str | None]) -> dict[str, dict[str, int]]:
    """Counts by reference, then by answer; every class has a row and a column, and answers outside them a column.

    An answer that could not be read (None) is counted under "".

    Raises:
        ValueError: if there are not as many answers as references.
    """
    _check(gold, given)
    classes = sorted(set(gold))
    answers = [*classes, *sorted({answer or "" for answer in given} - set(classes))]
    counts = Counter((right, answer or "") for right, answer in zip(gold, given, strict=True))
    return {right: {answer: counts[right, answer] for answer in answers} for right in classes}


def balanced_accuracy(
    gold: Sequence[str], given: Sequence[str | None], clusters: Sequence[str] | None = None
) -> Estimate | None:
    """Mean over the classes of the share that was answered right: always answering one of two classes gives 0.5.

    An answer that could not be read (None) is wrong. `clusters` are the items' videos; without, each item is one.
    None if the references hold one class only: then it would be plain accuracy under another name.

    Raises:
        ValueError: if there are not as many answers as references.
    """
    _check(gold, given)
    if len(set(gold)) < 2:
        return None
    names = list(map(str, range(len(gold)))) if clusters is None else clusters
    hits = np.asarray([right == answer for right, answer in zip(gold, given, strict=True)], dtype=np.float64)
    return share_interval(clustered_mean(group_mean_values(hits, gold), names))


def _check(gold: Sequence[str], given: Sequence[str | None]) -> None:
    if len(gold) != len(given):
        raise ValueError(f"{len(gold)} references and {len(given)} answers; they must be of the same items")
