"""A subcommand of a command."""

from __future__ import annotations

import argparse
from typing import Any


def add_subcommand(commands: argparse._SubParsersAction[Any], name: str, line: str) -> Any:
    """Declare a subcommand that one line tells of, in the command's list and atop its own help.

    Args:
        commands: what `add_subparsers` of the command's parser gave.
        name: by which it is called.
        line: what it does, without a capital or a full stop.

    Returns:
        Its parser, of the class of the command's.
    """
    return commands.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
