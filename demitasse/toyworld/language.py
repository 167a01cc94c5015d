"""How the toy world is talked about: captions, questions, answers and the reasoning that leads to them.

The scripted teacher speaks these sentences and the base student learns its language from them. Reasoning
names what is seen before it concludes, and never a letter, so that shuffled options cannot contradict it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from demitasse.timecode import format_mmss
from demitasse.toyworld.world import COLOURS, DIRECTIONS, ToyClip, cell


@dataclass(frozen=True, slots=True)
class Said:
    """A question with its answer and reasoning. `options` are the answers to choose from, if there are any."""

    question: str
    answer: str
    reasoning: str
    options: tuple[str, ...] = ()


def mark(clip: ToyClip) -> str:
    """A reference to the clip that a text-only reader can find again; it tells nothing of the content."""
    return f"[toy clip {clip.number:05d}]"


def track(clip: ToyClip) -> str:
    """Where the shape is first and last, in columns and rows."""
    (first_column, first_row), (last_column, last_row) = cell(clip.first), cell(clip.last)
    return (
        f"The shape is at column {first_column}, row {first_row} first "
        f"and at column {last_column}, row {last_row} last."
    )


def light_span(clip: ToyClip) -> str:
    """When the ceiling light comes on and goes off."""
    return f"The light comes on at {format_mmss(clip.light_on)} and goes off at {format_mmss(clip.light_off)}."


def light_colour(clip: ToyClip) -> str:
    """The colour of the light."""
    return "magenta" if clip.alarm else "white"


def deed(clip: ToyClip) -> str:
    """What the shape does, in one sentence."""
    return f"The {clip.colour} shape moves {clip.direction}."


def multiple_choice(clip: ToyClip) -> Said:
    """A question with four answers: three times in five of direction, otherwise of colour."""
    if _chance(clip, "mcq").random() < 0.6:
        options = tuple(sorted(DIRECTIONS))
        return Said(
            "In which direction does the shape move?",
            clip.direction,
            f"{track(clip)} So it moves {clip.direction}.",
            options,
        )
    return Said(
        "What colour is the shape?",
        clip.colour,
        f"The shape is {clip.colour} from first to last.",
        tuple(sorted(COLOURS)),
    )


def yes_and_no(clip: ToyClip) -> tuple[Said, Said]:
    """A question whose answer is yes and one whose answer is no."""
    chance = _chance(clip, "bcq")
    moving, coloured = chance.sample([True, False], 2)
    return _binary(clip, chance, about_motion=moving, truth=True), _binary(
        clip, chance, about_motion=coloured, truth=False
    )


def _binary(clip: ToyClip, chance: random.Random, about_motion: bool, truth: bool) -> Said:
    right, choices = (clip.direction, DIRECTIONS) if about_motion else (clip.colour, COLOURS)
    asked = right if truth else chance.choice([word for word in sorted(choices) if word != right])
    verdict = "yes" if truth else "no"
    if about_motion:
        return Said(
            f"Does the shape move {asked}?", verdict, f"{track(clip)} So it moves {right}, and it is asked for {asked}."
        )
    return Said(
        f"Is the shape {asked}?", verdict, f"The shape is {right} from first to last, and it is asked for {asked}."
    )


def localization(clip: ToyClip) -> Said:
    """When the light is on. The answer is "MM:SS MM:SS"."""
    answer = f"{format_mmss(clip.light_on)} {format_mmss(clip.light_off)}"
    return Said("When is the ceiling light on?", answer, f"The light is off at first. {light_span(clip)}")


def open_question(clip: ToyClip) -> Said:
    """What the shape does, answered in a sentence."""
    return Said("What does the shape do?", deed(clip), f"{track(clip)} It is {clip.colour} and moves {clip.direction}.")


def _chance(clip: ToyClip, purpose: str) -> random.Random:
    return random.Random(f"{purpose} of toy clip {clip.number}")
