"""How a picker is asked: once, about the list of all captions, or frame by frame.

The list is VideoEspresso's way, and the cheaper one. A very small picker loses its way in it: our toy student, of a
million weights, learns within minutes whether one caption bears on a question, and never which of sixteen do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from demitasse.answers import split_reasoning
from demitasse.answers.binary import read_binary
from demitasse.selector.asking import Ask, Asker, Said
from demitasse.selector.choosing import Choice, picked
from demitasse.selector.wording import SURE, need_item, pick_item, read_places

Picks = Literal["list", "each"]
PICKS: tuple[Picks, ...] = get_args(Picks)


@dataclass(frozen=True, slots=True)
class ToPick:
    """An item whose frames are to be picked by their captions."""

    ask: Ask
    captions: Sequence[str]


@dataclass(frozen=True, slots=True)
class Picked:
    """What came of it: the choice and the replies it rests on, or why the picker could not be asked."""

    choice: Choice
    reply: str = ""
    error: str = ""


def pick(
    picker: Asker, work: Sequence[ToPick], keep: int, picks: Picks, progress: Callable[[int], object]
) -> list[Picked]:
    """Ask a picker about items, in their order; `progress` is told of replies."""
    if picks == "list":
        asks = [(pick_item(one.ask[0], one.captions), one.ask[1]) for one in work]
        return [_from_list(said, one, keep) for said, one in zip(picker.ask(asks, progress), work, strict=True)]
    asks = [(need_item(one.ask[0], caption), one.ask[1]) for one in work for caption in one.captions]
    replies = iter(picker.ask(asks, progress))
    return [_from_each([next(replies) for _ in one.captions], keep) for one in work]


def _from_list(said: Said, one: ToPick, keep: int) -> Picked:
    if said.finish == "error":
        return Picked(Choice(()), error=said.error)
    # A reply that was cut short may lack the frame that matters most: it is not read.
    named = None if said.finish == "length" else read_places(said.text)
    return Picked(picked(named, len(one.captions), keep), said.text)


def _from_each(replies: Sequence[Said], keep: int) -> Picked:
    """A frame whose reply cannot be read is not needed; if that goes for all of them, nothing was picked."""
    for reply in replies:
        if reply.finish == "error":
            return Picked(Choice(()), error=reply.error)
    read = [_needed(reply) for reply in replies]
    named = {place: SURE for place, needed in enumerate(read) if needed}
    unread = all(needed is None for needed in read)
    return Picked(picked(None if unread else named, len(replies), keep), "\n".join(reply.text for reply in replies))


def _needed(said: Said) -> bool | None:
    split = split_reasoning(said.text)
    if said.finish == "length" or not split.closed:
        return None
    value = read_binary(split.final).value
    return None if value is None else value == "yes"
