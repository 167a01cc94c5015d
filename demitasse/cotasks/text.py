"""CoTasks as text: what a student is asked, what it is to answer, and what is put before a later question.

Two forms say the same. `json` is compact JSON, boxes as `bbox_2d` in the style of the student's family; `lines` has
one short sentence for each fact:

    1  00:03.20                                {"frames":[3.2],"entities":["adult 1"]}
       adult 1
    2  00:03.20 adult 1 [12, 40, 300, 420]     [{"time":3.2,"label":"adult 1","bbox_2d":[12,40,300,420]}]
    3  00:03.20 adult 1 above ball 1           [{"time":3.2,"subject":"adult 1","predicate":"above","object":"ball 1"}]
    4  00:03.20-00:05.00 adult 1 hold ball 1   [{"start":3.2,"end":5.0,"subject":"adult 1","predicate":"hold",...}]

A thing known to be out of sight is `not visible`, in JSON `null`. No facts at all are `none`, in JSON an empty list.
The authors' own wording is unpublished (research: "text formats NOT recovered"); this one is ours.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from demitasse.chat.kinds import BOX_STYLES
from demitasse.cotasks.reading import NONE, NOT_VISIBLE, TaskAnswer, read_task
from demitasse.cotasks.record import STAGES, CoTasks, Event, Relation, Sighting, one_word
from demitasse.errors import DataError
from demitasse.geometry import Box, Convention, from_canonical
from demitasse.timecode import format_mmss

__all__ = ["DECIMALS", "FORMS", "Form", "TaskAnswer", "context", "question", "read_task", "write_task"]

Form = Literal["json", "lines"]
FORMS: tuple[Form, ...] = ("json", "lines")
DECIMALS = 2  # of a second: a frame of any usual video is longer

_QUESTIONS = {
    1: "Which moments and which people, animals or things does this question need?",
    2: "Where, at each moment that this question needs, is each person, animal or thing that it needs?",
    3: "How, at each moment that this question needs, do the people, animals and things stand to one another?",
    4: "Who does what to whom, and in which order, around the moments that this question needs?",
}
_JSON_SHAPES = {
    1: '{"frames": [seconds, ...], "entities": ["category number", ...]}',
    2: '[{"time": seconds, "label": "category number", "bbox_2d": CORNERS, or null if not visible}, ...]',
    3: '[{"time": seconds, "subject": name, "predicate": word, "object": name}, ...]',
    4: '[{"start": seconds, "end": seconds, "subject": name, "predicate": word, "object": name or null}, ...]',
}
_LINE_SHAPES = {
    1: "one moment MM:SS.ss a line, then one name a line, a category and a number",
    2: 'lines "MM:SS.ss name CORNERS", or "MM:SS.ss name not visible"',
    3: 'lines "MM:SS.ss name predicate name"',
    4: 'lines "MM:SS.ss-MM:SS.ss name predicate name"',
}
_CORNERS = {"xyxy": "[x1, y1, x2, y2]", "yxyx": "[y1, x1, y2, x2]"}
_HEADINGS = {1: "Moments and entities", 2: "Places", 3: "Relations", 4: "Events"}


def write_task(
    cotasks: CoTasks,
    stage: int,
    box_style: str = "qwen_1000",
    size: tuple[float, float] | None = None,
    form: Form = "json",
) -> str:
    """The answer to a stage, as text.

    Args:
        cotasks: what there is to say.
        stage: 1 to 4.
        box_style: a name of `chat.kinds.BOX_STYLES`; only stage 2 has boxes.
        size: width and height that a pixel style counts in (the resized frame of Qwen2.5-VL).
        form: "json" or "lines".

    Raises:
        DataError: for another stage, or if the style needs a size and there is none.
    """
    _check_stage(stage)
    rows = _rows(cotasks, stage, BOX_STYLES[box_style], size)
    if form == "json":
        return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    lines = _frame_lines(rows) if isinstance(rows, dict) else [_line(row) for row in rows]
    return "\n".join(lines) or NONE


def question(stage: int, of: str, box_style: str = "qwen_1000", form: Form = "json") -> str:
    """What is asked for a stage of a question; without the context of earlier stages, which is added at use.

    Raises:
        DataError: for a stage other than 1 to 4.
    """
    _check_stage(stage)
    shape = (_JSON_SHAPES if form == "json" else _LINE_SHAPES)[stage]
    style = BOX_STYLES[box_style]
    shape = shape.replace("CORNERS", _CORNERS[style.order])
    kind = "JSON" if form == "json" else "plain text"
    units = f" x and y {_meaning(style, box_style)}." if stage == 2 else ""
    return f"{_QUESTIONS[stage]}\nThe question: {of}\nAnswer with {kind} alone: {shape}.{units}"


def context(texts: Mapping[int, str], before: int = 5) -> str:
    """Earlier stages' texts as they stand before a question: fenced, and marked as notes that may be wrong.

    Args:
        texts: text by stage, raw: a model's text may be anything, and the fence is always longer than any within it.
        before: the stage that is asked; only earlier ones are shown. 5 is the question itself.

    Returns:
        The context, or "" if there is no text for an earlier stage.
    """
    shown = {stage: texts[stage].strip() for stage in sorted(texts) if stage < before and texts[stage].strip()}
    if not shown:
        return ""
    notes = "\n".join(f"{_HEADINGS[stage]}:\n{_fenced(text)}" for stage, text in shown.items())
    return f"Notes on the video, which may be wrong or incomplete:\n{notes}"


def _rows(
    cotasks: CoTasks, stage: int, style: Convention, size: tuple[float, float] | None
) -> dict[str, Any] | list[dict[str, Any]]:
    if stage == 1:
        times = [_rounded(frame.time) for frame in cotasks.frames]
        return {"frames": times, "entities": [_name(entity.name) for entity in cotasks.entities]}
    if stage == 2:
        return [_sighting_row(sighting, style, size) for sighting in cotasks.sightings]
    if stage == 3:
        return [_relation_row(relation) for relation in cotasks.relations]
    return [_event_row(event) for event in cotasks.events]


def _sighting_row(sighting: Sighting, style: Convention, size: tuple[float, float] | None) -> dict[str, Any]:
    box = None if sighting.box is None else _written(sighting.box, style, size)
    return {"time": _rounded(sighting.time), "label": _name(sighting.entity), "bbox_2d": box}


def _relation_row(relation: Relation) -> dict[str, Any]:
    triple = {"subject": _name(relation.subject), "predicate": one_word(relation.predicate)}
    return {"time": _rounded(relation.time), **triple, "object": _name(relation.object)}


def _event_row(event: Event) -> dict[str, Any]:
    span = {"start": _rounded(event.start), "end": _rounded(event.end)}
    thing = None if event.object is None else _name(event.object)
    return {**span, "subject": _name(event.subject), "predicate": one_word(event.predicate), "object": thing}


def _frame_lines(rows: Mapping[str, Any]) -> list[str]:
    return [_clock(time) for time in rows["frames"]] + rows["entities"]


def _line(row: Mapping[str, Any]) -> str:
    if "label" in row:
        place = NOT_VISIBLE if row["bbox_2d"] is None else json.dumps(row["bbox_2d"])
        return f"{_clock(row['time'])} {row['label']} {place}"
    when = _clock(row["time"]) if "time" in row else f"{_clock(row['start'])}-{_clock(row['end'])}"
    return " ".join(part for part in (when, row["subject"], row["predicate"], row["object"]) if part)


def _written(box: Box, style: Convention, size: tuple[float, float] | None) -> Sequence[float]:
    """A box in the style; one thinner than a unit is written a unit wide, for to leave it out would say "not there"."""
    try:
        return from_canonical(box, style, size)
    except DataError:
        if not style.whole or (style.scale is None and size is None):
            raise
    width, height = size if style.scale is None and size is not None else (style.scale or 1, style.scale or 1)
    x1, y1, x2, y2 = box
    left, right = _grown(x1 * width, x2 * width, math.floor(width))
    top, bottom = _grown(y1 * height, y2 * height, math.floor(height))
    return from_canonical((left / width, top / height, right / width, bottom / height), style, size)


def _grown(low: float, high: float, most: int) -> tuple[float, float]:
    """Two sides a unit apart at least, within 0 to `most`."""
    if math.floor(low + 0.5) != math.floor(high + 0.5):
        return low, high
    start = min(math.floor(low), most - 1)
    return float(start), float(start + 1)


def _name(name: str) -> str:
    """A name of two words, the category one of them: a number ends it, and nothing else in a line is a number."""
    category, _, number = name.rpartition(" ")
    return f"{one_word(category)} {number}" if number.isdecimal() and category else one_word(name)


def _rounded(seconds: float) -> float:
    return math.floor(seconds * 10**DECIMALS + 0.5) / 10**DECIMALS


def _clock(seconds: float) -> str:
    return format_mmss(seconds, DECIMALS)


def _meaning(style: Convention, name: str) -> str:
    if style.scale is not None:
        return f"run from 0 to {style.scale:g} over the frame"
    return "are pixels of the frame as you see it" if name == "qwen2_5_vl_px" else "are pixels of the frame"


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _check_stage(stage: int) -> None:
    if stage not in STAGES:
        raise DataError(f"there is no CoTask {stage}; there are {', '.join(map(str, STAGES))}")
