"""Items of a question: one for each CoTask, and the question itself. They hold no context: it is put there at use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from demitasse.cotasks.record import STAGES, TASK_NAMES, CoTasks
from demitasse.cotasks.text import Form, question, write_task
from demitasse.dataset import Dialect, Item, mcq_answer, question_text
from demitasse.dataset.grounding import MAX_PIXELS, MIN_PIXELS, UNITS, BoxUnits, units_of
from demitasse.errors import DataError

FINAL_STAGE = 5
FINAL_TASKS = ("mcq", "open_qa")
TASKS = (*TASK_NAMES.values(), *FINAL_TASKS)
LETTERS = "ABCDEFGHIJ"
PIXEL_STYLES = ("qwen2_5_vl_px", "image_px")


@dataclass(frozen=True, slots=True)
class Writing:
    """How a student writes CoTasks and answers; `min_pixels` and `max_pixels` matter to `qwen2_5_vl_px` alone."""

    box_style: str = "qwen_1000"
    form: Form = "json"
    dialect: Dialect = "tao"
    min_pixels: int = MIN_PIXELS
    max_pixels: int = MAX_PIXELS

    def units(self, cotasks: CoTasks) -> BoxUnits | None:
        """What the numbers of a video's boxes mean; None where the frame's size is neither known nor needed.

        Raises:
            DataError: if pixels are to be written and the size is unknown.
        """
        if cotasks.size is not None:
            return units_of(self.box_style, cotasks.size, self.min_pixels, self.max_pixels)
        if self.box_style in PIXEL_STYLES:
            raise DataError(f"the frame's size is not known, and boxes of {self.box_style} count in it")
        return None


@dataclass(frozen=True, slots=True)
class Final:
    """The question itself.

    Attributes:
        text: without options.
        answer: in words.
        type: of the benchmark: CW, TN, Interaction ...
        options: in order; empty if it is open.
        right: place of the right option.
        extra: further fields of the final item.
    """

    text: str
    answer: str
    type: str
    options: tuple[str, ...] = ()
    right: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def opened(self) -> Final:
        """The same without options: the answer is the right one's words."""
        return replace(self, options=(), right=None)


def items_of(cotasks: CoTasks, video_id: str, final: Final, writing: Writing) -> dict[str, Item]:
    """The items of one question, by task.

    Raises:
        DataError: if the boxes cannot be written in the style.
    """
    units = writing.units(cotasks)
    shared = {"question_type": final.type}
    items = {}
    for stage in STAGES:
        told = _told(cotasks, stage, writing, units)
        items[TASK_NAMES[stage]] = Item(
            question(stage, final.text, writing.box_style, writing.form),
            write_task(cotasks, stage, writing.box_style, units.size if units else None, writing.form),
            video_id=video_id,
            item_index=f"{cotasks.question_key}/{stage}",
            extra=told | shared | {"cotasks": cotasks.before(stage).to_text()},
        )
    task, asked, answer = _asked(final, writing.dialect)
    items[task] = Item(
        asked,
        answer,
        video_id=video_id,
        item_index=f"{cotasks.question_key}/{FINAL_STAGE}",
        extra=_told(cotasks, FINAL_STAGE, writing, units)
        | shared
        | {"cotasks": cotasks.to_text(), "choices": list(final.options)}
        | dict(final.extra),
    )
    return items


def _told(cotasks: CoTasks, stage: int, writing: Writing, units: BoxUnits | None) -> dict[str, Any]:
    """The field `cotask`, and on the stage with boxes what `dataset.grounding` declares units by."""
    told: dict[str, Any] = {"question_key": cotasks.question_key, "stage": stage, "box_style": writing.box_style}
    told["form"] = writing.form
    if units is not None and writing.box_style in PIXEL_STYLES:
        told["size"] = list(units.size)
    return {"cotask": told} | ({UNITS: units.to_json()} if units is not None and stage == 2 else {})


def _asked(final: Final, dialect: Dialect) -> tuple[str, str, str]:
    """Task, question and answer."""
    if final.right is None:
        return "open_qa", question_text("open_qa", final.text, dialect), final.answer
    options = dict(zip(LETTERS, final.options, strict=False))
    letter = LETTERS[final.right]
    return "mcq", question_text("mcq", final.text, dialect, options), mcq_answer(letter, options, dialect)
