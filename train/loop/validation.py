"""Validation while training: when the student is asked, which round was the best, and when enough is enough.

All that is known of earlier rounds is read from `validation.jsonl`, so a run that goes on knows what it knew. The
asking itself is handed in (train/sft.py): training knows nothing of evaluation.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from demitasse.atomic import write_text
from demitasse.errors import ConfigError
from train.config import TrainConfig, ValidateConfig
from train.data.frames import record_of
from train.track import Track
from train.track.ledger import Ledger, Row, read_ledger
from train.track.markdown import Cells, table

if TYPE_CHECKING:
    from accelerate import Accelerator

ROUNDS = "validation"
LOG = "validation.jsonl"
SAMPLES = "samples.md"
MEAN = "score"  # the mean of the tasks' figures


def asked(config: TrainConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """How the student is asked, and what: as it is trained, on the held-out items.

    Returns:
        The values of `evaluate.asking.student.StudentSettings` and of `evaluate.asking.in_training.HeldOut`, by name.

    Raises:
        ConfigError: for a student that learns to write evidence only, which is no answer.
    """
    if config.data.response_mode == "evidence":
        raise ConfigError(
            "validate.files with data.response_mode=evidence: evidence is no answer that could be scored; "
            "leave validate.files empty, and judge the second stage"
        )
    trained = record_of(config)
    settings = {
        "model": Path(config.output_dir),
        "mode": trained.modes[0],
        **asdict(trained.frames),
        "max_new_tokens": config.validate.max_new_tokens,
        "system_prompt": trained.system_prompt,
        "positions": trained.positions,
        "dtype": config.model.dtype,
    }
    own = ("files", "tasks", "items", "batch_size", "samples")
    given = ("cotasks", "cotasks_source", "cotasks_from")
    held_out = {name: getattr(config.validate, name) for name in own}
    return settings, held_out | {name: getattr(config.data, name) for name in given}


class Report(Protocol):
    """What a round found: figures by name, and some of the questions and answers as the cells of a table."""

    @property
    def figures(self) -> Mapping[str, Any]:
        """Figures by name."""
        ...

    @property
    def columns(self) -> Sequence[str]:
        """What the columns of `cells` are."""
        ...

    @property
    def cells(self) -> Cells:
        """Rows of the table."""
        ...


class Evaluate(Protocol):
    """Asks and scores the student as it is; `evaluate.asking.in_training.Evaluator` is one."""

    @property
    def figures(self) -> list[str]:
        """The names of figures that can be compared: the more, the better."""
        ...

    def __call__(self, folder: Path, step: int, stop: Callable[[], bool]) -> Report | None:
        """A round in `folder`, in all processes at once; None if `stop` said to leave it half done."""
        ...


class Validation:
    """The rounds of a run: before the first step, every so many steps, and after the last.

    All processes have one, and call it alike.

    Args:
        config: the run.
        evaluate: who asks and scores; None validates nothing.
        track: where figures and samples are shown.
        accelerator: of the run.
        start: the step that the run goes on from. What an interrupted run did later is deleted, for those steps will
            be done again; a round at this very step is gone on with.
        steps: how many the run takes.
        stop: asked before each batch, in all processes at once, whether to leave a round half done.

    Raises:
        ConfigError: if validate.metric is no figure of these items.
    """

    def __init__(
        self,
        config: TrainConfig,
        evaluate: Evaluate | None,
        track: Track,
        accelerator: Accelerator,
        start: int,
        steps: int,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._config, self._evaluate, self._track = config.validate, evaluate, track
        self._output, self._steps, self._stop = Path(config.output_dir), steps, stop
        self._accelerator = accelerator
        self._names = evaluate.figures if evaluate else []
        self._metric = deciding_figure(config.validate, self._names) if evaluate else ""
        self._rows: list[Row] = []
        if evaluate:
            if accelerator.is_main_process:
                self._cut(start)
            self._rows = _told([row for row in read_ledger(self._output / LOG) if row["step"] <= start])

    def due(self, step: int) -> bool:
        """Whether there is a round after this step (0: before the first) that is not done yet."""
        if self._evaluate is None or any(row["step"] == step for row in self._rows):
            return False
        return step % self._config.every == 0 or step == self._steps

    def round(self, step: int) -> bool:
        """Ask and score after a step; False if the round was left half done because the run is to end."""
        assert self._evaluate is not None
        began = time.perf_counter()
        report = self._evaluate(self._folder(step), step, self._stop)
        if report is None:
            return False
        row = {"step": step, **report.figures, "seconds": time.perf_counter() - began}
        self._rows.append(row)
        if self._accelerator.is_main_process:
            write_text(self._folder(step) / SAMPLES, table(report.columns, report.cells))
            with Ledger(self._output / LOG, step) as ledger:
                ledger.write(row)
            self._track.validated(row, report.columns, report.cells)
            self._track.say(self._line(row))
        return True

    @property
    def best(self) -> int | None:
        """The step of the best round so far, the first of equals; None before there is one.

        Where the one before training is among the equals it is the last of them: a figure that stands still says
        nothing against what was learnt.
        """
        equal = self._highest()
        return None if not equal else equal[-1] if equal[0] == 0 else equal[0]

    def _highest(self) -> list[int]:
        """The steps of the rounds with the highest figure so far."""
        scored = [row for row in self._rows if row.get(self._metric) is not None]
        return [row["step"] for row in scored if row[self._metric] == max(one[self._metric] for one in scored)]

    def is_best(self, step: int) -> bool:
        """Whether there was a round after this step, and it is the best so far."""
        return step > 0 and self.best == step

    @property
    def stops(self) -> bool:
        """Whether the last `validate.patience` rounds have brought nothing better."""
        patience, equal = self._config.patience, self._highest()
        if not patience or not equal:
            return False
        return sum(row["step"] > equal[0] for row in self._rows) >= patience

    def _folder(self, step: int) -> Path:
        return self._output / ROUNDS / f"step_{step:06d}"

    def _cut(self, start: int) -> None:
        Ledger(self._output / LOG, start).close()
        for folder in (self._output / ROUNDS).glob("step_*"):
            if int(folder.name.removeprefix("step_")) > start:
                shutil.rmtree(folder)

    def _line(self, row: Row) -> str:
        figures = [f"{name} {row[name]:.4f}" for name in self._names if row.get(name) is not None]
        unread = f"  {row['unreadable']} could not be asked" if row.get("unreadable") else ""
        best = "  best so far" if self.best == row["step"] else f"  best: step {self.best}"
        known = best if self.best is not None else ""
        return f"validation at step {row['step']}: {'  '.join(figures)}  {row['seconds']:.1f} s{unread}{known}"


def deciding_figure(validate: ValidateConfig, figures: Sequence[str]) -> str:
    """The figure that tells the best round; empty where there is none and none is needed.

    Raises:
        ConfigError: if validate.metric is none of the figures, or there is none and one is needed.
    """
    if validate.metric:
        if validate.metric not in figures:
            raise ConfigError(
                f"validate.metric is '{validate.metric}', which is no figure of these items; there are "
                f"{', '.join(figures)}"
            )
        return validate.metric
    if MEAN in figures:
        return MEAN
    if validate.patience:
        raise ConfigError(
            "validate.patience needs a figure to go by, and these items are all free text, which needs a judge; set "
            f"validate.metric to one of {', '.join(figures)}, or validate.patience=0"
        )
    return ""


def _told(rows: list[Row]) -> list[Row]:
    """The main process's rows, in all of them: another machine's disk may lack the file."""
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([rows])[0]
