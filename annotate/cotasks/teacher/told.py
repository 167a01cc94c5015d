"""What the prompts of later steps are told of earlier ones, and how the names in a reply are held against it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from demitasse.chat.blocks import write_blocks
from demitasse.engine.caller import ParseError
from demitasse.engine.step import Fields

FAULTS_TOLD = 4


def blocks(fields: Fields, **more: str) -> str:
    """The question and its entities, fenced, and what else is told, each under its name; what is empty is left out."""
    entities = "\n".join(f"{one['name']}: {one['description']}" for one in fields.get("entities", ()))
    told = {"question": fields["asked"], "entities": entities, **more}
    return write_blocks({name: text for name, text in told.items() if text})


def names_of(fields: Fields) -> list[str]:
    """The entities' names."""
    return [one["name"] for one in fields["entities"]]


def named(written: str, names: Collection[str], where: str) -> str:
    """A name of the list, however its letters are written.

    Raises:
        ValueError: with a sentence for the model.
    """
    name = " ".join(written.casefold().split())
    if name not in names:
        raise ValueError(f"{where}: '{written}' is no name of the list, which has {', '.join(names)}")
    return name


def worded(written: str, words: Sequence[str], where: str) -> str:
    """A predicate or category as it is kept: one of `words`, or, where there are none, any as one word.

    Raises:
        ValueError: with a sentence for the model.
    """
    word = "_".join(written.casefold().split())
    if words and word not in words:
        raise ValueError(f"{where}: '{written}' is none of the words that may be used")
    return word


def refuse(faults: Iterable[str]) -> None:
    """Send a reply back with what is wrong with it, the first few faults.

    Raises:
        ParseError: if there are any.
    """
    listed = list(faults)
    if listed:
        more = f" And {len(listed) - FAULTS_TOLD} more." if len(listed) > FAULTS_TOLD else ""
        raise ParseError("The reply cannot be used. " + ". ".join(listed[:FAULTS_TOLD]) + "." + more)
