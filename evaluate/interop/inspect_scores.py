"""A run's scores as records that inspect_ai's `precomputed_scores` takes: a file a metric.

inspect takes one mean over a file, and accuracies and a judge's 1 to 5 have none together. An item without a score has
no record, and inspect leaves its sample unscored (`on_missing="unscored"`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluate.interop.lmms_doc import shown
from evaluate.metric import METRICS
from evaluate.records import Json, Scored, write_rows


def score_metadata(row: Scored) -> Json:
    """What else is known of a score."""
    named: Json = {
        "metric": row.metric,
        "task": row.asked.task,
        "video_id": row.asked.video_id,
        "state": row.state.value,
        "fault": row.fault.value if row.fault else None,
        "method": row.method,
        "gold": shown(row.gold),
    }
    return named | ({"detail": row.detail} if row.detail else {})


def explanation(row: Scored) -> str | None:
    """What the judge said, or what was wrong with the reply, else what kept it from an ordinary score."""
    return row.reason or (row.fault.value if row.fault else None)


def score_record(row: Scored) -> Json:
    """The record of an item that has a score."""
    return {
        "id": row.asked.item_id,
        "value": row.score,
        "answer": shown(row.value),
        "explanation": explanation(row),
        "metadata": score_metadata(row),
    }


def write_score_records(rows: Sequence[Scored], out: Path) -> list[Path]:
    """Write `{metric}.jsonl` for each metric of which any item has a score; returns the paths."""
    scored = [row for row in rows if row.score is not None]
    written = []
    for name in dict.fromkeys(row.metric for row in scored):
        written.append(out / f"{METRICS[name].key}.jsonl")
        write_rows(written[-1], [score_record(row) for row in scored if row.metric == name])
    return written
