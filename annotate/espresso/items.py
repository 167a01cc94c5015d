"""From questions with evidence to items that train and examine a student. No model is asked.

Every question that has evidence is an open question; of a test set, each that has wrong answers too is also a
multiple-choice one. Both carry core frames, evidence with boxes, and the type of question. What is left out stands in
the result with its reason; what a filter dropped on purpose is counted in the summary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from annotate.espresso.filter import UNKNOWN
from annotate.espresso.listing import fold
from annotate.letters import tao_order
from annotate.task_files import Assembled, Envelope, write_task_file
from demitasse.dataset import Item, mcq_answer, question_text
from demitasse.dataset.evidence import SUB_TASK, CoreFrame, Evidence, Mention, PlacedBox, with_evidence_fields
from demitasse.engine.step import Fields
from demitasse.interchange.videoespresso import REFERENCE

FOLDER = "items"
OPEN, CHOICE = "open_qa", "mcq"
LETTERS = "ABCD"
_DESCRIPTIONS = {
    OPEN: "Questions that need several frames of a video, with core frames and evidence.",
    CHOICE: "Multiple-choice questions that need several frames of a video, with core frames and evidence.",
}

Unused = list[tuple[str, str]]


def write_items(rows: Iterable[Fields], folder: Path, envelope: Envelope, drop_guessed: bool = False) -> Assembled:
    """Write `open_qa.json` and, where there are wrong answers, `mcq.json` into a folder of the results.

    Args:
        rows: what the steps said of each video, merged.
        folder: the results' folder `items`.
        envelope: media root, licence and dialect.
        drop_guessed: leave questions out of `mcq.json` that were guessed every time without the video.

    Returns:
        How many items there are, and each question or group that came to none, with the reason.

    Raises:
        DataError: if another file stands under one of the names.
    """
    unusable: Unused = []
    items: dict[str, list[Item]] = {OPEN: [], CHOICE: []}
    for row in rows:
        unusable += _left_out(row)
        for item, options in _open_items(row):
            items[OPEN].append(item)
            if options and not (drop_guessed and item.extra.get("probe", {}).get("guessed")):
                items[CHOICE].append(_with_options(item, options, envelope))
    for task, found in items.items():
        write_task_file(folder / f"{task}.json", task, found, _DESCRIPTIONS[task], envelope)
    return Assembled({task: len(found) for task, found in items.items() if found}, unusable)


def _left_out(row: Fields) -> Iterator[tuple[str, str]]:
    """What a model's unusable replies cost; what was dropped on purpose is not among it."""
    video = row["video"]
    for one in row.get("without_questions", ()):
        if one["unusable"]:
            yield f"{video}, group {one['group']}", one["reason"]
    for one in row.get("verdicts", ()):
        if one["verdict"] == UNKNOWN:
            yield one["id"], f"nobody knows whether it is good: {one['reason']}"
    for one in row.get("without_evidence", ()):
        yield one["id"], one["reason"]
    for one in row.get("without_boxes", ()):
        yield f"{video}, frame {row['frames'][one['place']]['frame']}", f"no boxes: {one['reason']}"
    for one in row.get("without_distractors", ()):
        yield one["id"], f"no options: {one['reason']}"


def _open_items(row: Fields) -> Iterator[tuple[Item, list[str]]]:
    """Each question that has evidence, as an open one, with its wrong answers, if it has any."""
    evidence = {one["id"]: one for one in row.get("evidence", ())}
    for question in row.get("questions", ()):
        if question["id"] not in evidence:
            continue
        told = evidence[question["id"]]
        item = Item(
            question_text(OPEN, question["question"]),
            question["answer"],
            video_id=row["video"],
            reasoning=told["text"],
            item_index=_index(OPEN, question),
            extra={SUB_TASK: question["task"]},
        )
        item = with_evidence_fields(item, _evidence(told, row), [_core_frame(one, row) for one in told["core"]])
        yield replace(item, extra=item.extra | _more(question, row)), _distractors(question, row)


def _with_options(item: Item, distractors: list[str], envelope: Envelope) -> Item:
    options = tao_order(dict(zip(LETTERS, (item.answer, *distractors), strict=True)), item.question)
    letter = next(letter for letter, text in options.items() if text == item.answer)
    extra = item.extra | {REFERENCE: item.answer}
    return replace(
        item,
        question=question_text(CHOICE, item.question, envelope.dialect, options),
        answer=mcq_answer(letter, options, envelope.dialect),
        item_index=_index(CHOICE, {"id": item.extra["question_id"], "question": item.question}),
        extra=extra,
    )


def _evidence(told: Fields, row: Fields) -> Evidence:
    mentions = tuple(
        Mention(one["name"], one["start"], one["end"], tuple(_boxes(one["name"], told["core"], row)))
        for one in told["mentions"]
    )
    return Evidence(told["text"], mentions)


def _boxes(name: str, core: list[Fields], row: Fields) -> Iterator[PlacedBox]:
    """The boxes of a key item that were kept, on each of the core frames."""
    for place, frame in enumerate(core):
        for one in row.get("boxes", ()):
            if one["place"] == frame["place"] and fold(one["name"]) == fold(name):
                yield from (PlacedBox(_box(found["bbox"]), place) for found in one["found"] if found["kept"])


def _box(values: list[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = values
    return x1, y1, x2, y2


def _core_frame(core: Fields, row: Fields) -> CoreFrame:
    """The frame with its true time, as it was measured when it was captioned."""
    frame = row["frames"][core["place"]]
    return CoreFrame(float(frame["time"]), frame["frame"], None, frame["caption"])


def _more(question: Fields, row: Fields) -> dict[str, Any]:
    """What else is known of an item. Nothing in it tells the time: the same replies make the same file."""
    identity = question["id"]
    found: dict[str, Any] = {"question_id": identity}
    for name in ("verdicts", "grounding", "probe"):
        told = next((one for one in row.get(name, ()) if one["id"] == identity), None)
        if told is not None:
            shown = {key: value for key, value in told.items() if key not in ("id", "guesses")}
            found[{"verdicts": "filter"}.get(name, name)] = shown
    return found | ({"provenance": _provenance(row["steps"])} if row.get("steps") else {})


def _provenance(steps: Mapping[str, Fields]) -> dict[str, Any]:
    """Who was asked and with which prompts, over all steps."""
    told = list(steps.values())
    found: dict[str, Any] = {
        name: list(dict.fromkeys(one for step in told for one in step.get(name, ()))) for name in ("asked", "answered")
    }
    found["pack"] = next((step["pack"] for step in told if "pack" in step), None)
    found["templates"] = {key: digest for step in told for key, digest in step.get("templates", {}).items()}
    return {name: value for name, value in found.items() if value}


def _distractors(question: Fields, row: Fields) -> list[str]:
    return [text for one in row.get("distractors", ()) if one["id"] == question["id"] for text in one["distractors"]]


def _index(task: str, question: Mapping[str, Any]) -> str:
    """An identifier that stays the same from run to run."""
    told = f"{task}\0{question['id']}\0{question['question']}"
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]
