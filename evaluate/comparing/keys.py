"""`--keys FILE`, or `keys.yaml` in a run's folder: what the answers of each key (weather, lane_type) are.

    weather:
      kind: closed                 # one of the classes
      classes: [Clear skies, Overcast, Light rain]
    driving_difficulty:
      kind: graded                 # the same, in order
      classes: [1, 2, 3, 4]
    interactive_expanded_metaaction:
      kind: multi                  # a set of them
      classes: [Vehicle following, Yield to vehicles]
    safety_analysis:
      kind: prose                  # the judge's

An item's key is the extra field or task that the judge's questions go by. The items of a key are scored and shown as a
task of that name. An item's own `answer_kind` goes before the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from demitasse.config.source import Source, read_file
from demitasse.errors import ConfigError
from demitasse.prompts.file import nearest
from evaluate.judging.questions import key_of
from evaluate.metric import KIND, KINDS
from evaluate.records import Asked, Json

Keys = Mapping[str, Json]
_FIELDS = {"kind", "classes"}


def read_keys(path: Path) -> dict[str, Json]:
    """The declarations of a file, YAML or JSON.

    Raises:
        ConfigError: naming the place and what is wrong there.
    """
    content = read_file(path).content
    if not content or not isinstance(content, dict):
        raise ConfigError(f"{path} declares no key; write one as `weather: {{kind: closed, classes: [Clear, Rain]}}`")
    return {key: _declared(key, source) for key, source in content.items()}


def with_kind(asked: Asked, keys: Keys) -> Asked:
    """The item with its key's kind, as a task of the key's name; as it is where the file does not have its key."""
    key = key_of(asked)
    if key not in keys:
        return asked
    return replace(asked, task=key, extra={KIND: keys[key]} | dict(asked.extra))


def _declared(key: str, source: Source) -> Json:
    fields = source.content
    if not isinstance(fields, dict) or "kind" not in fields:
        raise ConfigError(f"{source.place}: '{key}' must say its kind: one of {', '.join(KINDS)}")
    for name in fields:
        if name not in _FIELDS:
            raise ConfigError(f"{source.place}: '{key}' has an unknown field '{name}'{nearest(name, _FIELDS)}")
    kind = fields["kind"].content
    if kind not in KINDS:
        raise ConfigError(f"{fields['kind'].place}: '{key}.kind' is {fields['kind'].shown()}, not {', '.join(KINDS)}")
    if (kind == "prose") != ("classes" not in fields):
        raise ConfigError(
            f"{source.place}: '{key}' {'is prose, and has no' if kind == 'prose' else 'needs its'} classes"
        )
    return {"kind": kind} | ({"classes": _classes(key, fields["classes"])} if "classes" in fields else {})


def _classes(key: str, source: Source) -> list[str]:
    parts = source.content if isinstance(source.content, list) else []
    names = [part.content for part in parts if isinstance(part.content, str)]
    if len(names) < 2 or len(names) < len(parts):
        raise ConfigError(f"{source.place}: '{key}.classes' must be a list of two texts or more")
    return names
