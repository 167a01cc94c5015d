"""How much CoTasks help, by question type or length of video, and whether more where they give the answer away.

A question is leaked if what was put before it lets a heuristic without eyes (`demitasse.cotasks.leaks`) choose the
right option and no other: the one whose words are in the text, the one that is done longest, the one that counts the
entities. A gain on leaked questions alone says that the answer was told; one on the others, that something was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from demitasse.cotasks.coverage import length_of
from demitasse.cotasks.leaks import FINAL_STAGE, Case, cases_of, counting, events, overlap
from demitasse.cotasks.record import STAGES
from demitasse.dataset import Item
from demitasse.errors import DataError
from evaluate.comparing.arm import Arm, check_gold
from evaluate.comparing.entry import Scores, paired
from evaluate.metric import METRICS
from evaluate.records import Asked, Json

ALL = "all"
LEAKED, OTHER = "leaked", "not_leaked"
TYPE, LENGTH = "type", "length"  # what questions can be parted by
_NO_TYPE = "(none)"


def bias_report(before: Arm, after: Arm, skip_gold_faults: bool = False, by: str = TYPE) -> Json:
    """The paired gain by metric and question type, of all questions, of leaked ones and of the others.

    Args:
        before: a run without CoTasks, or with a control's.
        after: a run of the same questions with CoTasks.
        skip_gold_faults: leave out questions whose reference is at fault.
        by: `LENGTH` parts the questions by the length of their videos (of their clips, in STAR) and not by type.

    Returns:
        `stages` that the second run was given, `leaked` and `questions` as counts, and under `metrics` by name and
        type (or length) three paired differences as `compare` has them.

    Raises:
        DataError: if the runs are of other questions, or hold none with CoTasks.
    """
    asked = _final(after)
    if _final(before).keys() != asked.keys():
        raise DataError(
            f"the runs '{before.name}' and '{after.name}' are of different questions; predict both from the same items"
        )
    stages = _stages(after)
    cases = _cases(asked, after.name)
    leaked = {key for key, case in cases.items() if is_leaked(case, stages)}
    groups = {key: length_of(case.cotasks.duration) if by == LENGTH else case.type for key, case in cases.items()}
    skipped = check_gold(asked, skip_gold_faults)
    first, second = (
        {key: row for key, row in arm.scores(without=skipped).items() if key in asked} for arm in (before, after)
    )
    return {
        "before": before.name,
        "after": after.name,
        "stages": "".join(map(str, stages)),
        "questions": len(first),
        "leaked": len(leaked & first.keys()),
        "skipped_gold_faults": skipped,
        "by": by,
        "metrics": {m: _parts(rows, second, leaked, groups) for m in METRICS if (rows := _of(first, m))},
    }


def is_leaked(case: Case, stages: Sequence[int]) -> bool:
    """Whether a heuristic finds the answer, and surely, in the stages that were shown."""
    if not case.is_choice:
        return False
    found = [overlap(case, stages)]
    found += [events(case)] if 4 in stages else []
    found += [counting(case) or 0.0] if 1 in stages else []
    return 1.0 in found


def _parts(first: Scores, second: Scores, leaked: set[str], groups: Mapping[str, str]) -> Json:
    parts: dict[str, list[str]] = {ALL: list(first)}
    for key in first:
        parts.setdefault(groups[key] or _NO_TYPE, []).append(key)
    return {name: _parted(first, second, leaked, keys) for name, keys in sorted(parts.items())}


def _parted(first: Scores, second: Scores, leaked: set[str], keys: Sequence[str]) -> Json:
    parts: Mapping[str, Callable[[str], bool]]
    parts = {ALL: lambda _: True, LEAKED: lambda key: key in leaked, OTHER: lambda key: key not in leaked}
    return {
        name: paired({key: first[key] for key in keys if holds(key)}, {key: second[key] for key in keys if holds(key)})
        for name, holds in parts.items()
    }


def _of(rows: Scores, metric: str) -> Scores:
    return {key: row for key, row in rows.items() if row.metric == metric}


def _final(arm: Arm) -> dict[str, Asked]:
    """The questions themselves, without the CoTasks that lead to them."""
    return {key: asked for key, asked in arm.items.items() if _stage(asked) == FINAL_STAGE}


def _stage(asked: Asked) -> object:
    told = asked.extra.get("cotask")
    return told.get("stage") if isinstance(told, dict) else None


def _cases(asked: Mapping[str, Asked], name: str) -> dict[str, Case]:
    try:
        cases = cases_of(
            Item(one.question, one.reference, video_id=one.video_id, extra=one.extra) for one in asked.values()
        )
    except DataError as fault:
        raise DataError(f"run '{name}': {fault}") from fault
    return dict(zip(asked, cases, strict=True))


def _stages(arm: Arm) -> tuple[int, ...]:
    """The stages that a run put before its questions; all where its settings say none: what could have been told."""
    settings = arm.run.get("settings")
    told = str(settings.get("cotasks") or "") if isinstance(settings, dict) else ""
    return tuple(stage for stage in STAGES if str(stage) in told) or STAGES
