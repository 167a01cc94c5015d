"""Classes that have an order ("easy", "medium", "hard"): being one off is less wrong than being two off."""

from __future__ import annotations

from collections.abc import Sequence

from evaluate.stats.agreement import Agreement, mean_absolute_error, weighted_kappa


def class_kappa(
    gold: Sequence[str], given: Sequence[str | None], order: Sequence[str], clusters: Sequence[str] | None = None
) -> Agreement:
    """Quadratic weighted kappa of answers and references by their places in `order`.

    Raises:
        ValueError: for a reference outside `order`, or if there are not as many answers as references.
    """
    return weighted_kappa(*_places(gold, given, order), clusters)


def class_error(
    gold: Sequence[str], given: Sequence[str | None], order: Sequence[str], clusters: Sequence[str] | None = None
) -> Agreement:
    """Mean number of classes that answers are off; raises as `class_kappa`."""
    return mean_absolute_error(*_places(gold, given, order), clusters)


def _places(gold: Sequence[str], given: Sequence[str | None], order: Sequence[str]) -> tuple[list[float], list[float]]:
    """References and answers as places. What is no class of the order is as wrong as can be: the far end from gold."""
    place = {name: float(number) for number, name in enumerate(order)}
    strange = sorted(set(gold) - set(place))
    if strange or len(place) != len(order):
        raise ValueError(
            f"reference '{strange[0]}' is not in the order" if strange else "the order names a class twice"
        )
    if len(gold) != len(given):
        raise ValueError(f"{len(gold)} references and {len(given)} answers; they must be of the same items")
    truth = [place[name] for name in gold]
    last = len(order) - 1
    far = (0.0 if right > last / 2 else float(last) for right in truth)
    answers = [place.get(name or "", end) for name, end in zip(given, far, strict=True)]
    return truth, answers
