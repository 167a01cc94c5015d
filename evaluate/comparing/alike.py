"""What arms must share before they can be compared: names of their own, the same items, the same judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

from demitasse.dataset.grounding import UNITS
from demitasse.errors import DataError
from evaluate.comparing.arm import JUDGE_RUN, KEYS, Arm
from evaluate.judging.header import differences
from evaluate.metric import KIND
from evaluate.records import Asked

NAMED_ITEMS = 5  # of a difference between item sets, in the message
_ANSWERED = "an object, models with their votes"
# What a report reads of `judge.json`: of which type, and how that is called.
_OF_HEADER: dict[str, tuple[tuple[type, ...], str]] = {
    "answered": ((dict,), _ANSWERED),
    **dict.fromkeys(("votes", "validity", "controls", "probes", "agreement"), ((dict,), "an object")),
    "latency": ((dict, NoneType), "an object or null"),
    **dict.fromkeys(("requests", "cache_hits", "repeats", "frames"), ((int,), "a whole number")),
    "cost_so_far": ((int, float, NoneType), "a number or null"),
}


def check_alike(arms: Sequence[Arm]) -> None:
    """Refuse what cannot be compared.

    Raises:
        DataError: for fewer than two arms, arms of one name, of different items or of different judges.
    """
    _check_names(arms)
    _check_items(arms)
    _check_judges(arms)


def _check_names(arms: Sequence[Arm]) -> None:
    if len(arms) < 2:
        raise DataError("a comparison needs two runs; give the one before and the one after")
    name, times = Counter(arm.name for arm in arms).most_common(1)[0]
    if times > 1:
        raise DataError(f"two arms are called '{name}'; give each its own name, as NAME=DIR")


def _check_items(arms: Sequence[Arm]) -> None:
    first = arms[0]
    for place, arm in enumerate(arms[1:], start=1):
        if arm.items is first.items:  # read once
            continue
        tasks = {asked.task for asked in arm.items.values()} if place > 1 else None
        expected = {key: asked for key, asked in first.items.items() if tasks is None or asked.task in tasks}
        alone = (_only(expected, arm.items), _only(arm.items, expected))
        if any(alone):
            sides = [
                f"{_listed(items)} only in {name}"
                for items, name in zip(alone, (first.name, arm.name), strict=True)
                if items
            ]
            raise DataError(f"arms '{first.name}' and '{arm.name}' are of different items: {'; '.join(sides)}")
        for key, asked in expected.items():
            other = arm.items[key]
            if (asked.task, asked.extra.get(KIND)) != (other.task, other.extra.get(KIND)):
                raise DataError(
                    f"item {key} ({asked.task} of {asked.video_id}) is scored in another way in '{first.name}' than in "
                    f"'{arm.name}'; put the same {KEYS} into both folders, or give --keys for both"
                )
            if _reference(asked) != _reference(other):
                raise DataError(
                    f"item {key} ({asked.task} of {asked.video_id}) has one reference in '{first.name}' and another in "
                    f"'{arm.name}'; predict both from the same data"
                )


def _reference(asked: Asked) -> tuple[str, Any, Any]:
    """What the item is scored against: of boxes, the numbers mean nothing without their convention."""
    return asked.reference, asked.extra.get(UNITS), asked.extra.get("cotask")


def _only(here: Mapping[str, Asked], there: Mapping[str, Asked]) -> list[Asked]:
    return [asked for key, asked in here.items() if key not in there]


def _listed(items: Sequence[Asked]) -> str:
    named = ", ".join(f"{asked.item_id} ({asked.task} of {asked.video_id})" for asked in items[:NAMED_ITEMS])
    return f"{len(items)} ({named}{', …' if len(items) > NAMED_ITEMS else ''})"


def _check_header(arm: Arm) -> None:
    """That `judge.json` has what the report reads of it, as `demitasse judge` writes it; other fields are free."""
    for name, (kinds, what) in _OF_HEADER.items():
        if name in arm.judge and not isinstance(arm.judge[name], kinds):
            raise DataError(f"{arm.folder / JUDGE_RUN}: '{name}' must be {what}; run `demitasse judge` again")
    if not all(isinstance(votes, int) for votes in arm.judge.get("answered", {}).values()):
        raise DataError(f"{arm.folder / JUDGE_RUN}: 'answered' must be {_ANSWERED}; run `demitasse judge` again")


def _check_judges(arms: Sequence[Arm]) -> None:
    """The same judges by the same rules. The same model behind another address is the same judge.

    An arm whose replies left nothing to judge was judged by nobody.
    """
    for arm in arms:
        _check_header(arm)
    judged = [arm for arm in arms if arm.judge and arm.judge.get("votes", {}).get("asked") != 0]
    for arm in judged[1:]:
        first, other = judged[0].judge, arm.judge
        same_model = first.get("model") == other.get("model") or (
            first.get("answered") and set(first["answered"]) == set(other.get("answered", ()))
        )
        rules = differences(first, other)
        if not same_model or rules:
            other_rules = f", under another {' and '.join(rules)}" if rules else ""
            raise DataError(
                f"arms '{judged[0].name}' and '{arm.name}' were judged differently (by '{first.get('model')}', and by "
                f"'{other.get('model')}'{other_rules}); judge both alike"
            )
