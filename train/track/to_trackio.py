"""Trackio: a database in its own folder ($TRACKIO_DIR), which `trackio show` opens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import trackio

from train.config import TrainConfig
from train.track.markdown import Cells, escaped
from train.track.run_name import run_name


def open_run(config: TrainConfig, start: int) -> TrackioRun:
    """Open the run, or go on with it: its name is the output folder's."""
    name = run_name(Path(config.output_dir))
    return TrackioRun(trackio.init(config.track.project, name, config=asdict(config), resume="allow", embed=False))


class TrackioRun:
    """An open run."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Figures at a step."""
        self._run.log(dict(figures), step=step)

    def table(self, name: str, columns: Sequence[str], cells: Cells, step: int) -> None:
        """A `trackio.Table`, which reads its texts as Markdown."""
        data = [[escaped(value) if isinstance(value, str) else value for value in row] for row in cells]
        self._run.log({name: trackio.Table(columns=list(columns), data=data)}, step=step)

    def close(self) -> None:
        """Write what is left."""
        self._run.finish()
