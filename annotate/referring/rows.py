"""What the rows of all steps have in common: whose they are, and which calls they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from annotate.asking import Asked, Asker, origin
from demitasse.engine.caller import provenance
from demitasse.engine.step import Fields


def head(fields: Fields) -> Fields:
    """The first fields of a row: which image it is about."""
    return {"image": fields["image"], "image_id": fields["image_id"]}


def made_by(asker: Asker, asked: Sequence[Asked[Any]]) -> Fields:
    """A row's provenance. There is one where nothing had to be asked, too: an image without boxes."""
    return origin(*asked) if asked else provenance() | {"pack": asker.pack.name, "templates": {}}


def not_shown(entries: Sequence[Fields]) -> Fields:
    """The field `not_shown` with what a step could not show its model; no field if that is nothing.

    It holds the step's own only, so that a row is the same whether the steps before it are of this run or of another.
    """
    return {"not_shown": list(entries)} if entries else {}
