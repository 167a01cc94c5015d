"""Toy stories as STAR's items: questions with programs, choices and situation graphs.

The mover is STAR's person, each other colour a thing that STAR's people hold, and a touch is holding it. So a story's
facts are the same as in VidOR's files, and only their names are others. Each of STAR's four types is asked, and each
program leads to the answer by the graph alone, as those of the real items do.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from demitasse.toyworld.story import STORY_COLOURS, STORY_DURATION, ToyStory
from demitasse.toyworld.story_video import FPS, SIZE

# By colour: a thing, the numbers of its class and of the action of holding it, as STAR's class files have them.
THINGS = {
    "red": ("book", "o017", "a020"),
    "green": ("box", "o015", "a031"),
    "blue": ("blanket", "o004", "a055"),
    "yellow": ("pillow", "o009", "a060"),
    "purple": ("shoe", "o012", "a041"),
    "white": ("laptop", "o025", "a037"),
}
PERSON = "o000"
SIDE_BY_SIDE, HOLDING = "r003", "r009"
CHOICES = 4
STEP = 1.0  # seconds from one annotated frame to the next
_ACTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (("Situations", ()), ("Actions", ()))

Program = Sequence[tuple[str, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question.

    Attributes:
        id: STAR's type, and the number of a template.
        text, answer: the question, and the thing that it asks for.
        program: that leads from the graph to the answer.
        clip: from when and until when the video is shown, in seconds.
        known: until when the graph goes on.
        wrong: things of which wrong choices are taken; empty: all others of the toy world.
    """

    id: str
    text: str
    answer: str
    program: Program
    clip: tuple[float, float] = (0.0, STORY_DURATION)
    known: float = STORY_DURATION
    wrong: tuple[str, ...] = ()


def star_items(story: ToyStory, video: str) -> Iterator[dict[str, Any]]:
    """A story's questions as a STAR file lists them; `video` is the name of its file without the ending."""
    chance = random.Random(f"STAR questions of toy story {story.number}")
    every = sorted(THINGS[colour][0] for colour in STORY_COLOURS if colour != story.mover.colour)
    for asked in _questions(story):
        wrong = chance.sample(asked.wrong or [thing for thing in every if thing != asked.answer], CHOICES - 1)
        things = sorted([asked.answer, *wrong])
        yield {
            "question_id": f"{asked.id}_{story.number}",
            "question": asked.text,
            "video_id": video,
            "start": asked.clip[0],
            "end": asked.clip[1],
            "answer": f"The {asked.answer}.",
            "question_program": _steps(asked.program),
            "choices": [
                {"choice_id": place, "choice": f"The {thing}.", "choice_program": _steps([("Equal", (thing,))])}
                for place, thing in enumerate(things)
            ],
            "situations": _situations(story, asked.clip[0], asked.known),
        }


def _questions(story: ToyStory) -> Iterator[_Asked]:
    """Each of STAR's types; what comes next is asked of a video that ends before it, what could be of what is left."""
    held = tuple(THINGS[touch.colour][0] for touch in story.touches)
    first, second, third = held
    [left] = {THINGS[shape.colour][0] for shape in story.still} - set(held)
    end = story.touches[1].end
    this = (*_ACTIONS, ("Filter_Actions_with_Obj", (second,)), ("Unique", ()))
    yield _Asked(
        "Interaction_T1",
        "Which object was held by the person?",
        second,
        (*_ACTIONS, ("Filter_Actions_with_Verb", ("hold",)), ("Unique", ()), ("Query_Objs", ())),
        clip=(story.touches[1].start, end),
        known=end,
    )
    yield _Asked(
        "Sequence_T1",
        f"Which object did the person hold after they held the {second}?",
        third,
        (*_ACTIONS, *this, ("Filter_After_Actions", ()), ("Unique", ()), ("Query_Objs", ())),
    )
    yield _Asked(
        "Sequence_T2",
        f"Which object did the person hold before they held the {second}?",
        first,
        (*_ACTIONS, *this, ("Filter_Before_Actions", ()), ("Unique", ()), ("Query_Objs", ())),
    )
    yield _Asked(
        "Prediction_T1",
        "Which object will the person hold next?",
        third,
        (*_ACTIONS, ("Query_Latest_Action", ()), ("Query_Objs", ())),
        clip=(0.0, end),
    )
    yield _Asked(
        "Feasibility_T2",
        "Which other object is the person able to hold?",
        left,
        (("Situations", ()), ("Objs", ()), ("Filter_Objs_by_Verb", ("hold",)), *_ACTIONS, ("Query_Objs", ()))
        + (("Except", ()), ("Unique", ())),
        wrong=held,
    )


def _steps(program: Program) -> list[dict[str, Any]]:
    return [{"function": function, "value_input": list(values)} for function, values in program]


def _situations(story: ToyStory, start: float, end: float) -> dict[str, Any]:
    """The graph of a second's frames from `start` up to `end`, numbered from 1 in the whole video."""
    times = (place * STEP for place in range(round(STORY_DURATION / STEP)))
    return {f"{round(time * FPS) + 1:06d}": _situation(story, time) for time in times if start <= time < end}


def _situation(story: ToyStory, time: float) -> dict[str, Any]:
    held = [touch.colour for touch in story.touches if touch.start <= time < touch.end]
    relations = [(label, THINGS[colour][1]) for colour in held for label in (SIDE_BY_SIDE, HOLDING)]
    boxes = [(THINGS[shape.colour][1], shape.colour) for shape in story.still] + [(PERSON, story.mover.colour)]
    return {
        "rel_pairs": [[PERSON, thing] for _, thing in relations],
        "rel_labels": [label for label, _ in relations],
        "actions": [THINGS[colour][2] for colour in held],
        "bbox": [[round(side * SIZE, 2) for side in story.box(colour, time)] for _, colour in boxes],
        "bbox_labels": [label for label, _ in boxes],
    }
