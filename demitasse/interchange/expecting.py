"""A reader of one kind of file, given another kind, says which it was given and what takes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TypeVar

from demitasse.errors import DataError
from demitasse.interchange.recognise import COTASKS, NEXTQA, OWN_KIND, PREDICTIONS, SPANS, STAR, VIDOR, Kind, recognise

# Kinds whose keys no other benchmark's file has by chance.
_SURE = (COTASKS, NEXTQA, OWN_KIND, PREDICTIONS, SPANS, STAR, VIDOR)

Read = TypeVar("Read")


def expects(kind: Kind) -> Callable[[Callable[[Path | str], Read]], Callable[[Path | str], Read]]:
    """For a reader of this kind of file: where it refuses one of another, the message names both."""

    def told(read: Callable[[Path | str], Read]) -> Callable[[Path | str], Read]:
        @wraps(read)
        def reading(path: Path | str) -> Read:
            try:
                return read(path)
            except DataError as fault:
                found = recognise(Path(path))
                if found in _SURE and found != kind:
                    raise DataError(f"{path} is {found.what}, not {kind.what}; {found.advice}") from fault
                raise

        return reading

    return told
