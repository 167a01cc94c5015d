"""Trackers that a run is shown in besides its own files. One that fails is told of once, and the run goes on."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from demitasse.errors import ConfigError
from train.config import TrainConfig
from train.packages import check_trackers
from train.track.markdown import Cells

# Each needs the package of its name, which our extra of that name brings, and has a module of ours.
TRACKERS = {
    "wandb": "train.track.to_wandb",
    "tensorboard": "train.track.to_tensorboard",
    "trackio": "train.track.to_trackio",
}
FORGETS = ("tensorboard",)  # can hide what an interrupted run told it of steps that are done again


class Sink(Protocol):
    """A tracker with one run open."""

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Figures by name, `train/loss`, at a step."""
        ...

    def table(self, name: str, columns: Sequence[str], cells: Cells, step: int) -> None:
        """A table as it stands at a step; texts in it are data."""
        ...

    def close(self) -> None:
        """End the run."""
        ...


class Sinks:
    """The trackers of `config.track.to`.

    Args:
        config: the run; its values are shown as well.
        start: the step that the run goes on from.
        reached: the step that it had come to before; those up to it are not told twice.

    Raises:
        ConfigError: if a package is not there, or a tracker cannot be started.
    """

    def __init__(self, config: TrainConfig, start: int, reached: int) -> None:
        check_trackers(config.track)
        self._open = {name: _opened(name, config, start) for name in dict.fromkeys(config.track.to)}
        self._told = {name: start if name in FORGETS else reached for name in self._open}
        self.failed: Counter[str] = Counter()

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Give figures to each tracker."""
        self._each(lambda sink: sink.log(figures, step), step)

    def table(self, name: str, columns: Sequence[str], cells: Cells, step: int) -> None:
        """Give a table to each tracker."""
        self._each(lambda sink: sink.table(name, columns, cells, step), step)

    def close(self) -> None:
        """End the run at each tracker, and say what they lack."""
        self._each(lambda sink: sink.close())
        for name, count in self.failed.items():
            print(f"{name} lacks {count} entries of this run; log.jsonl and validation.jsonl have all", file=sys.stderr)

    def _each(self, give: Callable[[Sink], None], step: int | None = None) -> None:
        for name, sink in self._open.items():
            if step is not None and 0 < step <= self._told[name]:
                continue
            try:
                give(sink)
            except Exception as error:  # whatever a tracker raises, it must not end a training run
                if not self.failed[name]:
                    print(f"{name} failed, the run goes on: {type(error).__name__}: {error}", file=sys.stderr)
                self.failed[name] += 1


def _opened(name: str, config: TrainConfig, start: int) -> Sink:
    Path(config.output_dir).mkdir(parents=True, exist_ok=True)
    try:
        sink: Sink = import_module(TRACKERS[name]).open_run(config, start)
    except Exception as error:
        remedy = " Log in with `wandb login`, or set track.wandb=offline." if name == "wandb" else ""
        raise ConfigError(
            f"track.to: {name} could not be started ({type(error).__name__}: {error}).{remedy}"
        ) from error
    return sink
