"""A configuration as a file to be edited: every field with its value and a comment, from the dataclasses alone."""

from __future__ import annotations

import dataclasses
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

from demitasse.config.save import Dumper, resolved
from demitasse.config.source import is_secret

_WIDTH = 118
_LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def commented(config: Any) -> str:
    """YAML of a dataclass tree that `read_config` reads back to the same values.

    A field's comment is its metadata's `help`, with the choices and limits that its metadata and type hold it to; a
    class that occurs again is written without comments, since they were read further up. A secret is a comment, so
    that its place is seen and its value is not. Fields marked `foreign` are left out.

    Raises:
        ConfigError: if a value is nothing that YAML can hold.
    """
    return "\n".join(_lines(config, "", set())).strip() + "\n"


def _lines(config: Any, indent: str, explained: set[type]) -> Iterator[str]:
    """The fields of one dataclass. `explained` are the classes whose comments have been written."""
    is_new, after_section = type(config) not in explained, False
    explained.add(type(config))
    hints = get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        comment = _comment(field, hints[field.name]) if is_new else ""
        if field.metadata.get("foreign"):
            continue
        if dataclasses.is_dataclass(value):
            yield ""
            yield from _comment_lines(comment, indent)
            yield f"{indent}{field.name}:"
            yield from _lines(value, f"{indent}  ", explained)
            after_section = True
            continue
        if after_section:
            yield ""
            after_section = False
        lines = [f"# {field.name}:"] if _is_secret(field) else _entry(field.name, value)
        yield from _beside(comment, [f"{indent}{line}" for line in lines], indent)


def _beside(comment: str, lines: list[str], indent: str) -> list[str]:
    """The comment at the end of the line, or above if that would grow too long."""
    if comment and len(lines) == 1 and len(lines[0]) + len(comment) + 4 <= _WIDTH:
        return [f"{lines[0]}  # {comment}"]
    return [*_comment_lines(comment, indent), *lines]


def _entry(name: str, value: Any) -> list[str]:
    """`name: value`; a list that is too long for one line has one for each part."""
    line = f"{name}: {_value(value)}"
    if len(line) <= _WIDTH or not isinstance(value, list | tuple):
        return [line]
    return [f"{name}:", *(f"  - {_value(part)}" for part in value)]


def _comment_lines(comment: str, indent: str) -> list[str]:
    return textwrap.wrap(comment, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _value(value: Any) -> str:
    plain = resolved(value)
    text = yaml.dump([plain], Dumper=Dumper, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False)
    return text.strip()[1:-1]


def _comment(field: dataclasses.Field[Any], hint: Any) -> str:
    help = field.metadata.get("help", "")
    return "; ".join(text for text in (help, _choices(field.metadata, hint, help), _limits(field.metadata)) if text)


def _is_secret(field: dataclasses.Field[Any]) -> bool:
    return is_secret(field.name) or bool(field.metadata.get("secret"))


def _choices(metadata: Mapping[Any, Any], hint: Any, help: str) -> str:
    """The choices, unless there are none or the help tells them all."""
    choices = metadata.get("choices") or (get_args(hint) if get_origin(hint) is Literal else ())
    names = [str(choice) for choice in choices if choice != ""]
    if len(names) < 2 or all(re.search(rf"\b{re.escape(name)}\b", help) for name in names):
        return ""
    word = "any of" if get_origin(hint) is list else "one of"
    return f"{word} {', '.join(names)}"


def _limits(metadata: Mapping[Any, Any]) -> str:
    """The limits, where there is more to them than that nothing is less than nothing."""
    limits = {name: metadata[name] for name in _LIMITS if name in metadata}
    if len(limits) == 1 and set(limits.values()) <= {0, 1}:
        return ""
    return ", ".join(f"{_LIMITS[name]} {limit}" for name, limit in limits.items())
