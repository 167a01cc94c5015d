"""The resolved configuration beside every output, complete but for its secrets."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from demitasse.atomic import write_text
from demitasse.config.source import NUMBER, is_secret
from demitasse.errors import ConfigError


def resolved(config: Any) -> Any:
    """A dataclass tree as plain values.

    Left out, at any depth: fields whose metadata says `secret`, and keys that end in `api_key`.

    Raises:
        ConfigError: if a value is nothing that YAML can hold.
    """
    return _plain(config, "")


def save_resolved(config: Any, path: Path | str) -> None:
    """Write what `resolved` makes of it as YAML that `read_config` reads back to the same values, whole or not at all.

    Raises:
        ConfigError: if a value is nothing that YAML can hold.
    """
    write_text(Path(path), yaml.dump(resolved(config), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120))


def _plain(value: Any, key: str) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (field for field in dataclasses.fields(value) if field.init and not field.metadata.get("secret"))
        value = {field.name: getattr(value, field.name) for field in fields}
    if isinstance(value, Mapping):
        kept = ((_plain(name, key), content) for name, content in value.items() if not is_secret(str(name)))
        return {name: _plain(content, f"{key}.{name}".strip(".")) for name, content in kept}
    if isinstance(value, list | tuple):
        return [_plain(part, key) for part in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ConfigError(f"configuration key '{key}' holds a {type(value).__name__}, which YAML cannot hold")


class Dumper(yaml.SafeDumper):
    """Quotes every string that some YAML reader, old or new, would take for something else (`on`, `1e-4`)."""

    def ignore_aliases(self, data: Any) -> bool:
        """No anchors: a value that occurs twice is written twice."""
        return True


Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(rf"(?:{NUMBER.pattern})\Z"), list("+-.0123456789i"))
