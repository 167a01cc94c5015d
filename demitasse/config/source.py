"""YAML as it was written: texts with their places, before anyone decides what type a text has.

What a text means is left to the field that takes it, so YAML 1.1's surprises cannot happen: `1e-4` is a number
for a float field (a string to most YAML readers), `1a` and `0` are both strings in a list of strings, `01:30`
is not 90, and a string field may be `on` or `no`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer

from demitasse.errors import ConfigError

INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")
NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9_]*|0[0-9]*)(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[-+]?\.?inf")
NULLS = ("", "~", "null", "Null", "NULL")
TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
COMMAND_LINE = "command line"
_SECRETIVE = re.compile(r"key|token|secret|passw", re.IGNORECASE)


@dataclass(slots=True)
class Source:
    """A piece of configuration as written.

    Attributes:
        content: a scalar's text, a list, or a mapping.
        place: "recipes/a.yaml, line 3" or "command line".
        quoted: whether a scalar stood in quotes or as a block, and so is a string for certain.
    """

    content: str | list[Source] | dict[str, Source]
    place: str
    quoted: bool = False

    @property
    def is_null(self) -> bool:
        """Whether this is YAML's null."""
        return not self.quoted and isinstance(self.content, str) and self.content in NULLS

    def shown(self) -> str:
        """The value as it may stand in a message, on one line, cut to 60 characters."""
        text = "null" if self.is_null else _flat(self)
        return text if len(text) <= 60 else text[:57] + "..."


def _flat(source: Source) -> str:
    match source.content:
        case str(text):
            return repr(text) if source.quoted else text
        case list(parts):
            return "[" + ", ".join(_flat(part) for part in parts) + "]"
        case pairs:
            shown = (f"{key}: {'(hidden)' if may_be_secret(key) else _flat(part)}" for key, part in pairs.items())
            return "{" + ", ".join(shown) + "}"


def is_secret(name: str) -> bool:
    """Whether a key's name says that its value must never reach a file or a message."""
    return name.endswith("api_key")


def may_be_secret(name: str) -> bool:
    """Whether a key that nobody declared could be meant for a secret (`apikey`, `token`); no message repeats it."""
    return _SECRETIVE.search(name) is not None


def read_file(path: Path) -> Source:
    """The mapping in a YAML file.

    Raises:
        ConfigError: if it cannot be read, is not YAML, holds no mapping, or gives a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as fault:
        raise ConfigError(f"{path} cannot be read: {fault.strerror or fault}") from fault
    except UnicodeDecodeError as fault:
        raise ConfigError(f"{path} is not UTF-8 text (byte {fault.start})") from fault
    source = _parse(text, str(path))
    if source.is_null:
        return Source({}, str(path))
    if not isinstance(source.content, dict):
        raise ConfigError(f"{path} holds {source.shown()}, not a mapping of keys to values")
    return source


def override(root: Source, text: str, section: str | None = None) -> None:
    """Put one `a.b=value` into a mapping. `section` is a prefix that may be given or left out.

    As Hydra has it, `+` or `++` before the key changes nothing here, and `~a.b` takes the key out again. A value in
    brackets, braces or quotes is YAML; any other is the text as it stands, for in `cam #3` YAML would see a comment.

    Raises:
        ConfigError: if it is not `key=value`, or a part of the key is no mapping.
    """
    key, equals, value = text.partition("=")
    removed, key = key.strip().startswith("~"), key.strip().lstrip("+~")
    if not key or not (equals or removed):
        shown = (re.match(r"[\w.]*", text) or [""])[0]
        hint = "; a file is named with --config" if text.endswith((".yaml", ".yml")) else "; no space stands around ="
        raise ConfigError(f"{COMMAND_LINE}: '{shown}' is not of the form key=value{hint}")
    *parents, last = key.removeprefix(f"{section}.").split(".") if section else key.split(".")
    target = root
    for parent in parents:
        pairs = _mapping(target, key)
        if parent not in pairs or pairs[parent].is_null:
            pairs[parent] = Source({}, COMMAND_LINE)
        target = pairs[parent]
    if removed:
        _mapping(target, key).pop(last, None)
    else:
        _mapping(target, key)[last] = _value(value.strip())


def _value(text: str) -> Source:
    if text.startswith(("[", "{", '"', "'")):
        return _parse(text, COMMAND_LINE)
    return Source(text, COMMAND_LINE, quoted=not text)


def _mapping(source: Source, key: str) -> dict[str, Source]:
    if not isinstance(source.content, dict):
        raise ConfigError(f"{COMMAND_LINE}: '{key}' cannot be set, because a part of it ({source.place}) is no mapping")
    return source.content


# Where PyYAML was built without libyaml its own parser stands in, a tenth as fast.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(Composer, _Parser):
    """libyaml's parser under Python's composer.

    libyaml's own composer goes down into lists without a limit: a file of very many brackets would end the process.
    """

    def __init__(self, text: str) -> None:
        _Parser.__init__(self, text)
        Composer.__init__(self)


def _parse(text: str, name: str) -> Source:
    try:
        node = _Loader(text).get_single_node()
        return _source(node, name) if node else Source("", name)
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        # What is missing at the end of the text is missed by libyaml on the line behind it.
        line = f", line {min(mark.line, text.count(chr(10))) + 1}" if mark and name != COMMAND_LINE else ""
        problem = getattr(fault, "problem", None) or "it cannot be parsed"
        raise ConfigError(f"{name}{line}: not readable as YAML: {problem}") from fault
    except UnicodeError as fault:
        raise ConfigError(f"{name}: not readable as YAML: it is not Unicode text") from fault
    except RecursionError as fault:
        raise ConfigError(f"{name}: an alias holds itself, or lists nest too deeply") from fault


def _source(node: yaml.Node, name: str) -> Source:
    place = _place(node, name)
    if not node.tag.startswith("tag:yaml.org,2002:") or node.tag.startswith("tag:yaml.org,2002:python"):
        raise ConfigError(f"{place}: the tag {node.tag} is not allowed; write plain values")
    if isinstance(node, yaml.ScalarNode):
        return Source(node.value, place, quoted=bool(node.style))
    if isinstance(node, yaml.SequenceNode):
        return Source([_source(child, name) for child in node.value], place)
    return Source(_pairs(node, name), place)


def _pairs(node: Any, name: str) -> dict[str, Source]:
    """A mapping's keys and values, with merged (`<<`) ones first so that the mapping's own win."""
    own: dict[str, Source] = {}
    merged: dict[str, Source] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(f"{_place(key, name)}: a key must be a plain word")
        if key.value == "<<" and not key.style:
            for parent in _parents(value, name):
                merged = _pairs(parent, name) | merged
        elif key.value in own:
            raise ConfigError(f"{_place(key, name)}: key '{key.value}' is given twice in one mapping")
        else:
            own[key.value] = _source(value, name)
    return merged | own


def _parents(node: Any, name: str) -> Iterator[yaml.MappingNode]:
    for parent in node.value if isinstance(node, yaml.SequenceNode) else [node]:
        if not isinstance(parent, yaml.MappingNode):
            raise ConfigError(f"{_place(node, name)}: '<<' must be followed by a mapping")
        yield parent


def _place(node: yaml.Node, name: str) -> str:
    return name if name == COMMAND_LINE else f"{name}, line {node.start_mark.line + 1}"
