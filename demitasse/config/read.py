"""From what was written to what a dataclass declares, field by field, with a sentence for each thing that is wrong."""

from __future__ import annotations

import dataclasses
import operator
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from demitasse.config.source import (
    COMMAND_LINE,
    INTEGER,
    NUMBER,
    TRUTHS,
    Source,
    is_secret,
    may_be_secret,
    override,
    read_file,
)
from demitasse.errors import ConfigError, DemitasseError

Config = TypeVar("Config")

UNSET = "???"  # what OmegaConf, and so TAO's files, write for a value that is still to be given
_ELSEWHERE = 0.8  # how alike a key of another section must be: "model.lora.rank" was no slip for "track"
_LIMITS = {
    "ge": (operator.ge, "at least"),
    "gt": (operator.gt, "more than"),
    "le": (operator.le, "at most"),
    "lt": (operator.lt, "less than"),
}


def read_config(
    cls: type[Config], path: Path | str | None, overrides: Sequence[str] = (), section: str | None = None
) -> Config:
    """Read a dataclass from a YAML file and `a.b=value` overrides, which win.

    Args:
        cls: a dataclass; its fields may be dataclasses, bool, int, float, str, Path, enums, Literal, lists, tuples,
            dicts, unions and None, and Any.
        path: the file; None for defaults and overrides alone.
        overrides: each sets one key; values are YAML: `steps=[0, 1a]`, `model=null`. An empty value is the empty
            string. With a `section`, keys count from the section; its name before them may be given too.
        section: dotted path of the part of the file to read; the rest is another reader's and is not looked at.

    Raises:
        ConfigError: with the key, the value, the file and line (or "command line"), and the nearest valid key.
    """
    root = Source({}, COMMAND_LINE) if path is None else read_file(Path(path))
    if section is not None and path is not None:
        root = _section(root, section)
    prefix = section if section and section.split(".")[0] not in _names(cls) else None
    for text in overrides:
        override(root, text, prefix)
    value: Config = _Reader(cls).dataclass(root, cls, "")
    return value


def _section(root: Source, section: str) -> Source:
    for name in section.split("."):
        pairs = root.content if isinstance(root.content, dict) else {}
        if name not in pairs:
            near = get_close_matches(name, pairs, n=1)
            hint = f"the nearest is '{near[0]}'" if near else f"there are: {', '.join(pairs) or 'none'}"
            raise ConfigError(f"{root.place}: there is no section '{name}:'; {hint}")
        root = pairs[name]
    return Source({}, root.place) if root.is_null else root


@dataclass(frozen=True, slots=True)
class _Reader:
    """Converts by type. `root` is the whole tree's class: a misplaced key is looked for in all of it."""

    root: type

    def dataclass(self, source: Source, cls: type, key: str) -> Any:
        pairs = {} if source.is_null else source.content
        if not isinstance(pairs, dict):
            raise _fault(source, key, f"a mapping with the keys {', '.join(_names(cls))}")
        fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
        hints = get_type_hints(cls, include_extras=True)
        for name, value in pairs.items():
            if name not in fields:
                raise self._unknown(value, _dotted(key, name), _names(cls))
        pairs = {name: value for name, value in pairs.items() if value.content != UNSET}
        missing = [name for name, field in fields.items() if name not in pairs and _is_required(field)]
        if missing:
            raise ConfigError(f"{source.place}: '{_dotted(key, missing[0])}' is missing, and it has no default")
        values = {name: self._field(pairs[name], fields[name], hints[name], key) for name in fields if name in pairs}
        try:
            return cls(**values)
        except (ValueError, TypeError, DemitasseError) as fault:
            raise ConfigError(f"{source.place}: " + (f"'{key}': " if key else "") + str(fault)) from fault

    def _field(self, source: Source, field: dataclasses.Field[Any], hint: Any, parent: str) -> Any:
        key = _dotted(parent, field.name)
        try:
            value = self.value(source, hint, key)
            _check_limits(source, value, field.metadata, key)
            return value
        except ConfigError:
            if is_secret(field.name) or field.metadata.get("secret"):
                raise ConfigError(f"{source.place}: '{key}' cannot be used as it is given (it is not shown)") from None
            raise

    def value(self, source: Source, hint: Any, key: str) -> Any:
        """What a piece of configuration means for a field of type `hint`."""
        if get_origin(hint) is Annotated:
            hint = get_args(hint)[0]
        origin, args = get_origin(hint), get_args(hint)
        if origin in (Union, types.UnionType):
            return self._union(source, args, key)
        if origin is Literal:
            return _one_of(source, {str(choice): choice for choice in args}, key)
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            return self.dataclass(source, hint, key)
        if (origin or hint) in (list, tuple, Sequence):
            return self._list(source, origin or hint, args, key)
        if (origin or hint) in (dict, Mapping):
            return self._dict(source, args, key)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return _one_of(source, {str(member.value): member for member in hint}, key)
        return _scalar(source, hint, key)

    def _union(self, source: Source, hints: tuple[Any, ...], key: str) -> Any:
        if source.is_null and types.NoneType in hints:
            return None
        hints = tuple(hint for hint in hints if hint is not types.NoneType)
        same_shape = [hint for hint in hints if _shape(hint) is type(source.content)]
        if len(same_shape or hints) == 1:  # no choice: let its own error be heard
            return self.value(source, (same_shape or hints)[0], key)
        for hint in sorted(hints, key=lambda hint: hint is str):  # every scalar is a string: that one last
            try:
                return self.value(source, hint, key)
            except ConfigError:
                continue
        raise _fault(source, key, " or ".join(_type_name(hint) for hint in hints))

    def _list(self, source: Source, kind: type, args: tuple[Any, ...], key: str) -> Any:
        if not isinstance(source.content, list):
            raise _fault(source, key, f"a list such as [{source.shown()}]")
        fixed = kind is tuple and args and args[-1] is not Ellipsis
        if fixed and len(args) != len(source.content):
            raise _fault(source, key, f"a list of {len(args)} values")
        hints = args if fixed else (args[0] if args else Any,) * len(source.content)
        values = [
            self.value(part, hint, f"{key}[{index}]")
            for index, (part, hint) in enumerate(zip(source.content, hints, strict=True))
        ]
        return tuple(values) if kind is tuple else values

    def _dict(self, source: Source, args: tuple[Any, ...], key: str) -> dict[Any, Any]:
        pairs = {} if source.is_null else source.content
        if not isinstance(pairs, dict):
            raise _fault(source, key, "a mapping of keys to values")
        key_hint, value_hint = args or (str, Any)
        return {
            self.value(Source(name, part.place), key_hint, key): self.value(part, value_hint, _dotted(key, name))
            for name, part in pairs.items()
        }

    def _unknown(self, source: Source, key: str, siblings: list[str]) -> ConfigError:
        *parents, name = key.split(".")
        near = [".".join([*parents, close]) for close in get_close_matches(name, siblings, n=1)]
        here = "" if near else f"valid here: {', '.join(siblings)}"
        if not near:
            by_leaf = {path.split(".")[-1]: path for path in _paths(self.root)}
            near = [by_leaf[close] for close in get_close_matches(name, by_leaf, n=1, cutoff=_ELSEWHERE)]
        hint = "; ".join([f"the nearest valid key is '{one}'" for one in near] + ([here] if here else []))
        shown = "(hidden)" if may_be_secret(name) else source.shown()
        return ConfigError(f"{source.place}: unknown key '{key}' (value {shown}); {hint}")


def _scalar(source: Source, hint: Any, key: str) -> Any:
    if hint in (Any, object):
        return _untyped(source)
    text = source.content
    if not isinstance(text, str) or (source.is_null and hint is not types.NoneType):
        raise _fault(source, key, _type_name(hint))
    if hint in (str, Path):
        return hint(text)
    if not source.quoted:
        if hint is types.NoneType and source.is_null:
            return None
        if hint is bool and text.lower() in TRUTHS:
            return TRUTHS[text.lower()]
        if hint is int and INTEGER.fullmatch(text):
            return int(text)
        if hint is float and NUMBER.fullmatch(text):
            return float(text.replace(".inf", "inf"))
    if hint not in (bool, int, float, types.NoneType):
        raise TypeError(f"configuration field '{key}' has the type {hint}, which cannot be read from YAML")
    raise _fault(source, key, _type_name(hint))


def _untyped(source: Source) -> Any:
    """A value for a field of no type, by YAML 1.2's rules: `on` and `1a` are strings, `1e-4` is a number."""
    content = source.content
    if isinstance(content, list):
        return [_untyped(part) for part in content]
    if isinstance(content, dict):
        return {key: _untyped(part) for key, part in content.items()}
    if source.quoted:
        return content
    if source.is_null:
        return None
    if content.lower() in ("true", "false"):
        return TRUTHS[content.lower()]
    if INTEGER.fullmatch(content):
        return int(content)
    return float(content.replace(".inf", "inf")) if NUMBER.fullmatch(content) else content


def _one_of(source: Source, choices: Mapping[str, Any], key: str) -> Any:
    if source.is_null and None in choices.values():
        return None
    text = source.content
    if isinstance(text, str):
        if text in choices:
            return choices[text]
        truth = None if source.quoted else TRUTHS.get(text.lower())
        if truth is not None and any(choice is truth for choice in choices.values()):
            return truth
    near = get_close_matches(str(text), choices, n=1)
    raise _fault(source, key, f"one of {', '.join(choices)}" + (f" (did you mean {near[0]}?)" if near else ""))


def _check_limits(source: Source, value: Any, metadata: Mapping[Any, Any], key: str) -> None:
    for part in value if isinstance(value, list | tuple) else [value]:
        if part is None:
            continue
        for name, (holds, words) in _LIMITS.items():
            if name in metadata and not holds(part, metadata[name]):
                raise _fault(source, key, f"{words} {metadata[name]}")
        if "choices" in metadata and part not in metadata["choices"]:
            raise _fault(source, key, f"one of {', '.join(map(str, metadata['choices']))}")


def _fault(source: Source, key: str, expected: str) -> ConfigError:
    subject = f"'{key}' is" if key else "this is"
    return ConfigError(f"{source.place}: {subject} {source.shown()}, but must be {expected}")


def _type_name(hint: Any) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a string", Path: "a path"}
    if hint in names:
        return names[hint]
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, get_args(hint)))}"
    kinds: dict[type, str] = {dict: "a mapping", list: "a list", str: "a single value"}
    return kinds[_shape(hint)]


def _shape(hint: Any) -> type:
    """What kind of source a type is read from: a mapping, a list, or a scalar's text."""
    origin = get_origin(hint) or hint
    if origin in (dict, Mapping) or dataclasses.is_dataclass(origin):
        return dict
    return list if origin in (list, tuple, Sequence) else str


def _dotted(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name


def _names(cls: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(cls) if field.init]


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _paths(cls: Any, parent: str = "") -> Iterator[str]:
    """Every dotted key of a tree of dataclasses."""
    hints = get_type_hints(cls)
    for name in _names(cls):
        yield _dotted(parent, name)
        for inner in [hints[name], *get_args(hints[name])]:
            if dataclasses.is_dataclass(inner):
                yield from _paths(inner, _dotted(parent, name))
