"""`key=value` on the command line, wherever it stands."""

from __future__ import annotations

import argparse
from typing import Any


def take_overrides_anywhere(parser: argparse.ArgumentParser) -> None:
    """Let `key=value` also stand behind an option that follows the positional arguments; argparse itself does not."""
    parse_known = parser.parse_known_args

    def parse(args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        known, left = parse_known(args, namespace)
        words = [word for word in left if not word.startswith("-") and "=" in word]
        known.overrides = [*known.overrides, *words]
        return known, [word for word in left if word not in words]

    parser.parse_known_args = parse  # type: ignore[method-assign]
