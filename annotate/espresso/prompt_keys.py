"""The prompts of VideoEspresso's construction and the values that each is given."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from annotate.espresso.settings import TASKS
from demitasse.prompts import Placeholders

FRAME_CAPTION = "frame_caption"
QUESTIONS = "espresso_questions"
FILTER = "espresso_filter"
EVIDENCE = "espresso_evidence"
BOXES = "key_item_boxes"
BOXES_AGAIN = "key_item_boxes_again"
DISTRACTORS = "espresso_distractors"
PROBE = "text_only_probe"


def task_key(task: str) -> str:
    """The prompt that says what a type of question is: `task_causal_inference`."""
    return "task_" + task.lower().replace(" ", "_")


PROMPTS = {
    FRAME_CAPTION: Placeholders.of("", "time video_length"),
    QUESTIONS: Placeholders.of("blocks tasks", "count min_frames"),
    **{task_key(task): Placeholders() for task in TASKS},
    FILTER: Placeholders.of("blocks"),
    EVIDENCE: Placeholders.of("blocks", "min_frames max_frames max_items"),
    BOXES: Placeholders.of("phrases"),
    BOXES_AGAIN: Placeholders.of("phrases"),
    DISTRACTORS: Placeholders.of("blocks", "fewest most words longer"),
    PROBE: Placeholders.of("blocks"),
}


def used_keys(steps: Collection[str], tasks: Sequence[str] = TASKS) -> set[str]:
    """The prompts that these steps ask, with questions of these types."""
    keys = {
        "1": (FRAME_CAPTION,),
        "3": (QUESTIONS, *map(task_key, tasks)),
        "4": (FILTER,),
        "5": (EVIDENCE,),
        "6": (BOXES, BOXES_AGAIN),
        "8": (DISTRACTORS,),
        "9": (PROBE,),
    }
    return {key for step in steps for key in keys.get(step, ())}
