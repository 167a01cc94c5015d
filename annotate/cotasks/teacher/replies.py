"""What a teacher's reply must look like. Whether a name or a moment exists, the steps find out, which know them."""

from __future__ import annotations

from typing import Any

from annotate.forms import Fields, Form, Line
from annotate.referring.space import Space


class NamedEntity(Fields):
    """A person, animal or thing: its category, and how to tell it from others of it."""

    category: Line
    description: Line


class Moments(Fields):
    """Step 1: numbers of frames, and the entities."""

    frames: list[int]
    entities: list[NamedEntity]


class Place(Fields):
    """Where an entity is; an empty list if it cannot be seen."""

    name: Line
    bbox_2d: list[float]


class Places(Fields):
    """Step 2."""

    entities: list[Place]


class Related(Fields):
    """How one entity stands to another in a frame."""

    frame: int
    subject: Line
    predicate: Line
    object: Line


class Relations(Fields):
    """Step 3."""

    relations: list[Related]


class Done(Fields):
    """What an entity does, from and to a time in seconds; `object` is empty where it does it to none."""

    start: float
    end: float
    subject: Line
    predicate: Line
    object: str


class Events(Fields):
    """Step 4."""

    events: list[Done]


def _form(fields: type[Fields], told: str) -> Form[Any]:
    """JSON either way: a model that is held to no schema is asked for the object alone."""
    return Form(
        fields,
        f"Reply with one JSON object: {told}",
        f"Reply with one JSON object and no word besides: {told}",
        lambda _: None,
    )


MOMENTS: Form[Moments] = _form(
    Moments,
    '{"frames": [numbers of the frames, in order], "entities": [{"category": word, "description": phrase}, ...]}',
)
RELATIONS: Form[Relations] = _form(
    Relations,
    '{"relations": [{"frame": number of the frame, "subject": name, "predicate": word, "object": name}, ...]}; an '
    "empty list if there are none.",
)
EVENTS: Form[Events] = _form(
    Events,
    '{"events": [{"start": seconds, "end": seconds, "subject": name, "predicate": word, "object": name, or "" for '
    "none}, ...]}; an empty list if there are none.",
)


def places_form(space: Space) -> Form[Places]:
    """Step 2's reply, in the units in which the model writes boxes."""
    return _form(
        Places,
        '{"entities": [{"name": name, "bbox_2d": its box, or [] if it cannot be seen}, ...]}, one for each name of the '
        f"list. {space.told}",
    )
