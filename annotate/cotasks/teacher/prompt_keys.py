"""The prompts by which a teacher is asked for the four CoTasks, and the values that each is given."""

from __future__ import annotations

from collections.abc import Collection

from demitasse.prompts import Placeholders

MOMENTS = "cotask_moments"
PLACES = "cotask_places"
RELATIONS = "cotask_relations"
EVENTS = "cotask_events"
KEYS = {"1": MOMENTS, "2": PLACES, "3": RELATIONS, "4": EVENTS}


PROMPTS = {
    MOMENTS: Placeholders.of("blocks categories most", "count video_length"),
    PLACES: Placeholders.of("blocks", "time"),
    RELATIONS: Placeholders.of("blocks predicates"),
    EVENTS: Placeholders.of("blocks predicates", "video_length"),
}


def used_keys(steps: Collection[str]) -> set[str]:
    """The prompts that these steps ask."""
    return {KEYS[step] for step in steps if step in KEYS}
