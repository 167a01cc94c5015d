"""From the rows of a question's steps to its CoTasks and items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from annotate.cotasks.items import Final, Writing, items_of
from annotate.cotasks.output import Made, Results
from annotate.cotasks.teacher import footage
from annotate.cotasks.teacher.config import SOURCE, STEPS, Spec
from annotate.cotasks.teacher.inputs import question_of
from annotate.cotasks.teacher.work import FILES, KIND
from annotate.run.earlier import failed_rows, rows_by_step
from annotate.run.inputs import Inputs
from demitasse.cotasks.record import TASK_NAMES, CoTasks, Entity, Event, KeyFrame, Relation, Sighting
from demitasse.engine.graph import PROVENANCE
from demitasse.engine.step import Fields, Record
from demitasse.errors import DataError

DECIMALS = 3  # of a second, as rows from annotation have them
_TELLS = ("asked", "answered", "pack", "templates")


def build_all(spec: Spec, inputs: Inputs, folder: Path, writing: Writing, counts: Callable[[str], bool]) -> Results:
    """What came of every question: its CoTasks, or why there are none.

    Args:
        spec: the configuration.
        inputs: the run's.
        folder: where the rows are.
        writing: how the student writes.
        counts: whether a question's rows are to be trusted at all.
    """
    results = Results(left_out=list(inputs.left_out))
    failed = {row[KIND]: row["reason"] for row in failed_rows(folder)}
    results.left_out += [(what, why) for what, why in failed.items() if what not in dict(inputs.left_out)]
    for record, rows in rows_by_step(folder, {"media": footage.FILE} | FILES, KIND, inputs.records):
        if record.id in failed or not counts(record.id) or "1" not in rows:
            continue
        try:
            results.made.append(_made(spec, record, rows, writing))
        except DataError as fault:
            results.left_out.append((record.id, str(fault)))
    return results


def cotasks_of(record: Record, rows: Mapping[str, Fields]) -> CoTasks:
    """The CoTasks that a question's rows tell, by step; of steps that were not run they hold nothing."""
    media, sampled = rows["media"], rows["media"]["sampled"]
    times = [round(frame["time"], DECIMALS) for frame in sampled]
    sightings = rows.get("2", {}).get("sightings", ())
    relations = rows.get("3", {}).get("relations", ())
    events = rows.get("4", {}).get("events", ())
    return CoTasks(
        question_key=record.id,
        duration=round(media["video_length"], DECIMALS),
        sampled=len(sampled),
        frames=tuple(KeyFrame(place, times[place], sampled[place]["frame"]) for place in rows["1"]["key_frames"]),
        entities=tuple(Entity(one["name"], one["category"]) for one in rows["1"]["entities"]),
        sightings=tuple(
            Sighting(times[one["place"]], one["name"], tuple(one["box"]) if one["box"] else None) for one in sightings
        ),
        relations=tuple(
            Relation(times[one["place"]], one["subject"], one["predicate"], one["object"], "reply") for one in relations
        ),
        events=tuple(
            Event(one["subject"], one["predicate"], one["object"], one["start"], one["end"]) for one in events
        ),
        sources={step: SOURCE for step in STEPS if step in rows},
        size=(media["width"], media["height"]),
    )


def _made(spec: Spec, record: Record, rows: Mapping[str, Fields], writing: Writing) -> Made:
    asked, cotasks = question_of(record), cotasks_of(record, rows)
    extra = {} if asked.second_answer is None else {"additional_ref_answer": asked.second_answer}
    final = Final(asked.text, asked.answer, asked.type, asked.options, asked.right, extra)
    items = items_of(cotasks, record.fields["video"], final, writing)
    undone = {TASK_NAMES[int(step)] for step in STEPS if step not in rows}
    provenance = _provenance(spec, record, rows, asked.type)
    return Made(cotasks, asked.type, provenance, {task: item for task, item in items.items() if task not in undone})


def _provenance(spec: Spec, record: Record, rows: Mapping[str, Fields], kind: str) -> dict[str, Any]:
    return {
        "questions": Path(spec.questions).name,
        "question_type": kind,
        "video": record.fields["video"],
        "sha256": rows["media"]["sha256"],
        "descriptions": {one["name"]: one["description"] for one in rows["1"]["entities"]},
        "without_boxes": rows.get("2", {}).get("without_boxes", []),
        "steps": {step: _told_by(rows[step]) for step in STEPS if step in rows},
    }


def _told_by(row: Fields) -> Fields:
    """Who was asked a step and with which prompts, and nothing that tells the time: same replies make the same file."""
    return {name: row[PROVENANCE][name] for name in _TELLS if name in row[PROVENANCE]}
