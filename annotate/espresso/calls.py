"""The calls that each step makes about a video: a plan's picture of the steps.

The steps themselves decide what is asked. What is here follows them by hand, and the tests hold a plan to the number
of requests that a run then sends. What a step's calls are about is known as soon as the rows before it are there;
before that it is guessed from what the settings ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotate.espresso import prompt_keys
from annotate.espresso.config import VideoEspresso
from annotate.espresso.distractors import COUNT
from annotate.espresso.filter import by_group, kept
from annotate.espresso.groups import FEWEST
from annotate.espresso.key_item_boxes import looks_of
from annotate.espresso.replies import DISTRACTORS, EVIDENCE, QUESTIONS, VERDICTS
from annotate.forms import Form
from demitasse.engine.step import Fields

Range = tuple[int, int]  # the fewest and the most that are to be expected

# Tokens that a reply takes, before any was counted: what the prompts ask for, in round numbers.
_CAPTION, _QUESTION, _VERDICT, _PROOF, _OPTION, _BOX, _LETTER = 80, 60, 40, 150, 25, 25, 10
FORMS: Mapping[str, Form[Any]] = {"3": QUESTIONS, "4": VERDICTS, "5": EVIDENCE, "8": DISTRACTORS}


@dataclass(frozen=True)
class Amounts:
    """How much of everything a video has, or will have."""

    frames: int
    groups: Range
    questions: Range
    core_frames: Range
    names: int

    @property
    def per_group(self) -> int:
        """Frames of the largest group that is to be expected."""
        return -(-self.frames // max(1, self.groups[1]))


def amounts_of(fields: Fields, config: VideoEspresso) -> Amounts:
    """From what is known of a video so far, and otherwise from what the settings ask for."""
    frames = len(fields["frames"] if "frames" in fields else fields["sampled"])
    groups = _groups(fields, frames, config)
    questions = _questions(fields, groups, config)
    settings = config.evidence
    if "evidence" in fields:
        looks = len(looks_of(fields["evidence"], config.boxes.names_per_request))
        names = max((len(one["key_items"]) for one in fields["evidence"]), default=0)
        return Amounts(frames, groups, questions, (looks, looks), names)
    most = min(frames, settings.max_core_frames * questions[1])
    return Amounts(
        frames, groups, questions, (min(most, settings.min_core_frames * questions[0]), most), settings.max_key_items
    )


def _groups(fields: Fields, frames: int, config: VideoEspresso) -> Range:
    least = config.questions.min_frames
    if "groups" in fields:
        large = sum(len(group) >= least for group in fields["groups"])
        return large, large
    most = min(-(-frames // config.grouping.size), frames // FEWEST)
    return int(most > 0 and frames >= least), most if frames >= least else 0


def _questions(fields: Fields, groups: Range, config: VideoEspresso) -> Range:
    if "questions" in fields:
        good = len(kept(fields))
        return (good if "verdicts" in fields or "4" not in config.workflow.steps else min(1, good)), good
    return min(1, groups[0]), groups[1] * config.questions.per_group


def counts_of(name: str, fields: Fields, amounts: Amounts, config: VideoEspresso) -> Range:
    """How many calls a step makes to its first endpoint."""
    if name == "4" and "questions" in fields:
        asked = len(by_group(fields["questions"]))
        return asked, asked
    if name == "9" and "distractors" in fields:
        tries = len(fields["distractors"]) * config.probe.tries
        return tries, tries
    least, most = amounts.questions
    return {
        "1": (amounts.frames, amounts.frames),
        "3": amounts.groups,
        "4": (min(1, amounts.groups[0]), amounts.groups[1]),
        "5": (least, most),
        "6": amounts.core_frames,
        "8": (least, most),
        "9": (least * config.probe.tries, most * config.probe.tries),
    }.get(name, (0, 0))


def reply_tokens(name: str, config: VideoEspresso, amounts: Amounts) -> int:
    """Tokens of one reply."""
    return {
        "1": _CAPTION,
        "3": _QUESTION * config.questions.per_group,
        "4": _VERDICT * config.questions.per_group,
        "5": _PROOF,
        "6": _BOX * amounts.names,
        "8": _OPTION * COUNT,
        "9": _LETTER,
    }[name]


def values_of(name: str, config: VideoEspresso, amounts: Amounts) -> dict[str, str]:
    """What the prompt's placeholders will hold: texts of about the length that they will have."""
    captions = "text" * (_CAPTION + 10) * amounts.per_group
    asked = "text" * _QUESTION * (config.questions.per_group if name == "4" else 1 + COUNT * (name == "9"))
    number = "00.00"
    return {
        "time": number,
        "video_length": number,
        "blocks": asked if name == "9" else captions if name == "3" else captions + asked,
        "tasks": "text" * _QUESTION * len(config.questions.tasks),
        "phrases": "text" * 5 * amounts.names,
        **dict.fromkeys(
            ("count", "min_frames", "max_frames", "max_items", "fewest", "most", "words", "longer"), number
        ),
    }


def prompts_of(name: str, config: VideoEspresso) -> list[str]:
    """The prompts that each of a step's calls is made with, in turn."""
    key = {
        "1": prompt_keys.FRAME_CAPTION,
        "3": prompt_keys.QUESTIONS,
        "4": prompt_keys.FILTER,
        "5": prompt_keys.EVIDENCE,
        "6": prompt_keys.BOXES,
        "8": prompt_keys.DISTRACTORS,
        "9": prompt_keys.PROBE,
    }[name]
    again = [prompt_keys.BOXES_AGAIN] if name == "6" and config.boxes.min_agreement > 0 else []
    first = [] if name == "6" and config.boxes.service else [key]
    return first + again
