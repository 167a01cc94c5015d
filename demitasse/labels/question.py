"""The question that asks for all keys at once, in the words of their file: one generation a video."""

from __future__ import annotations

import json
from typing import Any

from demitasse.labels.keys import Key, Keys, whole_numbers

HEAD = (
    "Watch the whole video and label it. Reply with one JSON object that has exactly these keys, in this order, and "
    "with nothing before or after it:"
)


def question_of(keys: Keys) -> str:
    """A line for each key: its name, its own question if it has one, and what an answer may be."""
    return "\n".join([HEAD, "", *(f"- {name}: {_asked(key)}" for name, key in keys.items())])


def answer_of(values: dict[str, Any]) -> str:
    """The answer: JSON with the letters of every script as they are, for an escape is no word to a student."""
    return json.dumps(values, ensure_ascii=False, indent=2)


def _asked(key: Key) -> str:
    return f"{key['question']} {_form(key)}" if "question" in key else _form(key)


def _form(key: Key) -> str:
    if key["kind"] == "boolean":
        return "true or false."
    if key["kind"] == "prose":
        return "Text, or null if there is nothing to say." if key.get("optional") else "Text."
    names = key["classes"] if whole_numbers(key) else [json.dumps(name, ensure_ascii=False) for name in key["classes"]]
    listed = ", ".join(names)
    if key["kind"] == "multi":
        return f"A list of any of {listed}; [] if none applies."
    return f"One {'number ' if whole_numbers(key) else ''}of {listed}."
