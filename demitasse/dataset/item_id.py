"""An item's name: what is asked about what, wherever its file lies and however it is shown or asked."""

from __future__ import annotations

import hashlib

import orjson

from demitasse.dataset.envelope import Item


def make_item_id(task: str, media_id: str, question: str, item_index: str | None) -> str:
    """Sixteen hexadecimal digits that name an item by what is asked about what, wherever its file lies."""
    return hashlib.sha256(orjson.dumps([task, media_id, question, item_index])).hexdigest()[:16]


def id_of(item: Item, task: str) -> str:
    """The id of an item of a task; what its text holds that no file can is read as question marks."""
    return make_item_id(task, storable(item.media_id), storable(item.question), item.item_index)


def storable(text: str) -> str:
    """The text with lone surrogates, which no UTF-8 file can hold, replaced by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text
