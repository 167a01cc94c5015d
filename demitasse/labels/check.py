"""What is wrong with an item whose answer is an object of keys: a person may have corrected it by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from demitasse.labels import ANSWER_KIND, OBJECT
from demitasse.labels.keys import CLASSED, KINDS
from demitasse.labels.mend import EXTRA, MISSING, mend


def is_object(extra: Mapping[str, Any]) -> bool:
    """Whether an item's fields say that its answer is an object of keys."""
    kind = extra.get(ANSWER_KIND)
    return isinstance(kind, dict) and kind.get("kind") == OBJECT


def label_faults(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Field and fault: declarations that are none, an answer that is no object, and every value that lint would mend.

    A key may be missing: what could not be read was left out.
    """
    keys = item[ANSWER_KIND].get("keys")
    if not isinstance(keys, dict) or not keys or not all(map(_is_key, keys.values())):
        yield (
            ANSWER_KIND,
            f"is of kind {OBJECT}, but its 'keys' do not each have a kind, and classes where it needs them",
        )
        return
    try:
        label = json.loads(item["answer"])
    except (ValueError, RecursionError):
        label = None
    if not isinstance(label, dict) or not label.keys() & keys.keys():
        yield "answer", f"is no JSON object with any of its keys ({', '.join(keys)})"
        return
    for oddity in mend(label, keys).oddities:
        if oddity.kind == EXTRA:
            yield "answer", f"has the key '{oddity.key}', which nobody asks for"
        elif oddity.kind != MISSING:
            yield "answer", f"is odd: {oddity}"


def _is_key(key: Any) -> bool:
    if not isinstance(key, dict) or key.get("kind") not in KINDS:
        return False
    classes = key.get("classes")
    return key["kind"] not in CLASSED or (isinstance(classes, list) and all(isinstance(one, str) for one in classes))
