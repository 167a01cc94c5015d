"""What the scripted model says to the quality filters: a guess where it is shown nothing, grades where it is.

A guess hangs on the words of the question alone and knows no clip. A grade compares what an item says with the
clip's truth, as far as the toy world has words for it: colours, directions, the light and its times.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from demitasse.answers import read_binary, read_mcq, read_options, read_times
from demitasse.chat.blocks import read_blocks
from demitasse.chat.model import Request
from demitasse.timecode import format_mmss
from demitasse.toyworld import language
from demitasse.toyworld.world import COLOURS, DIRECTIONS, DURATION, ToyClip

STEPS = ("blind_mcq", "blind_bcq", "blind_times", "blind_open", "judge_item", "conclude", "follows")
_WORD = re.compile(r"[a-z]+")
_TIME = re.compile(r"\b\d{1,2}:\d{2}\b")
_FACTS = (frozenset(COLOURS), frozenset(DIRECTIONS), frozenset({"white", "magenta"}))
GUESSES = ("It moves on as before.", "It stops.", "Nothing can be made out.")

Told = str | dict[str, Any]


def examine(request: Request, clip: ToyClip | None) -> Told:
    """The reply to a filter's prompt. `clip` is what the model was shown; a guess does not look at it.

    Raises:
        KeyError: for another step.
    """
    step, blocks = request.step, read_blocks(request.text)
    if step.startswith("blind_"):
        return _guess(step, blocks, f"{request.sampling.seed} {request.text}")
    if step == "conclude":
        return _conclusion(blocks["question"], blocks["reasoning"])
    if step == "follows":
        against = _contradicting(blocks["answer"], blocks["reasoning"])
        return {"reason": f"Against the reasoning: {_listed(against)}.", "follows": not against}
    if step != "judge_item":
        raise KeyError(step)
    return _grades(blocks, clip)


def facts(text: str) -> set[str]:
    """The words of a text that can differ between toy clips, and its times."""
    words = set(_WORD.findall(text.lower().replace("light up", "shine")))
    return set().union(*(words & kind for kind in _FACTS)) | set(_TIME.findall(text))


def _contradicting(one: str, other: str) -> set[str]:
    """The facts of one text against which another has others of their kind."""
    mine, theirs = facts(one), facts(other)
    kinds = [(mine & kind, theirs & kind) for kind in _FACTS]
    times = ({fact for fact in mine if ":" in fact}, {fact for fact in theirs if ":" in fact})
    return set().union(*(ours for ours, others in [*kinds, times] if others and not ours & others))


def truth(clip: ToyClip) -> set[str]:
    """The words and times that are true of a clip."""
    times = {format_mmss(clip.light_on), format_mmss(clip.light_off), "00:00", format_mmss(DURATION)}
    return {clip.colour, clip.direction, language.light_colour(clip)} | times


def _guess(step: str, blocks: Mapping[str, str], drawn: str) -> str:
    """Always the same for the same prompt and seed."""
    number = int(hashlib.sha256(drawn.encode("utf-8", "surrogatepass")).hexdigest(), 16)
    if step == "blind_mcq":
        letters = list(read_options(blocks["options"]))
        return letters[number % len(letters)]
    if step == "blind_bcq":
        return ("Yes", "No")[number % 2]
    if step == "blind_times":
        start = number % 4
        return f"{format_mmss(start)} - {format_mmss(start + 1 + number // 4 % 3)}"
    return GUESSES[number % len(GUESSES)]


def _conclusion(question: str, reasoning: str) -> str:
    """The option, the verdict or the span that the facts of a reasoning lead to."""
    said = facts(reasoning.split("asked for")[0])
    options = read_options(question)
    if options:
        named = [letter for letter, text in options.items() if text.lower() in said]
        return named[-1] if len(named) == 1 else "unclear"
    if "yes or no" in question.lower():
        return "Yes" if facts(question) <= said else "No"
    times = _TIME.findall(reasoning)
    return f"{times[-2]} - {times[-1]}" if len(times) > 1 else "unclear"


def _grades(blocks: Mapping[str, str], clip: ToyClip | None) -> dict[str, Any]:
    question, answer, reasoning = (blocks.get(name, "") for name in ("question", "answer", "reasoning"))
    if clip is None:
        reasons = "A stand-in that knows only toy clips cannot tell."
        grades = {"correctness": 3, "grounding": 3, "question": 3}
    else:
        false = facts(reasoning.split("asked for")[0]) - truth(clip)
        right = _is_right(question, answer, clip)
        told = "right" if right else "wrong"
        reasons = f"The answer is {told}. Not so in the video: {_listed(false)}."
        grades = {"correctness": 5 if right else 1, "grounding": 2 if false else 5, "question": 5}
    follows = 5 if clip is None or not facts(reasoning.split("asked for")[0]) - truth(clip) else 2
    return {"reasons": reasons} | grades | ({"reasoning": follows} if reasoning else {})


def _is_right(question: str, answer: str, clip: ToyClip) -> bool:
    options = read_options(question)
    if options:
        letter = read_mcq(answer, options).value
        return letter is not None and facts(options[letter]) <= truth(clip)
    verdict = read_binary(answer).value
    if verdict and "yes or no" in question.lower():
        return (verdict == "yes") == (facts(question) <= truth(clip))
    span = read_times(answer).value
    if span is not None and facts(answer) == set(_TIME.findall(answer)):
        return span == (clip.light_on, clip.light_off)
    return facts(answer) <= truth(clip)


def _listed(words: set[str]) -> str:
    return ", ".join(sorted(words)) or "nothing"
