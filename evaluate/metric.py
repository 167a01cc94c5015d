"""The metrics, and which of them a task is scored by."""

from __future__ import annotations

from dataclasses import dataclass

from demitasse.errors import DataError
from demitasse.labels import ANSWER_KIND, OBJECT
from evaluate.records import Asked

KIND = ANSWER_KIND  # {"kind": "graded", "classes": [...]}


@dataclass(frozen=True, slots=True)
class Metric:
    """A scale. `key` names it in results; a model's fault scores `low`."""

    name: str
    key: str
    label: str
    short: str
    low: float
    high: float
    medium: str = "video"  # what its items are about, and statistics cluster by

    @property
    def is_share(self) -> bool:
        """Whether scores are hits and misses, shown in per cent."""
        return self.name in ("mcq", "binary", "closed", "graded")


MCQ = Metric("mcq", "mcq_accuracy", "Multiple choice, accuracy", "multiple choice", 0, 1)
BINARY = Metric("binary", "bcq_accuracy", "Yes or no, accuracy", "yes or no", 0, 1)
TEMPORAL = Metric("temporal", "temporal_iou", "Time spans, mean IoU", "time spans", 0, 1)
GROUNDING = Metric("grounding", "grounding_iou", "Grounding, mean IoU", "grounding", 0, 1, "image")
COTASK_FRAMES = Metric("cotask_frames", "cotask_frames_f1", "CoTask 1, key frames, F1", "key frames", 0, 1)
COTASK_ENTITIES = Metric("cotask_entities", "cotask_entities_iou", "CoTask 2, boxes, mean IoU", "tracking", 0, 1)
COTASK_SPATIAL = Metric("cotask_spatial", "cotask_spatial_f1", "CoTask 3, relations, F1", "relations", 0, 1)
COTASK_TEMPORAL = Metric("cotask_temporal", "cotask_temporal_f1", "CoTask 4, events, F1", "events", 0, 1)
COTASKS = (COTASK_FRAMES, COTASK_ENTITIES, COTASK_SPATIAL, COTASK_TEMPORAL)  # each named like its one task
CLOSED = Metric("closed", "closed_accuracy", "Closed classes, accuracy", "closed classes", 0, 1)
GRADED = Metric("graded", "graded_accuracy", "Graded classes, accuracy", "graded classes", 0, 1)
MULTI = Metric("multi", "multi_label_f1", "Several labels, F1 of the sets", "several labels", 0, 1)
JUDGE = Metric("judge", "judge_mean", "Free text, judge 1\u20135", "free text", 1, 5)
KEYED = (CLOSED, GRADED, MULTI)
METRICS = {metric.name: metric for metric in (MCQ, BINARY, *KEYED, TEMPORAL, GROUNDING, *COTASKS, JUDGE)}

_EXACT = {"mcq": MCQ, "bcq": BINARY, "temporal_localization": TEMPORAL, "grounding": GROUNDING}
_EXACT |= {metric.name: metric for metric in COTASKS}


def metric_of(task: str) -> Metric:
    """Exact where an exact metric can score; every other task is free text, and the judge's."""
    return _EXACT.get(task, JUDGE)


_BY_KIND = {"closed": CLOSED, "boolean": CLOSED, "graded": GRADED, "multi": MULTI, "prose": JUDGE}
KINDS = tuple(_BY_KIND)


def metric_for(asked: Asked) -> Metric:
    """The metric of the kind that the item declares, else of its task.

    Raises:
        DataError: for a kind that there is not, and for an object of keys that could not be taken apart into them.
    """
    if KIND not in asked.extra:
        return metric_of(asked.task)
    declared = asked.extra[KIND]
    kind = declared.get("kind") if isinstance(declared, dict) else declared
    if kind == OBJECT:
        raise DataError(
            f"item {asked.item_id} ({asked.video_id}, {asked.task}): the reference is no JSON object with any of its "
            "keys; mend or remove it"
        )
    if not isinstance(kind, str) or kind not in _BY_KIND:
        raise DataError(
            f"item {asked.item_id} ({asked.video_id}, {asked.task}): '{KIND}' says {kind!r}, but must be "
            f'{{"kind": one of {", ".join(KINDS)}, "classes": [...]}}; mend or remove the field'
        )
    return _BY_KIND[kind]
