"""What lmms-eval is told of an item and its score, the same in its task folders and in its sample files.

Each of its two kinds of readers wants the score elsewhere (lmms-eval 0.7.3). `--baseline FILE` takes the first key
whose name holds "score", and only if that is a number: of a dictionary it compares `pred_answer` with `answer` as
texts, which would turn an IoU of 0.8 into 0. Clustered errors need a dictionary with the score and the cluster. So a
sample has both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from demitasse.errors import DataError
from evaluate.metric import JUDGE, METRICS, metric_for
from evaluate.records import Asked, Json, Scored

PREFIX = "demitasse_"
ANSWERED = "answered"  # the metric of free text where no judge is: whether there is anything to judge
CLUSTER = "video_id"


def lmms_task(task: str) -> str:
    """The name of our task in lmms-eval: a prefix, as a built-in task goes before an added one of its name."""
    return PREFIX + re.sub(r"[^a-z0-9_]+", "_", task.lower())


def lmms_tasks(tasks: Iterable[str]) -> dict[str, str]:
    """Our tasks' names to theirs.

    Raises:
        DataError: if two of ours become one.
    """
    names: dict[str, str] = {}
    for task in sorted(set(tasks)):
        other = next((known for known, name in names.items() if name == lmms_task(task)), None)
        if other is not None:
            raise DataError(f"the tasks '{other}' and '{task}' are both '{lmms_task(task)}' in lmms-eval; rename one")
        names[task] = lmms_task(task)
    return names


def in_order(items: Iterable[Asked]) -> list[Asked]:
    """Items of a task in the order in which lmms-eval counts them: it calls them by their place, `doc_id`."""
    return sorted(items, key=lambda one: (one.video_id, one.question, one.item_id))


def metric_key(asked: Asked) -> str:
    """The key of an item's metric where lmms-eval scores it, without a judge."""
    metric = metric_for(asked)
    return ANSWERED if metric is JUDGE else metric.key


def scored_keys(row: Scored) -> Json:
    """A scored item's keys in a sample: the score as a number, and the metric's dictionary; no score for none."""
    number = {} if row.score is None else {"score": float(row.score)}
    fields: Json = number | {
        CLUSTER: row.asked.video_id,
        "item_id": row.asked.item_id,
        "pred_answer": shown(row.value),
        "answer": shown(row.gold),
        "state": row.state.value,
        "fault": row.fault.value if row.fault else None,
        "reason": row.reason,
    }
    return number | {METRICS[row.metric].key: fields}


def shown(value: object) -> str | None:
    """What was read, as text: a letter or word as it is, boxes and times as JSON, None for nothing."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
