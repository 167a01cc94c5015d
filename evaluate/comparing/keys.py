"""`--keys FILE`, or `keys.yaml` in a run's folder: what the answers of each key (weather, lane_type) are.

The file is that of `demitasse.labels.keys`. An item's key is the extra field or task that the judge's questions go by.
The items of a key are scored and shown as a task of that name. An item's own `answer_kind` goes before the file.
"""

from __future__ import annotations

from dataclasses import replace

from demitasse.labels.keys import Keys
from evaluate.judging.questions import key_of
from evaluate.metric import KIND
from evaluate.records import Asked

_TOLD = ("kind", "classes")


def with_kind(asked: Asked, keys: Keys) -> Asked:
    """The item with its key's kind, as a task of the key's name; as it is where the file does not have its key."""
    key = key_of(asked)
    if key not in keys:
        return asked
    kind = {field: keys[key][field] for field in _TOLD if field in keys[key]}
    return replace(asked, task=key, extra={KIND: kind} | dict(asked.extra))
