"""A step: a pure async function from a record to new fields, and the rule for when its answer is stale."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from demitasse.chat.model import Outcome
from demitasse.errors import DemitasseError

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """One input. `id` is unique within a run and portable ("cam1/0001.mp4"); `fields` are what is known of it."""

    id: str
    fields: Fields


class Skip(DemitasseError):
    """This record needs no more work, and the reason is counted (too long, rejected by the filter)."""


class Quarantine(DemitasseError):
    """This record cannot be finished, and the reason is counted. The other records go on.

    `outcome` is how the model's last reply ended, where that is the reason.
    """

    outcome: Outcome | None = None


class Unusable(Quarantine):
    """A model has answered, and nothing of it can be used, now or when it is run again.

    A step that asks about several things of a record may note this for one of them and finish the others.
    """


class Stop(DemitasseError):
    """The run cannot go on (a wrong key, a full disk, an endpoint that is down). What is finished is kept."""


def always(_: Fields) -> bool:
    """The default of `Step.wanted`."""
    return True


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the graph that is run for each record.

    Attributes:
        name: unique in the graph ("1a", "3/mcq").
        file: where its rows go, relative to the results folder ("step_1a_caption/captions.jsonl").
            Several steps may share a file; then `part` tells their rows apart.
        version: raised when the code's answer to the same inputs changes.
        inputs: everything else that decides the answer, as JSON-able data: rendered prompts or their hashes,
            model names, sampling, the media's content hash, the upstream fields used. Its hash and
            `version` are the row's key; a row with another key is stale.
        run: computes the new fields. Raises `Skip` or `Quarantine` with a reason.
        after: names of the steps whose fields it reads.
        wanted: whether this record needs the step at all (the highlight only for anomalies). When False the
            step is passed over, without a row, and the steps after it still run.
        part: the row's second identity within its file ("anomaly_mcq").
        merge: whether the row's fields join the record's fields for later steps.
    """

    name: str
    file: str
    version: int
    inputs: Callable[[Fields], Any]
    run: Callable[[Fields], Awaitable[Fields]]
    after: tuple[str, ...] = ()
    wanted: Callable[[Fields], bool] = always
    part: str = ""
    merge: bool = True
