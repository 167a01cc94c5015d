"""Run folders as they are named on the command line, and the command line that does the same again."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from demitasse.errors import ConfigError

POSITIONAL = ("run", "runs", "overrides")  # first, before an option could swallow them
REPEATED = ("note",)  # a flag for each


def spelled(command: str, args: argparse.Namespace) -> str:
    """The command line that does the same again, with every value in it that is not empty."""
    given = vars(args)
    words = ["demitasse", command]
    for name in POSITIONAL:
        value = given.get(name) or []
        words += map(str, value if isinstance(value, list) else [value])
    for name, value in given.items():
        values: Sequence[object] = value if isinstance(value, list) else [value]
        flag = f"--{name.replace('_', '-')}"
        if name in POSITIONAL:
            continue
        if value is True:
            words.append(flag)
        elif name in REPEATED or (name == "model" and isinstance(value, list)):  # of `judge`, one after the other
            words += [word for one in values for word in (flag, str(one))]
        elif value not in (None, False, "", []) or (value == "" and name == "system_prompt"):
            words += [flag, *map(str, values)]
    return shlex.join(words)


def named_run(text: str) -> tuple[str, Path]:
    """`NAME=DIR`, or `DIR` with the folder's own name."""
    name, equals, folder = text.partition("=")
    if equals and not name:
        raise ConfigError(f"'{text}' names no arm; write NAME=DIR")
    return (name, Path(folder)) if equals else (Path(text).name, Path(text))
