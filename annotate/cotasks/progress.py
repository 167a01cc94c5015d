"""A bar while files are read; none where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from typing import TypeVar

from tqdm import tqdm

Thing = TypeVar("Thing")


def watched(things: Collection[Thing], unit: str, quiet: bool) -> Iterator[Thing]:
    """The things, with a bar on the terminal that counts them."""
    yield from tqdm(things, unit=f" {unit}", disable=quiet or not sys.stderr.isatty(), leave=False)
