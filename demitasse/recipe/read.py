"""A recipe's file, and those that it extends, as values and commands.

The `recipe` section of a YAML file has `values`, what `{name}` stands for, and `stages`, the commands; or, instead of
stages, it names the file that it `extends`:

    recipe:
      extends: config.yaml          # that file's values and stages …
      before: [toyworld render …]   # … preceded by these …
      values: {steps: "6"}          # … with these values in place of its own

A stage is taken apart into words as in a shell, and then filled: `{name}` is the whole of its value, spaces and quotes
included, in one word or a part of it. `{*name}` stands for as many words as the value has: several options, or none.
In a list, `key=[{run}/a,{name}]`, each member is one whatever is in it; a `{name}` alone is as many as its value has.

Only this section is inherited. The others belong to the commands, which are told the file that has them:
`spec: "{recipe}/smoke.yaml"`. `{recipe}` is the folder of the file that is run, whichever it extends.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from demitasse.config import read_config
from demitasse.config.source import read_file
from demitasse.errors import ConfigError
from demitasse.stages import CHECKOUT

SECTION = "recipe"
RUN, FOLDER = "run", "recipe"  # values that every recipe has: where it writes, and where it lies itself
CONFIG = "config.yaml"  # what a recipe's file is called in its folder
DEEPEST = 5  # how deep values may name each other: enough for any sane recipe, and no endless loop for a circle
_NAME = re.compile(r"\{(\*?\w+)\}")
_LIST = re.compile(r"([^=\[\]]+=\[)(.+)\]", re.DOTALL)
_COMMA = re.compile(r"(\s*,\s*)")
_PARTED = re.compile(r"[,\[\]{}]|\s#|:(\s|$)|^[&*!|>%@`\"'#]")  # by YAML, in a list
_PLAIN_WORD = re.compile(r"[\w@%+=:,./{}\[\]…-]+")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is to be run.

    Attributes:
        path: the recipe's file.
        files: that file, and those that it extends, nearest first.
        values: what `{name}` in a stage stands for; `run` is the folder that everything is written to, `recipe` the
            folder of `path`.
        stages: the commands, without the word `demitasse`, as they are written.
        origins: the file that each of them stands in.
    """

    path: Path
    files: list[Path]
    values: dict[str, str]
    stages: list[str]
    origins: list[Path]

    @property
    def run(self) -> Path:
        """The folder that everything is written to."""
        return Path(self.filled(self.values[RUN]))

    @property
    def commands(self) -> list[str]:
        """The stages with their values in place, quoted where a shell would need it.

        Raises:
            ConfigError: for a `{name}` that stands for nothing, or a stage whose quotes are not closed.
        """
        return [joined(self._words(stage)) for stage in self.stages]

    @property
    def portable(self) -> list[str]:
        """The stages with `{run}` and `{recipe}` left as they are: the same wherever the run and the checkout lie."""
        return [joined(self._words(stage, (RUN, FOLDER))) for stage in self.stages]

    @property
    def several(self) -> set[str]:
        """The values that a stage, or another value, takes as words."""
        named = _NAME.findall("\n".join([*self.stages, *self.values.values()]))
        return {name.removeprefix("*") for name in named if name.startswith("*")}

    def _words(self, text: str, but: Collection[str] = (), depth: int = DEEPEST) -> Iterator[str]:
        if not depth:
            raise self._circle()
        for word in self._split(text):
            if word.startswith("{*") and (several := _NAME.fullmatch(word)):
                yield from self._words(self._value(several[1].removeprefix("*")), but, depth - 1)
            else:
                yield self._filled_word(word, but)

    def _filled_word(self, word: str, but: Collection[str]) -> str:
        found = _LIST.fullmatch(word)
        return f"{found[1]}{self._members(found[2], but)}]" if found else self.filled(word, but)

    def _members(self, text: str, but: Collection[str], depth: int = DEEPEST) -> str:
        """The members of a list with values in place, in quotes where YAML would take one for several, or cut it."""
        if not depth:
            raise self._circle()
        if any(mark in text for mark in "[]\"'"):  # quoted already, or a list in a list
            return self.filled(text, but)
        members = _COMMA.split(text)
        for place in range(0, len(members), 2):
            several = _NAME.fullmatch(members[place])
            if several and several[1] not in (RUN, FOLDER):
                members[place] = self._members(self._value(several[1]), but, depth - 1)
            else:
                members[place] = _quoted(self.filled(members[place], but), but)
        return "".join(members)

    def _split(self, text: str) -> list[str]:
        try:
            return shlex.split(text)
        except ValueError as fault:
            raise ConfigError(f"{self.path}: '{text}' cannot be read as words: {fault}") from None

    def _value(self, name: str) -> str:
        if name.startswith("*"):
            raise ConfigError(f"{self.path}: '{{{name}}}' stands for words, and must be one of its own in a stage")
        if name not in self.values:
            known = ", ".join(self.values)
            raise ConfigError(f"{self.path}: '{{{name}}}' stands for nothing; recipe.values has {known}")
        return self.values[name]

    def _circle(self) -> ConfigError:
        return ConfigError(f"{self.path}: recipe.values refer to each other in a circle")

    def filled(self, text: str, but: Collection[str] = ()) -> str:
        """The text with each `{name}` replaced; a value may name others. Those in `but` stay.

        Raises:
            ConfigError: for a `{name}` that stands for nothing, or for itself.
        """
        for _ in range(DEEPEST):
            if all(name in but for name in _NAME.findall(text)):
                return text
            text = _NAME.sub(lambda found: found[0] if found[1] in but else self._value(found[1]), text)
        raise self._circle()


def _quoted(member: str, but: Collection[str]) -> str:
    """A member of a YAML list; names in `but` stand for themselves."""
    plain = _NAME.sub(lambda found: "" if found[1] in but else found[0], member)
    return json.dumps(member, ensure_ascii=False) if _PARTED.search(plain) else member


def joined(words: Iterable[str]) -> str:
    """Words as one line that can be taken apart again; those that need no quotes in a shell have none."""
    return " ".join(word if _PLAIN_WORD.fullmatch(word) else shlex.quote(word) for word in words)


@dataclass(frozen=True, slots=True)
class _Section:
    """The section `recipe` of one file."""

    values: dict[str, str] = field(default_factory=dict)
    stages: list[str] | None = None
    extends: Path | None = None
    before: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.stages is not None and self.extends is not None:
            raise ValueError("it has both `stages` and `extends`; put what comes ahead of the other's into `before`")
        if self.stages is None and self.extends is None:
            raise ValueError("it has no `stages`, and `extends` no file that has them")
        if self.stages == []:
            raise ValueError("`stages` is empty; name the commands to run, one a line")
        if self.before and self.extends is None:
            raise ValueError("`before` stands ahead of another file's stages, and there is no `extends` to name it")


def read_recipe(path: Path, overrides: list[str]) -> Recipe:
    """Read a recipe, and put `name=value` overrides in.

    Raises:
        ConfigError: if a file is no recipe, extends one that is absent or itself, or an override names no value of it.
    """
    files = [path]
    section = _read(path)
    values, declared = dict(section.values), section
    stages = [(stage, path) for stage in section.before]
    while declared.extends is not None:
        files.append(_extended(files, declared.extends))
        declared = _read(files[-1])
        values = declared.values | values
        stages += [(stage, files[-1]) for stage in declared.before]
    stages += [(stage, files[-1]) for stage in declared.stages or []]
    values |= {FOLDER: _short(path.resolve().parent)}
    values |= _given(path, overrides, values)
    if not values.get(RUN):
        raise ConfigError(f"{path}: recipe.values needs 'run', the folder that everything is written to")
    return Recipe(path, files, values, [stage for stage, _ in stages], [file for _, file in stages])


def _read(path: Path) -> _Section:
    if not path.is_file():
        raise ConfigError(f"{path}: {_not_a_file(path)}")
    if not has_recipe(path):
        raise ConfigError(f"{path}: it has no section `recipe` with the stages to run")
    return read_config(_Section, path, [], section=SECTION)


def _not_a_file(path: Path) -> str:
    what = "a folder, and no recipe" if path.is_dir() else "no such file"
    for folder in (path, Path("recipes") / path, CHECKOUT / "recipes" / path):
        if (folder / CONFIG).is_file():
            return f"{what}; did you mean {_short(folder / CONFIG)}?"
    return f"{what}; a recipe is a YAML file with `stages`"


def has_recipe(path: Path) -> bool:
    """Whether a configuration's file is a recipe.

    Raises:
        ConfigError: if it cannot be read.
    """
    content = read_file(path).content
    return isinstance(content, dict) and SECTION in content


def _extended(files: list[Path], named: Path) -> Path:
    """The file that the last of `files` extends; a relative name counts from the folder of the file that has it."""
    path = files[-1].parent / named
    if path.resolve() in [file.resolve() for file in files]:
        circle = " extends ".join(map(str, [*files, path]))
        raise ConfigError(f"{files[0]}: recipes extend each other in a circle: {circle}")
    if not path.is_file():
        raise ConfigError(f"{files[-1]}: recipe.extends is {named}, and there is no file {path}")
    return path


def _given(path: Path, overrides: list[str], values: Mapping[str, str]) -> dict[str, str]:
    """The overrides by name: what stands after the first `=` is the value to the letter, as all values are texts."""
    given = {}
    for override in overrides:
        name, sets, value = override.partition("=")
        if not sets:
            raise ConfigError(f"'{override}' on the command line is no name=value; a value with spaces needs quotes")
        if name not in values:
            raise ConfigError(f"{path}: there is no value '{name}' to set; there are {', '.join(sorted(values))}")
        given[name] = value
    return given


def _short(folder: Path) -> str:
    """A path as short as it can be written from here: commands work from any folder."""
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)
