"""What a stage's command line names: files and folders, its configuration, and what that is overridden with.

Nothing is run to find out. A path is a word, or the value of `name=value`, with a slash in it or with a file's ending;
what a configuration's own section names counts too, unless the command line says otherwise. A frame cache is none of
them: it decides no answer.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demitasse.config.source import COMMAND_LINE, Source, override, read_file
from demitasse.errors import ConfigError
from demitasse.recipe.read import SECTION

YAML = (".yaml", ".yml")
CONFIG_OPTIONS = ("--config", "-e", "--spec")
SECTION_OF = {"check": "annotate", "gaps": "annotate"}  # commands that read another's
QUALITY = "quality"  # a kind of `annotate` that reads a section of its own
_CACHE = re.compile(r"(--cache|(\w+\.)*cache(_dir)?)$")
_ENDING = re.compile(r"\.[A-Za-z]\w*$")
_SETS = re.compile(r"(?P<name>[^=/]+)=(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Words:
    """A command line, taken apart.

    Attributes:
        name: the first word.
        words: the others.
        config: the file that an option names as the configuration.
        paths: what is named, whether it is there or not, in order and once each; configurations that are recipes, of
            which a command reads a section, are in `configs` instead.
        configs: see `paths`.
        caches: folders that decide nothing.
    """

    name: str
    words: list[str]
    config: Path | None
    paths: list[Path]
    configs: list[Path]
    caches: list[Path]

    @property
    def section(self) -> str:
        """What the command reads of a configuration, where there is a section of that name."""
        return _section_of(self.name, self.words)


def _section_of(name: str, words: list[str]) -> str:
    return QUALITY if name == "annotate" and words[:1] == [QUALITY] else SECTION_OF.get(name, name)


def take_apart(command: str) -> Words:
    """Take a command line apart.

    Raises:
        ConfigError: if a configuration that it names cannot be read, or its quotes are not closed.
    """
    try:
        all_words = shlex.split(command)
    except ValueError as fault:
        raise ConfigError(f"the stage '{command}' cannot be read as a command: {fault}") from fault
    if not all_words:
        raise ConfigError("a stage of the recipe has no words; write its command, or take it out")
    name, *words = all_words
    pairs = zip(words, words[1:], strict=False)
    config = next((Path(word) for option, word in pairs if option in CONFIG_OPTIONS), None)
    named, caches = _sorted(_values(words))
    configs = [path for path in named if _is_recipe(path)]
    other = [config] if config and config not in configs and config.suffix in YAML and config.is_file() else []
    for file in [*configs, *other]:
        inner, inner_caches = _sorted(_leaves(file, _section_of(name, words), _overridden(name, words)))
        named += [path for path in inner if os.path.exists(path)]
        caches += inner_caches
    paths = [path for path in dict.fromkeys(named) if path not in configs and path not in caches]
    return Words(name, words, config, paths, configs, caches)


def section_read(file: Path, name: str) -> Any:
    """What a command reads of a recipe's file: its section `name` if there is one, and else all but the stages."""
    sections: dict[str, Any] = _plain(read_file(file))
    return sections[name] if name in sections else {key: value for key, value in sections.items() if key != SECTION}


def settings_in(words: Words) -> Iterator[tuple[str, str]]:
    """Every single value of the settings that a command reads, with its key: on its line, or else in its section."""
    for word in words.words:
        found = _SETS.fullmatch(word)
        if found and not word.startswith("-"):
            key = found["name"].lstrip("+~").removeprefix(f"{words.name}.")
            yield from ((key, member) for member in _members(found["value"]))
    for file in words.configs:
        yield from _leaves(file, words.section, _overridden(words.name, words.words))


def _values(words: list[str]) -> Iterator[tuple[str, str]]:
    """Every single value with the option or key before it."""
    before = ""
    for word in words:
        found = _SETS.fullmatch(word)
        key, value = (found["name"], found["value"]) if found else (before, word)
        for part in _members(value):
            yield key, part
        if not found:
            before = word if word.startswith("-") else before


def _members(value: str) -> list[str]:
    """The single values of a list; anything else is one."""
    if not value.startswith("["):
        return [value]
    root = Source({}, COMMAND_LINE)
    try:
        override(root, f"list={value}")
    except ConfigError:  # the command will say so
        return [part.strip() for part in value.strip("[]").split(",")]
    return [member for _, member in _flat("list", _plain(root)["list"])]


def _leaves(file: Path, name: str, overridden: list[str]) -> Iterator[tuple[str, str]]:
    for key, value in _flat("", section_read(file, name)):
        if not any(f".{key}".endswith(f".{one}") for one in overridden):
            yield key, value


def _flat(key: str, content: Any) -> Iterator[tuple[str, str]]:
    if isinstance(content, dict):
        for name, value in content.items():
            yield from _flat(f"{key}.{name}" if key else name, value)
    elif isinstance(content, list):
        for value in content:
            yield from _flat(key, value)
    else:
        yield key, content


def _overridden(name: str, words: list[str]) -> list[str]:
    """Keys of the section that the command line sets."""
    found = [match["name"] for match in map(_SETS.fullmatch, words) if match]
    return [key.lstrip("+~").removeprefix(f"{name}.") for key in found]


def _sorted(values: Iterator[tuple[str, str]]) -> tuple[list[Path], list[Path]]:
    """Paths and caches among the values."""
    paths, caches = [], []
    for key, value in values:
        if _CACHE.fullmatch(key):
            caches.append(Path(value))
        elif _names_a_path(value):
            paths.append(Path(value))
    return paths, caches


def _names_a_path(value: str) -> bool:
    if not value or value.startswith("-") or "://" in value or "\n" in value:
        return False
    return "/" in value or bool(_ENDING.search(value) and os.path.exists(value))


def _is_recipe(path: Path) -> bool:
    if path.suffix not in YAML or not path.is_file():
        return False
    content = read_file(path).content
    return isinstance(content, dict) and SECTION in content


def within(path: Path, folder: Path) -> bool:
    """Whether a path is a folder or lies below it."""
    return path.absolute().is_relative_to(folder.absolute())


def _plain(source: Source) -> Any:
    """A configuration as texts, lists and mappings; quotes are kept, as `"1"` and `1` are not the same."""
    if isinstance(source.content, dict):
        return {key: _plain(value) for key, value in source.content.items()}
    if isinstance(source.content, list):
        return [_plain(value) for value in source.content]
    return source.content
