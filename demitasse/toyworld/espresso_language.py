"""What the scripted teacher says of toy clips frame by frame: captions, and questions that need several frames."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from demitasse.toyworld import language
from demitasse.toyworld.world import ToyClip, cell

# Eight columns and eight rows in words, so that captions of different places differ as those of real frames do.
_ACROSS = (
    "hard by the left edge", "near the left edge", "somewhat left", "just left of the middle",
    "just right of the middle", "somewhat right", "near the right edge", "hard by the right edge",
)  # fmt: skip
_DOWN = (
    "under the ceiling", "high up", "rather high", "a little above half height",
    "a little below half height", "rather low", "low down", "on the floor",
)  # fmt: skip
_BACK = {"left": "right", "right": "left", "up": "down", "down": "up"}
_TILTED = {"left": "up", "up": "left", "right": "down", "down": "right"}  # columns for rows
LIGHT = "ceiling light"


@dataclass(frozen=True, slots=True)
class Asking:
    """A question about several frames, with the answer, three wrong ones, and the evidence.

    `frames` are places in the frames that were shown; `evidence` holds each of `key_items` by its name.
    """

    task: str
    question: str
    answer: str
    frames: tuple[int, ...]
    key_items: tuple[str, ...]
    evidence: str
    wrong: tuple[str, ...]


def thing(clip: ToyClip) -> str:
    """The shape's name: "red disc"."""
    return f"{clip.colour} {clip.shape}"


def place(clip: ToyClip, time: float) -> str:
    """Where the shape is, in numbers."""
    return _named(*cell(clip.position(time)))


def frame_caption(clip: ToyClip, time: float) -> str:
    """What is on one frame, and nothing that could only be told from others."""
    column, row = cell(clip.position(time))
    light = f"{language.light_colour(clip).capitalize()} light falls from the ceiling light."
    dark = "The room is dark; the ceiling light is off."
    return (
        f"{language.mark(clip)} A {thing(clip)} is {_ACROSS[column]} and {_DOWN[row]}, in {place(clip, time)}. "
        f"{light if clip.light(time) else dark}"
    )


def shows(clip: ToyClip, time: float) -> str:
    """What a frame shows of the matter, in other words than its caption's."""
    column, row = cell(clip.position(time))
    light = f"{language.light_colour(clip)} light falls" if clip.light(time) else "the room is dark"
    return f"The {thing(clip)} is {_ACROSS[column]}, {_DOWN[row]}, in {place(clip, time)}; {light}."


def askings(clip: ToyClip, times: Sequence[float]) -> list[Asking]:
    """The questions that frames at these times allow: one of the course, and one of the light where it changes."""
    found = []
    if len(times) > 1 and cell(clip.position(times[0])) != cell(clip.position(times[-1])):
        found.append(_course(clip, times))
    lit = [index for index, time in enumerate(times) if clip.light(time)]
    dark = [index for index, time in enumerate(times) if not clip.light(time)]
    if lit and dark:
        found.append(_light(clip, times, tuple(sorted((min(dark), max(lit))))))
    return found


def taste(clip: ToyClip) -> tuple[str, str]:
    """A question that no checker should let pass, for it is one of taste, and its answer."""
    return f"Is the {thing(clip)} pleasant to look at?", "Most people would probably find it rather pleasant to watch."


def _course(clip: ToyClip, times: Sequence[float]) -> Asking:
    cells = [cell(clip.position(time)) for time in (times[0], times[-1])]
    first, last = (_named(*one) for one in cells)
    across, along = (_named(*reversed(one)) for one in cells)  # the same path, tilted
    tilted, back = _TILTED[clip.direction], _BACK[clip.direction]
    wrong = [
        f"It moves {back}, from {last} to {first}.",
        f"It moves {tilted}, from {across} to {along}.",
        f"It moves {_BACK[tilted]}, from {along} to {across}.",
    ]
    return Asking(
        "Event Process",
        "How does the place of the shape change from first to last?",
        f"It moves {clip.direction}, from {first} to {last}.",
        (0, len(times) - 1),
        (thing(clip),),
        f"The {thing(clip)} is in {first} first and in {last} last, so it moves {clip.direction}.",
        tuple(_shuffled(clip, wrong)),
    )


def _light(clip: ToyClip, times: Sequence[float], frames: tuple[int, ...]) -> Asking:
    where = place(clip, times[max(frames, key=lambda index: clip.light(times[index]))])
    if clip.alarm:
        return Asking(
            "Causal Inference",
            "Why does the shape stand still for a while?",
            f"A magenta light comes on, and the shape stays in {where} until it goes off.",
            frames,
            (thing(clip), LIGHT),
            f"The {LIGHT} turns magenta, and the {thing(clip)} stays in {where} as long as it is on.",
            (
                f"A white light comes on, and the shape rests in {where} until it goes off.",
                f"A magenta light goes off, and the shape waits in {where} until it comes on.",
                f"The shape meets a wall, and so it rests in {where} until that wall falls.",
            ),
        )
    return Asking(
        "Influence Tracing",
        "What does the light on the ceiling change for the shape?",
        f"It changes nothing: the shape moves {clip.direction} in white light and in the dark.",
        frames,
        (thing(clip), LIGHT),
        f"The {LIGHT} turns white and goes off, and the {thing(clip)} moves {clip.direction} all the same.",
        (
            "It stops the shape: this rests in white light and moves in the dark.",
            "It turns the shape: this goes back in white light and on in darkness.",
            "It drives the shape: this moves in white light and rests in the dark.",
        ),
    )


def _named(column: int, row: int) -> str:
    return f"column {column}, row {row}"


def _shuffled(clip: ToyClip, texts: list[str]) -> list[str]:
    random.Random(f"wrong answers about toy clip {clip.number}").shuffle(texts)
    return texts
