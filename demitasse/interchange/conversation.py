"""One question and one answer as the two turns of a talk, with a token for the medium: what LLaVA's kin train on."""

from __future__ import annotations

import hashlib
import re
from typing import Literal

from demitasse.dataset import Item
from demitasse.dataset.schema import shown
from demitasse.errors import DataError

Response = Literal["answer", "think"]
TOKENS = {"video": "<video>", "image": "<image>"}
_THOUGHT = re.compile(r"<think>\s*(.*?)\s*</think>\s*(.*)", re.DOTALL)


def kind_of(item: Item) -> str:
    """`video` or `image`."""
    return "video" if item.video_id is not None else "image"


def with_token(item: Item) -> str:
    """The question, with the token of its medium before it.

    Raises:
        DataError: if it holds a token itself, which trainers take for a second medium.
    """
    for token in TOKENS.values():
        if token in item.question:
            raise DataError(f"question holds {token}, which the format takes for a second medium")
    return f"{TOKENS[kind_of(item)]}\n{item.question}"


def without_token(text: str, kind: str, key: str) -> str:
    """The question without its token, which stands first or last.

    Raises:
        DataError: if it is not there, or another one is; the message begins with `key`.
    """
    token = TOKENS[kind]
    if text.startswith(token):
        stem = text.removeprefix(token).removeprefix("\n")
    else:
        stem = text.removesuffix(token).removesuffix("\n")
    if stem == text or any(other in stem for other in TOKENS.values()):
        raise DataError(f"{key} is {shown(text)}; it must hold {token} once, first or last")
    return stem


def reply(item: Item, response: Response) -> str:
    """What the model is to say: the answer, or the reasoning in a `<think>` block before it."""
    if response == "answer" or item.reasoning is None:
        return item.answer
    return f"<think>\n{item.reasoning}\n</think>\n\n{item.answer}"


def thought(said: str) -> tuple[str | None, str]:
    """The reasoning that a reply begins with, if it does, and the rest."""
    match = _THOUGHT.fullmatch(said)
    return (match[1], match[2]) if match else (None, said)


def sample_id(item: Item) -> str:
    """The item's own identifier; one that is made of its medium and question where it has none."""
    return made_id(item) if item.item_index is None else item.item_index


def made_id(item: Item) -> str:
    """An identifier for an item that has none: the same for the same medium and question, whatever the file."""
    named = f"{kind_of(item)}\n{item.media_id}\n{item.question}"
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:16]
