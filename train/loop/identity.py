"""What makes a run this run: the settings and items that decide what it learns, and what may change as it goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from train.config import TrainConfig
from train.model.positions import positions_of

# Settings that may be others when a run goes on: where and how it is followed, when it is stopped.
_FREE = (
    "output_dir", "save_every", "keep_checkpoints", "track.", "validate.", "guard.",
    "data.workers", "data.cache_dir", "data.max_unreadable",
)  # fmt: skip
# These change how a step is computed, not what: the same sums in another order, and another dropout.
_MEANS = (
    "optim.micro_batch_size", "optim.pack", "optim.pack_tokens",
    "model.checkpointing", "model.compile", "model.attention", "processes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a run this run: `settings` by their dotted names, the `means` it is computed by, and its items."""

    settings: dict[str, Any]
    means: dict[str, Any]
    items: str

    @property
    def key(self) -> str:
        """A hash of what decides the result, but for rounding and dropout."""
        return hashlib.sha256(json.dumps([self.settings, self.items]).encode()).hexdigest()


def identify(
    config: TrainConfig, lessons: Iterable[str], processes: int, kind: str = "", precision: str = "", base: str = ""
) -> Identity:
    """The identity of a run on lessons with these keys, in their order.

    Args:
        config: of the run.
        lessons: their keys.
        processes: how many train.
        kind: how the model is shared out among them.
        precision: what is computed in, where that is not the weights' own.
        base: hash of the weights that are trained on: the same folder may come to hold another model.
    """
    own = {"processes": processes, "model.positions": positions_of(config.model)}  # of "auto" what it stands for
    values = json.loads(json.dumps(dict(_flat(asdict(config))) | own))
    settings = {name: value for name, value in values.items() if not name.startswith(_FREE) and name not in _MEANS}
    digest = hashlib.sha256()
    for lesson in lessons:
        digest.update(lesson.encode("utf-8", "surrogatepass") + b"\0")
    means = {name: values[name] for name in _MEANS} | {"distribution": kind, "mixed precision": precision}
    return Identity(settings | {"weights in model.path": base}, means, digest.hexdigest())


def _flat(values: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def seed_of(seed: int, step: int, process: int) -> int:
    """What seeds a process's random numbers in a step: they need not be saved, and a resumed run draws the same."""
    return int(np.random.SeedSequence([seed, step, process]).generate_state(1)[0])
