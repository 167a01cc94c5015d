"""A file of keys: what there is to say about a video, and what an answer to each of it may be.

    weather:
      kind: closed                 # one of the classes
      classes: [Clear skies, Overcast, Light rain]
      question: What is the weather in the video?
    rule_violation:
      kind: boolean                # true or false
    driving_difficulty:
      kind: graded                 # one of the classes, which are in order
      classes: [1, 2, 3, 4]
    interactive_expanded_metaaction:
      kind: multi                  # a set of them
      classes: [Vehicle following, Yield to vehicles]
    additional_map_rules:
      kind: prose                  # free text: a judge's
      optional: true               # or null: there is nothing to say

One file asks the question, lints people's labels, and says which keys an exact metric can score.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demitasse.config.source import TRUTHS, Source, read_file
from demitasse.errors import ConfigError
from demitasse.prompts.file import nearest

KINDS = ("closed", "boolean", "graded", "multi", "prose")
CLASSED = ("closed", "graded", "multi")  # the kinds that need their classes
TRUTH = ("false", "true")  # the classes of a boolean
FIELDS = {"kind", "classes", "question", "optional"}

Key = Mapping[str, Any]  # {"kind": "graded", "classes": ["1", "2"], "question": "…"}, as items carry it
Keys = Mapping[str, Key]


def read_keys(path: Path) -> dict[str, dict[str, Any]]:
    """The declarations of a file, YAML or JSON, in its order; classes are texts.

    Raises:
        ConfigError: naming the place and what is wrong there.
    """
    content = read_file(path).content
    if not content or not isinstance(content, dict):
        raise ConfigError(f"{path} declares no key; write one as `weather: {{kind: closed, classes: [Clear, Rain]}}`")
    return {key: _declared(key, source) for key, source in content.items()}


def whole_numbers(key: Key) -> bool:
    """Whether a graded key's classes are numbers, and so numbers in its JSON too."""
    return key["kind"] == "graded" and all(name.removeprefix("-").isdecimal() for name in key["classes"])


def _declared(key: str, source: Source) -> dict[str, Any]:
    fields = source.content
    if not isinstance(fields, dict) or "kind" not in fields:
        raise ConfigError(f"{source.place}: '{key}' must say its kind: one of {', '.join(KINDS)}")
    for name in fields:
        if name not in FIELDS:
            raise ConfigError(f"{source.place}: '{key}' has an unknown field '{name}'{nearest(name, FIELDS)}")
    kind = fields["kind"].content
    if kind not in KINDS:
        raise ConfigError(f"{fields['kind'].place}: '{key}.kind' is {fields['kind'].shown()}, not {', '.join(KINDS)}")
    if (kind in CLASSED) != ("classes" in fields):
        raise ConfigError(
            f"{source.place}: '{key}' {'needs its' if kind in CLASSED else f'is {kind}, and has no'} classes"
        )
    declared: dict[str, Any] = {"kind": kind}
    if "classes" in fields:
        declared["classes"] = _classes(key, fields["classes"])
    if "question" in fields:
        declared["question"] = _question(key, fields["question"])
    if "optional" in fields and _optional(key, kind, fields["optional"]):
        declared["optional"] = True
    return declared


def _classes(key: str, source: Source) -> list[str]:
    parts = source.content if isinstance(source.content, list) else []
    names = [part.content for part in parts if isinstance(part.content, str)]
    if len(names) < 2 or len(names) < len(parts):
        raise ConfigError(f"{source.place}: '{key}.classes' must be a list of two texts or more")
    return names


def _question(key: str, source: Source) -> str:
    if not isinstance(source.content, str) or not source.content.strip():
        raise ConfigError(f"{source.place}: '{key}.question' is {source.shown()}, but must be text")
    return " ".join(source.content.split())


def _optional(key: str, kind: str, source: Source) -> bool:
    if kind != "prose":
        raise ConfigError(
            f"{source.place}: '{key}.optional' is for prose; a class can be called N/A, and a set be empty"
        )
    if not isinstance(source.content, str) or source.content.lower() not in TRUTHS:
        raise ConfigError(f"{source.place}: '{key}.optional' is {source.shown()}, but must be true or false")
    return TRUTHS[source.content.lower()]
