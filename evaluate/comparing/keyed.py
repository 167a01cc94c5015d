"""One generation that answers every key of a clip, as one item and one reply for each key.

An item whose `answer_kind` is `{"kind": "object", "keys": {...}}` has a JSON object for its reference. It is taken
apart when a run is loaded, so that each key is scored, judged, compared and shown as a task of its own. What the reply
says of a key is the key's reply; what it does not say is a fault of the model, by kind, and never another key's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from demitasse.answers import Fields, Parsed, read_fields, split_reasoning
from demitasse.dataset.item_id import storable
from demitasse.errors import DataError
from demitasse.labels import OBJECT, OF_ITEM
from demitasse.labels.check import is_object
from evaluate.metric import KIND
from evaluate.parse.final import UNREAD
from evaluate.records import Asked, Json, Prediction

NOTHING = "none"  # null in words, as a judge and a set of labels read it


def take_apart(items: Mapping[str, Asked]) -> dict[str, Asked]:
    """The items by id, each keyed one replaced by an item for each key that its reference has.

    One whose reference is no JSON object with any of them stays whole: there is no metric for it, which says why.

    Raises:
        DataError: for a keyed item that declares no keys.
    """
    if not any(is_object(asked.extra) for asked in items.values() if asked.extra):
        return dict(items)
    return {part.item_id: part for asked in items.values() for part in _parts(asked)}


def replies_apart(items: Mapping[str, Asked], predictions: Mapping[str, Prediction]) -> dict[str, Prediction]:
    """The predictions by id, each to a keyed item replaced by one for each of its parts."""
    found: dict[str, Prediction] = {}
    for item_id, prediction in predictions.items():
        asked = items[item_id]
        if not asked.extra or not is_object(asked.extra):
            found[item_id] = prediction
            continue
        parts = list(_parts(asked))
        if parts == [asked]:  # its reference cannot be read
            found[item_id] = prediction
            continue
        fields = read_fields(split_reasoning(prediction.response).final, _keys(asked))
        found |= {part.item_id: _reply(part, prediction, fields) for part in parts}
    return found


def _parts(asked: Asked) -> Iterator[Asked]:
    if not is_object(asked.extra):
        yield asked
        return
    keys, reference = _keys(asked), _reference(asked)
    if not reference.keys() & keys.keys():
        yield asked
    for name, key in keys.items():
        if name in reference:
            yield Asked(
                f"{asked.item_id}-{name}",
                name,
                asked.video_id,
                str(key.get("question") or f"What is said of {name}?"),
                written(reference[name]),
                {KIND: {field: key[field] for field in ("kind", "classes") if field in key}, OF_ITEM: asked.item_id},
            )


def _keys(asked: Asked) -> Mapping[str, Json]:
    keys = asked.extra[KIND].get("keys")
    if not isinstance(keys, dict) or not keys or not all(isinstance(key, dict) for key in keys.values()):
        raise DataError(
            f"{_named(asked)}: '{KIND}' is of kind {OBJECT} and must have 'keys', each with its kind; convert anew"
        )
    return keys


def _reference(asked: Asked) -> Json:
    try:
        reference = json.loads(asked.reference)
    except (ValueError, RecursionError):
        reference = None
    return reference if isinstance(reference, dict) else {}


def _reply(part: Asked, whole: Prediction, fields: Parsed[Fields]) -> Prediction:
    """What a reply says of one key; the whole reply, with why it says nothing, where it does not."""
    if fields.value is not None and part.task in fields.value.values:
        finish = "stop" if whole.finish == "length" else whole.finish  # this key was not cut
        return replace(whole, asked=part, response=written(fields.value.values[part.task]), finish=finish)
    why = fields.method if fields.value is None else "key_twice" if part.task in fields.value.twice else "no_key"
    return replace(whole, asked=part, detail=whole.detail | {UNREAD: why})


def written(value: Any) -> str:
    """A value as text: a text as it is, null as "none", everything else as JSON; nothing where that is too deep."""
    if value is None:
        return NOTHING
    try:
        return storable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    except RecursionError:
        return ""


def _named(asked: Asked) -> str:
    return f"item {asked.item_id} ({asked.video_id}, {asked.task})"
