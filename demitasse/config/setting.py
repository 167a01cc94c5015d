"""A field of a configuration with what a person must know of it: the one place where that is said."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any


def setting(default: Any, help: str, **rules: Any) -> Any:
    """A dataclass field with its default, its comment in a written configuration, and the rules for its value.

    Args:
        default: of the field; a list, dictionary or dataclass is copied for each configuration.
        help: one sentence or less; how the value may be chosen (`choices`, `ge` ...) is added where it is shown.
        rules: what `demitasse.config` knows: `choices`, `ge`, `gt`, `le`, `lt`, `secret`.
    """
    metadata = {"help": help, **rules}
    if isinstance(default, (list, dict)) or dataclasses.is_dataclass(default):
        return dataclasses.field(default_factory=lambda: copy.deepcopy(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def foreign() -> Any:
    """A field that files for another program carry: it may be given, means nothing here, and is not written.

    It may hold that program's secrets (`encryption_key`).
    """
    return dataclasses.field(default=None, metadata={"foreign": True, "secret": True})
