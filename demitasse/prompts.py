"""Prompt packs: plain-text prompts in one YAML file that a person edits, checked whole when it is loaded.

A pack has `about` (one line), `system` (the system message) and `prompts` (key to text). Text says `{name}`
where a value goes. Filling in is one pass of plain replacement: every other brace is text, and braces inside
a value (captions are model output) are never read again, which `str.format` would do.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demitasse.config.source import read_file
from demitasse.errors import ConfigError
from demitasse.stages import CHECKOUT

PACKS = CHECKOUT / "prompts"
_FIELDS = ("about", "system", "prompts")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Placeholders:
    """The names that a prompt must use, and those that it may use besides."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()

    @property
    def known(self) -> frozenset[str]:
        """Every name that the program fills in."""
        return self.required | self.optional


@dataclass(frozen=True)
class Pack:
    """A loaded pack, complete and checked."""

    name: str
    about: str
    system: str
    prompts: Mapping[str, str]

    def render(self, key: str, values: Mapping[str, str]) -> str:
        """The prompt with its placeholders filled in; values are inserted as they are.

        Raises:
            KeyError: if the pack has no such prompt, or a placeholder of it has no value: a defect of the caller,
                since `load_pack` has held the pack to the caller's table.
        """
        return _PLACEHOLDER.sub(lambda match: values[match[1]], self.prompts[key])

    def hash(self, key: str) -> str:
        """Sixteen hexadecimal digits that change when the system message or this prompt is edited."""
        return hashlib.sha256(f"{self.system}\0{self.prompts[key]}".encode()).hexdigest()[:16]


def load_pack(name: str, table: Mapping[str, Placeholders]) -> Pack:
    """Read a pack by its name (`general`: the file of that name in `prompts/`) or by the path of its file.

    Args:
        name: a name, or a path that ends in .yaml or .yml.
        table: every key that the pack must have, with its placeholders.

    Raises:
        ConfigError: if the file cannot be read, lacks a key, has an unknown key, an empty prompt, an unknown
            placeholder, or misses a required one.
    """
    path = _find(name)
    content = _read(path)
    prompts = content["prompts"]
    _check_names(path, "prompt", set(prompts), set(table))
    missing = [key for key in table if key not in prompts]
    if missing:
        raise ConfigError(f"{path}: the pack lacks {_listed(missing)}; all {len(table)} prompts must be there")
    for key, placeholders in table.items():
        _check_prompt(path, key, prompts[key], placeholders)
    texts = {key: prompts[key].strip() for key in table}
    return Pack(name=path.stem, about=content["about"].strip(), system=content["system"].strip(), prompts=texts)


def _find(name: str) -> Path:
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    path = PACKS / f"{name}.yaml"
    if not path.is_file():
        packs = sorted(file.stem for file in PACKS.glob("*.yaml"))
        raise ConfigError(f"there is no prompt pack '{name}': choose one of {', '.join(packs)}, or give a .yaml file")
    return path


def _read(path: Path) -> dict[str, Any]:
    """The pack's fields, each checked to be there and to be text, prompts as a mapping of texts."""
    content = read_file(path).content
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: a prompt pack is a mapping with the keys {', '.join(_FIELDS)}")
    _check_names(path, "key", set(content), set(_FIELDS))
    fields: dict[str, Any] = {name: content[name].content for name in _FIELDS if name in content}
    for name, kind, form in (("about", str, "text"), ("system", str, "text"), ("prompts", dict, "a mapping")):
        if not isinstance(fields.get(name), kind):
            raise ConfigError(f"{path}: '{name}' must be there and be {form}")
    fields["prompts"] = {key: prompt.content for key, prompt in fields["prompts"].items()}
    return fields


def _check_names(path: Path, kind: str, given: set[Any], known: set[str]) -> None:
    for name in sorted(given - known, key=str):
        raise ConfigError(f"{path}: unknown {kind} '{name}'{_nearest(str(name), known)}")


def _check_prompt(path: Path, key: str, text: Any, placeholders: Placeholders) -> None:
    if not isinstance(text, str) or not text.strip():
        raise ConfigError(f"{path}: the prompt '{key}' is empty or not text; write it, or start from the general pack")
    used = set(_PLACEHOLDER.findall(text))
    for name in sorted(used - placeholders.known):
        hint = _nearest(name, placeholders.known)
        raise ConfigError(f"{path}: the prompt '{key}' uses {{{name}}}, which is not filled in there{hint}")
    missing = sorted(placeholders.required - used)
    if missing:
        raise ConfigError(f"{path}: the prompt '{key}' must use {_listed([f'{{{name}}}' for name in missing])}")


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _nearest(name: str, known: set[str] | frozenset[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
