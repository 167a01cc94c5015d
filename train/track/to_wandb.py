"""Weights & Biases; offline, it writes files below the run's folder, which `wandb sync` sends later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import wandb

from train.config import TrainConfig
from train.track.markdown import Cells
from train.track.run_name import run_id, run_name


def open_run(config: TrainConfig, start: int) -> WandbRun:
    """Open the run, or go on with it: it has the id of the output folder."""
    output = Path(config.output_dir)
    run = wandb.init(
        project=config.track.project,
        name=run_name(output),
        id=run_id(output),
        resume="allow",
        dir=output,
        mode=config.track.wandb,
        config=asdict(config),
        settings=wandb.Settings(quiet=True),
    )
    return WandbRun(run)


class WandbRun:
    """An open run."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Figures at a step; those of one step become one row."""
        self._run.log(dict(figures), step=step)

    def table(self, name: str, columns: Sequence[str], cells: Cells, step: int) -> None:
        """A `wandb.Table`."""
        self._run.log({name: wandb.Table(columns=list(columns), data=[list(row) for row in cells])}, step=step)

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()
