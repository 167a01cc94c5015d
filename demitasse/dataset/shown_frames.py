"""Frames that an item chooses out of its video: seconds in its extra field `shown_frames`.

A frame selector writes the field and a student's eyes read it. An item without the field is shown as it is sampled;
one with an empty list is asked about nothing to be seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from demitasse.dataset.envelope import Item
from demitasse.dataset.schema import shown
from demitasse.errors import DataError

SHOWN_FRAMES = "shown_frames"


def shown_frames(item: Item) -> list[float] | None:
    """The seconds that an item chooses, from the first frame's time; None if it chooses none of its own.

    Raises:
        DataError: if the field is no list of seconds.
    """
    value = item.extra.get(SHOWN_FRAMES)
    if value is None:
        return None
    if not isinstance(value, list) or not all(map(_is_second, value)):
        raise DataError(
            f"{item.media_id}: {SHOWN_FRAMES} is {shown(value)}; give a list of seconds, or [] to show nothing"
        )
    return [float(second) for second in value]


def with_shown_frames(item: Item, seconds: Sequence[float]) -> Item:
    """The item, shown as the frames nearest to these seconds; as nothing, if there are none."""
    return replace(item, extra=item.extra | {SHOWN_FRAMES: [float(second) for second in seconds]})


def _is_second(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
