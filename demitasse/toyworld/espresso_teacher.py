"""What the scripted teacher says to the prompts of VideoEspresso's construction, from a toy clip's truth.

Frames are known by their marker and their time; what comes after the captions is text alone, and is known by the
reference that the captions carry. About videos that are no toy clips it says so, in the form asked for.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from demitasse.chat.blocks import read_blocks
from demitasse.chat.model import Request
from demitasse.toyworld import espresso_language as language
from demitasse.toyworld import examiner
from demitasse.toyworld.espresso_language import Asking
from demitasse.toyworld.mistakes import shifted
from demitasse.toyworld.render import LIGHT_HEIGHT
from demitasse.toyworld.scene_prompts import asked_phrases
from demitasse.toyworld.scene_teacher import Units
from demitasse.toyworld.world import SHAPES, ToyClip

CAPTION, PROBE = "frame_caption", "text_only_probe"
BOXES = ("key_item_boxes", "key_item_boxes_again")
SEEN = (CAPTION, *BOXES)  # prompts that come with a frame
EXCUSE = "A stand-in answered here. It knows only toy clips, and this video is not one of them."
LIGHT_BOX = (0.0, 0.0, 1.0, LIGHT_HEIGHT)
_CAPTION_LINE = re.compile(r"^(\d+)\. \((\d+\.\d+) s\) ", re.MULTILINE)
_QUESTION = re.compile(r"^(\d+)\. Type: (.*)\nQuestion: (.*)\nAnswer: (.*)$", re.MULTILINE)
_TASTE = "pleasant"
_EVERY = 3  # clips of which one brings a question of taste, so that the filter has something to drop

Told = str | dict[str, Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of a toy clip as it was sent: how boxes are written on it, and the share of them that are to be wrong."""

    clip: ToyClip
    time: float
    units: Units
    box_mistakes: float = 0.0


def tell(request: Request, clip: ToyClip | None) -> Told:
    """The reply to a prompt of `STEPS`, which are text alone; `clip` is None for other videos."""
    if request.step == PROBE:
        return examiner.examine(replace(request, step="blind_mcq"), None)
    return _TELLERS[request.step](read_blocks(request.text), clip)


def see(request: Request, frame: Frame | None) -> Told:
    """The reply to one of the prompts `SEEN`; `frame` is None for other videos, in which nothing is found."""
    if request.step == CAPTION:
        return EXCUSE if frame is None else language.frame_caption(frame.clip, frame.time)
    asked = asked_phrases(request.text, numbered=request.schema is not None)
    found = [
        {"number": one.number or place, "phrase": one.phrase, "boxes": _boxes(one.phrase, frame, request.step)}
        for place, one in enumerate(asked, 1)
    ]
    return {"expressions": found}


def _boxes(name: str, frame: Frame | None, step: str) -> list[list[float]]:
    if frame is None:
        return []
    clip, words = frame.clip, name.lower().split()
    if {"light", "strip"} & set(words):
        right = LIGHT_BOX
    elif not {"shape", *SHAPES} & set(words) or not _fits(clip, words):
        return []
    else:
        right = clip.box(frame.time)
    chance = random.Random(f"{name} in {step} of toy clip {clip.number} at {frame.time:.2f}")
    wrong = chance.random() < frame.box_mistakes
    return [frame.units.write(shifted(right, chance) if wrong else right)]


def _fits(clip: ToyClip, words: Sequence[str]) -> bool:
    """Whether a name's colour and shape, where it names them, are the clip's."""
    named = set(words) & {*SHAPES, *examiner.facts(" ".join(words))}
    return named <= {clip.shape, clip.colour}


def _questions(blocks: Mapping[str, str], clip: ToyClip | None) -> Told:
    times = _times(blocks)
    if clip is None:
        return {"questions": []}
    asked = [(one.task, one.question, one.answer, one.frames) for one in language.askings(clip, times)]
    if asked and clip.number % _EVERY == 0:
        asked.append(("Thematic Insight", *language.taste(clip), (0, len(times) - 1)))
    return {
        "questions": [
            {"task": task, "question": question, "answer": answer, "captions": [place + 1 for place in frames]}
            for task, question, answer, frames in asked
        ]
    }


def _verdicts(blocks: Mapping[str, str], clip: ToyClip | None) -> Told:
    asked = _QUESTION.findall(blocks.get("questions", ""))
    return {"verdicts": [_verdict(int(number), question, answer, clip) for number, _, question, answer in asked]}


def _verdict(number: int, question: str, answer: str, clip: ToyClip | None) -> dict[str, Any]:
    verdict, criterion, reason = "keep", "none", "It agrees with what is described."
    if clip is None:
        reason = EXCUSE
    elif _TASTE in question:
        verdict, criterion, reason = "drop", "subjective", "Whether something is pleasant is a matter of taste."
    elif false := examiner.facts(f"{question} {answer}") - examiner.truth(clip):
        verdict, criterion, reason = "drop", "content", f"Not so in the video: {', '.join(sorted(false))}."
    return {"number": number, "verdict": verdict, "criterion": criterion, "reason": reason}


def _evidence(blocks: Mapping[str, str], clip: ToyClip | None) -> Told:
    times, asking = _times(blocks), _asking(blocks, clip)
    if clip is None or asking is None:
        captions = [{"caption": number, "shows": EXCUSE} for number in range(1, min(2, len(times)) + 1)]
        return {"captions": captions, "key_items": ["stand-in"], "evidence": EXCUSE}
    captions = [{"caption": place + 1, "shows": language.shows(clip, times[place])} for place in asking.frames]
    return {"captions": captions, "key_items": list(asking.key_items), "evidence": asking.evidence}


def _distractors(blocks: Mapping[str, str], clip: ToyClip | None) -> Told:
    asking = _asking(blocks, clip)
    if asking is not None:
        return {"distractors": list(asking.wrong)}
    rest = ["unknown"] * (len(blocks.get("answer", "").split()) - 1)
    return {"distractors": [" ".join([which, *rest]) for which in ("first", "second", "third")]}


def _asking(blocks: Mapping[str, str], clip: ToyClip | None) -> Asking | None:
    """What the toy world knows of the question of a prompt."""
    if clip is None:
        return None
    known = language.askings(clip, _times(blocks))
    return next((one for one in known if one.question == blocks.get("question")), None)


def _times(blocks: Mapping[str, str]) -> list[float]:
    return [float(time) for _, time in _CAPTION_LINE.findall(blocks.get("captions", ""))]


_TELLERS: dict[str, Callable[[Mapping[str, str], ToyClip | None], Told]] = {
    "espresso_questions": _questions,
    "espresso_filter": _verdicts,
    "espresso_evidence": _evidence,
    "espresso_distractors": _distractors,
}
STEPS = (*_TELLERS, PROBE)
