"""TensorBoard: event files in `tensorboard` below the run's folder; `tensorboard --logdir` shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from torch.utils.tensorboard.writer import SummaryWriter

from train.config import TrainConfig
from train.track.markdown import Cells, table


def open_run(config: TrainConfig, start: int) -> TensorboardRun:
    """Open the run; entries of an interrupted one after its checkpoint are hidden."""
    writer = SummaryWriter(str(Path(config.output_dir) / "tensorboard"), purge_step=start + 1 if start else None)
    writer.add_text("config", f"```\n{json.dumps(asdict(config), indent=2)}\n```", start)
    return TensorboardRun(writer)


class TensorboardRun:
    """An open event file."""

    def __init__(self, writer: SummaryWriter) -> None:
        self._writer = writer

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """A scalar for each figure."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def table(self, name: str, columns: Sequence[str], cells: Cells, step: int) -> None:
        """Text, with the table in Markdown."""
        self._writer.add_text(name, table(columns, cells), step)
        self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
