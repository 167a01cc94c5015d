"""A stage's command line as its own parser reads it, long before the stage runs.

A word that is misspelt in the last stage of a recipe must not be found after the first ones have taken hours and money.
The command's parser reads the line, and then the command itself checks what it can without data (`demitasse.cli`).
What an earlier stage writes is not there yet: a configuration in the run's folder is left for later.
"""

from __future__ import annotations

import argparse
import re
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from demitasse.errors import ConfigError, DemitasseError
from demitasse.recipe.read import Recipe
from demitasse.recipe.words import YAML, within

_STARRED = re.compile(r"'(\{\*\w+\})'")  # which need quotes in no recipe
LONGEST = 90  # characters of a command in a message

Check = Callable[[Namespace], None]


class _Parser(ArgumentParser):
    """Raises what it would print, and knows no `--help`, which would end the recipe."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "add_help": False})

    def error(self, message: str) -> NoReturn:
        raise ConfigError(message)


def read_arguments(recipe: Recipe, place: int, shown: Callable[[str], str]) -> Namespace:
    """The arguments of a stage.

    Args:
        recipe: that has it.
        place: of the stage, from 0.
        shown: a command as it may be printed.

    Raises:
        ConfigError: if its command would refuse them, naming the recipe's file, the stage, and what is wrong.
    """
    name, *words = shlex.split(recipe.commands[place])
    parser = _Parser()
    with refusing(recipe, place, shown):
        check = _declared(name, parser)
        args = _parsed(parser, words)
        if has_settings(recipe, args):
            check(args)
    return args


def has_settings(recipe: Recipe, args: Namespace) -> bool:
    """Whether the configurations that arguments name are there to be read, and by no earlier stage to be written."""
    return all(path.is_file() and not within(path, recipe.run) for path in _configurations(args))


@contextmanager
def refusing(recipe: Recipe, place: int, shown: Callable[[str], str]) -> Iterator[None]:
    """Tell what a stage's command has against its arguments with the recipe's file and the stage.

    Raises:
        ConfigError: for any error of what is done within.
    """
    try:
        yield
    except DemitasseError as fault:
        command = _STARRED.sub(r"\1", shown(recipe.stages[place]))
        cut = command if len(command) <= LONGEST else f"{command[: LONGEST - 1]}…"
        where = f"{recipe.origins[place]}: stage {place + 1}, `{cut}`"
        raise ConfigError(f"{where}, would be refused: {fault}{_source(recipe, place, fault)}") from None


def _declared(name: str, parser: ArgumentParser) -> Check:
    from demitasse import cli  # not above: the command line imports the module that imports this one

    return cli.arguments_of(name, parser)


def _parsed(parser: ArgumentParser, words: list[str]) -> Namespace:
    try:
        return parser.parse_args(words)
    except ConfigError as fault:
        known = set(_options(parser, words))
        for word in words:
            option = word.partition("=")[0]
            if option.startswith("--") and not any(one.startswith(option) for one in known):
                raise _Misspelt(option, get_close_matches(option, known, n=2)) from None
        raise fault


class _Misspelt(ConfigError):
    """An option that there is not."""

    def __init__(self, option: str, near: list[str]) -> None:
        super().__init__(f"there is no {option}" + (f"; did you mean {' or '.join(sorted(near))}?" if near else ""))
        self.option = option


def _options(parser: ArgumentParser, words: list[str]) -> Iterator[str]:
    """Those of a command, and of the subcommand that the words name."""
    yield from parser._option_string_actions
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and words and words[0] in action.choices:
            yield from _options(action.choices[words[0]], words[1:])


def _source(recipe: Recipe, place: int, fault: DemitasseError) -> str:
    """Where a misspelt option comes from, if it stands in a value and not in the stage."""
    if not isinstance(fault, _Misspelt) or fault.option in recipe.stages[place]:
        return ""
    found = [name for name, value in recipe.values.items() if fault.option in value]
    return f" (it stands in the value '{found[0]}')" if found else ""


def _configurations(args: Namespace) -> Iterator[Path]:
    """The YAML files that the arguments name."""
    for value in vars(args).values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str | Path) and str(one).endswith(YAML) and "=" not in str(one):
                yield Path(one)
