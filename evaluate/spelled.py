"""The command line that does the same again, for run folders and reports."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence


def spelled(command: str, args: argparse.Namespace) -> str:
    """The command line that does the same again, with every value in it that is not empty."""
    words = ["demitasse", command]
    for name, value in vars(args).items():
        values: Sequence[object] = value if isinstance(value, list) else [value]
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif name in ("arm", "note"):
            words += [word for one in values for word in (flag, str(one))]
        elif value not in (None, False, "", []) or (value == "" and name == "system_prompt"):
            words += [flag, *map(str, values)]
    return shlex.join(words)
