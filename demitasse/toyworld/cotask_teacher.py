"""What the scripted teacher says to the prompts of CoTasks, from a toy clip's truth.

Of every question about a toy clip it says the same: the moments at which the light is on are needed, and the shape and
the light. It speaks in words of its own ("disc", "light"), so that its vocabulary has to be open. Of other videos it
says, in the form asked for, that it knows nothing that is needed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from typing import Any

from demitasse.chat.blocks import read_blocks
from demitasse.chat.model import Request
from demitasse.toyworld.espresso_teacher import LIGHT_BOX, Frame
from demitasse.toyworld.mistakes import shifted
from demitasse.toyworld.world import DURATION, ToyClip

MOMENTS, PLACES, RELATIONS, EVENTS = "cotask_moments", "cotask_places", "cotask_relations", "cotask_events"
STEPS = (MOMENTS, RELATIONS, EVENTS)  # those that are answered from a clip; places are from one frame of it
LIGHT = "light"
MOST = 3  # moments that it names
_FRAME = re.compile(r"^Frame (\d+), at (\d+(?:\.\d+)?) s:$", re.MULTILINE)

Told = dict[str, Any]
Times = Mapping[int, float]  # of the frames shown, by number


def tell(request: Request, clip: ToyClip | None) -> Told:
    """The reply to a prompt of `STEPS`; `clip` is None for other videos."""
    times = {int(number): float(time) for number, time in _FRAME.findall(request.text)}
    if clip is None:
        return _excuse(request.step, times)
    tellers: Mapping[str, Callable[[ToyClip, Times], Told]]
    tellers = {MOMENTS: moments, RELATIONS: relations, EVENTS: lambda clip, _: events(clip)}
    return tellers[request.step](clip, times)


def find(request: Request, frame: Frame | None) -> Told:
    """The reply to the prompt `PLACES`: a box for each name that is listed; none can be seen in other videos."""
    lines = read_blocks(request.text).get("entities", "").splitlines()
    names = [line.partition(":")[0] for line in lines]
    return {"entities": [{"name": name, "bbox_2d": _place(name, frame)} for name in names]}


def moments(clip: ToyClip, times: Times) -> Told:
    """Frames under the light, evenly, or the first one where none of those shown is; the shape and the light."""
    lit = [number for number, time in times.items() if clip.light(time)] or list(times)[:1]
    chosen = {lit[place * (len(lit) - 1) // (MOST - 1)] for place in range(MOST)}
    entities = [
        {"category": clip.shape, "description": f"the {clip.colour} {clip.shape}"},
        {"category": LIGHT, "description": "the light along the ceiling"},
    ]
    return {"frames": sorted(chosen), "entities": entities}


def relations(clip: ToyClip, times: Times) -> Told:
    """The shape is beneath the light, wherever it shines."""
    under = {"subject": f"{clip.shape} 1", "predicate": "beneath", "object": f"{LIGHT} 1"}
    return {"relations": [{"frame": number, **under} for number, time in times.items() if clip.light(time)]}


def events(clip: ToyClip) -> Told:
    """The light shines; the shape moves all the time, or stops under an alarm and then goes on."""
    moves, told = f"move_{clip.direction}", [_event(LIGHT, "shine", clip.light_on, clip.light_off)]
    if not clip.alarm:
        return {"events": [*told, _event(clip.shape, moves, 0.0, DURATION)]}
    before = _event(clip.shape, moves, 0.0, clip.light_on)
    after = _event(clip.shape, moves, clip.light_off, DURATION)
    return {"events": [*told, before, _event(clip.shape, "freeze", clip.light_on, clip.light_off), after]}


def _event(category: str, predicate: str, start: float, end: float) -> Told:
    return {"start": start, "end": end, "subject": f"{category} 1", "predicate": predicate, "object": ""}


def _place(name: str, frame: Frame | None) -> list[float]:
    if frame is None:
        return []
    if name.startswith(LIGHT):
        right = LIGHT_BOX if frame.clip.light(frame.time) else None
    else:
        right = frame.clip.box(frame.time) if name.startswith(frame.clip.shape) else None
    if right is None:
        return []
    chance = random.Random(f"{name} of toy clip {frame.clip.number} at {frame.time:.2f}")
    wrong = chance.random() < frame.box_mistakes
    return frame.units.write(shifted(right, chance) if wrong else right)


def _excuse(step: str, times: Times) -> Told:
    if step == MOMENTS:
        return {"frames": list(times)[:1], "entities": []}
    return {"relations" if step == RELATIONS else "events": []}
