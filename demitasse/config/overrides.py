"""`key=value` on the command line, wherever it stands."""

from __future__ import annotations

import argparse
from typing import Any


def take_overrides_anywhere(parser: argparse.ArgumentParser, name: str = "overrides") -> None:
    """Let `key=value` also stand behind an option that follows the positional arguments; argparse itself does not.

    Args:
        parser: of the command.
        name: of the positional argument that holds them.
    """
    parse_known = parser.parse_known_args

    def parse(args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        known, left = parse_known(args, namespace)
        words = [word for word in left if not word.startswith("-") and "=" in word]
        setattr(known, name, [*getattr(known, name), *words])
        return known, [word for word in left if word not in words]

    parser.parse_known_args = parse  # type: ignore[method-assign]
