"""A loaded pack: complete, filled in, and held to the table of what the program asks and fills in.

Text says `{name}` where a value goes. Filling in is one pass of plain replacement: every other brace is text, and
braces inside a value (captions are model output) are never read again, which `str.format` would do.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from demitasse.errors import ConfigError
from demitasse.prompts.blanks import blanks_of
from demitasse.prompts.file import LAYOUTS, nearest, read_pack_text

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Placeholders:
    """The names that a prompt must use, and those that it may use besides."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()

    @classmethod
    def of(cls, required: str = "", optional: str = "") -> Placeholders:
        """Those with these names, which have spaces between them."""
        return cls(frozenset(required.split()), frozenset(optional.split()))

    @property
    def known(self) -> frozenset[str]:
        """Every name that the program fills in."""
        return self.required | self.optional


@dataclass(frozen=True)
class Pack:
    """A loaded pack, complete and checked. `layout` is "own" if its prompts say how a reply is laid out."""

    name: str
    about: str
    system: str
    prompts: Mapping[str, str]
    layout: str = LAYOUTS[0]

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


def load_pack(name: str, table: Mapping[str, Placeholders], used: Collection[str] | None = None) -> Pack:
    """Read a pack by its name (`general`: the file of that name in `prompts/`) or by the path of its file.

    Args:
        name: a name, or a path that ends in .yaml or .yml.
        table: every key that the pack must have, with its placeholders.
        used: the keys that will be asked: in these no blank (`[DOMAIN]`) may be left; None for all of them, and
            none to look at a pack that is not finished.

    Raises:
        ConfigError: as `read_pack_text`, and if the pack lacks a key, has an unknown key, an empty prompt, an
            unknown placeholder, misses a required one, or has an unfilled blank in a prompt that is used.
    """
    text = read_pack_text(name)
    for key in sorted(set(text.prompts) - set(table)):
        raise ConfigError(f"{text.places[key]}: unknown prompt '{key}'{nearest(key, set(table))}")
    prompts = {key: text.filled(prompt) for key, prompt in text.prompts.items()}
    pack = Pack(text.path.stem, text.about, text.filled(text.system), prompts, text.layout)
    return checked(pack, table, used, str(text.path), {key: str(path) for key, path in text.places.items()})


def checked(
    pack: Pack,
    table: Mapping[str, Placeholders],
    used: Collection[str] | None,
    place: str,
    places: Mapping[str, str] | None = None,
) -> Pack:
    """The pack in the order of the table, if it holds what the table asks; `place` says where it was read.

    Raises:
        ConfigError: as `load_pack`.
    """
    missing = [key for key in table if key not in pack.prompts]
    if missing:
        raise ConfigError(f"{place}: the pack lacks {_listed(missing)}; all {len(table)} prompts must be there")
    for key, placeholders in table.items():
        _check_prompt((places or {}).get(key, place), key, pack.prompts[key], placeholders)
    asked = {key: pack.prompts[key] for key in table if used is None or key in used}
    _check_blanks(place, {"system": pack.system} | asked if asked else {})
    prompts = {key: pack.prompts[key] for key in table}
    return Pack(pack.name, pack.about, pack.system, prompts, pack.layout)


def _check_prompt(place: str, key: str, text: str, placeholders: Placeholders) -> None:
    if not text.strip():
        raise ConfigError(f"{place}: the prompt '{key}' is empty or not text; write it, or start from the general pack")
    used = set(_PLACEHOLDER.findall(text))
    for name in sorted(used - placeholders.known):
        hint = nearest(name, placeholders.known)
        raise ConfigError(f"{place}: the prompt '{key}' uses {{{name}}}, which is not filled in there{hint}")
    missing = sorted(placeholders.required - used)
    if missing:
        raise ConfigError(f"{place}: the prompt '{key}' must use {_listed([f'{{{name}}}' for name in missing])}")


def _check_blanks(place: str, texts: Mapping[str, str]) -> None:
    """No text that will be sent has a blank left in it."""
    left: dict[str, str] = {}
    for key, text in texts.items():
        for name in blanks_of(text):
            left.setdefault(name, key)
    if left:
        name, key = next(iter(left.items()))
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        raise ConfigError(
            f"{place}: the prompt '{key}' still has the placeholder [{name}]{more}: fill them in (a pack does so "
            f"under 'fill'); `demitasse annotate workshop --check PACK` lists them"
        )


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
