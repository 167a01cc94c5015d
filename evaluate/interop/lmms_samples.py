"""A run as lmms-eval logs one: `{date}_samples_{task}.jsonl` and `{date}_results.json`.

`lmms-eval --baseline FILE` takes the samples, of the task that `--to lmms-task` wrote of the same dataset. lmms-eval
0.7.3 hashes an empty document into every `doc_hash`; ours is the hash of the item, as the key means to say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from demitasse.answers.reasoning import split_reasoning
from demitasse.atomic import write_text
from evaluate.comparing.arm import Arm
from evaluate.comparing.summary import estimate
from evaluate.interop.lmms_doc import CLUSTER, in_order, lmms_tasks, scored_keys
from evaluate.metric import METRICS, Metric
from evaluate.records import Json, Prediction, Scored, write_rows


def write_samples(arm: Arm, rows: Sequence[Scored], out: Path, now: datetime | None = None) -> list[Path]:
    """Write a run's files and return their paths, the aggregate's last.

    Args:
        arm: the run.
        rows: its scores.
        out: the folder; its other files stay.
        now: the time that the files are named by.

    Raises:
        DataError: if two tasks have one name in lmms-eval.
    """
    date = (now or datetime.now(UTC)).strftime("%Y%m%d_%H%M%S")
    names = lmms_tasks(row.asked.task for row in rows)
    by_id = {row.asked.item_id: row for row in rows}
    of_task = {
        name: [by_id[one.item_id] for one in in_order(row.asked for row in rows if row.asked.task == task)]
        for task, name in names.items()
    }
    written = []
    for name, own in of_task.items():
        samples = (_sample(place, row, arm.predictions.get(row.asked.item_id)) for place, row in enumerate(own))
        written.append(out / f"{date}_samples_{name}.jsonl")
        write_rows(written[-1], samples)
    written.append(out / f"{date}_results.json")
    write_text(written[-1], json.dumps(_results(arm, of_task, date), indent=2, ensure_ascii=False) + "\n")
    return written


def _sample(place: int, row: Scored, prediction: Prediction | None) -> Json:
    """A sample. One without a score has no filtered reply: `--baseline` would compare it with the target."""
    response = prediction.response if prediction else ""
    scored = scored_keys(row)
    filtered = split_reasoning(response).final if row.score is not None else ""
    beside = prediction.to_json() if prediction else {}
    fields: Json = scored[METRICS[row.metric].key]
    fields["prediction"] = {name: value for name, value in beside.items() if name not in row.asked.to_json()}
    return {
        "doc_id": place,
        "target": row.gold if isinstance(row.gold, str) else row.asked.reference,
        "filtered_resps": filtered,
        **({} if filtered == response and prediction else {"resps": [response] if prediction else []}),
        "token_counts": [None],
        "doc_hash": _hash(row.asked.to_json()),
        "input": (prediction.prompt if prediction else "") or row.asked.question,
        **scored,
    }


def _results(arm: Arm, of_task: dict[str, list[Scored]], date: str) -> Json:
    counts = {name: len(rows) for name, rows in of_task.items()}
    better = {name: {metric.key: True for metric in _metrics(rows)} for name, rows in of_task.items()}
    return {
        "results": {name: {"alias": name, **dict(_figures(rows))} for name, rows in of_task.items()},
        "group_subtasks": {name: [] for name in of_task},
        "configs": {name: _config(name, better[name]) for name in of_task},
        "versions": dict.fromkeys(of_task, 1.0),
        "n-shot": dict.fromkeys(of_task, 0),
        "higher_is_better": better,
        "n-samples": {name: {"original": count, "effective": count} for name, count in counts.items()},
        "config": {"model": str(arm.run.get("student") or arm.name), "demitasse_run": arm.run.get("settings_sha256")},
        "date": date,
        "task_hashes": {name: _task_hash(rows) for name, rows in of_task.items()},
        "model_name": str(arm.run.get("student") or arm.name),
    }


def _config(name: str, better: Iterable[str]) -> Json:
    return {
        "task": name,
        "output_type": "generate_until",
        "repeats": 1,
        "cluster_key": CLUSTER,
        "score_key": "score",
        "metric_list": [{"metric": key, "higher_is_better": True} for key in better],
    }


def _metrics(rows: Sequence[Scored]) -> list[Metric]:
    return [METRICS[name] for name in dict.fromkeys(row.metric for row in rows)]


def _figures(rows: Sequence[Scored]) -> Iterator[tuple[str, Any]]:
    """Mean and clustered error over the items that have a score, under the names that lmms-eval gives them."""
    for metric in _metrics(rows):
        found = estimate([row for row in rows if row.metric == metric.name], metric)
        yield f"{metric.key},none", found.mean if found else None
        yield f"{metric.key}_stderr,none", "N/A"
        yield f"{metric.key}_stderr_clustered,none", found.se if found and found.se is not None else "N/A"


def _task_hash(rows: Sequence[Scored]) -> str:
    joined = "".join(f"sample_{place}{_hash(row.asked.to_json())}" for place, row in enumerate(rows))
    return hashlib.sha256(joined.encode()).hexdigest()


def _hash(value: Json) -> str:
    return hashlib.sha256(json.dumps(value, indent=2, ensure_ascii=False).encode()).hexdigest()
