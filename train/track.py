"""Following a run: one line a few steps, `log.jsonl`, and Weights & Biases where it is asked for."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from train.config import TrainConfig
from train.step import Stepped


class Track:
    """Writes a row for every `log_every` steps; only the main process of a run has one that writes."""

    def __init__(self, config: TrainConfig, steps: int, start: int, writes: bool) -> None:
        self._every = config.track.log_every
        self._steps = steps
        self._writes = writes
        self._since = time.perf_counter()
        self._sums = dict.fromkeys(("steps", "tokens", "labels", "loss", "data_seconds"), 0.0)
        self._bar = tqdm(total=steps, initial=start, unit="step", desc="train", disable=None if writes else True)
        self._log = (Path(config.output_dir) / "log.jsonl").open("a") if writes else None
        self._wandb = _wandb_run(config) if writes else None

    def step(self, step: int, stepped: Stepped, lr: float) -> None:
        """Note one finished step, counted from 1, and the learning rate that it used."""
        if not self._writes:
            return
        self._bar.update()
        self._sums["steps"] += 1
        self._sums["tokens"] += stepped.tokens
        self._sums["labels"] += stepped.labels
        self._sums["loss"] += stepped.loss * stepped.labels
        self._sums["data_seconds"] += stepped.data_seconds
        if step % self._every == 0 or step == self._steps:
            self._row(step, lr, stepped.grad_norm)

    def close(self) -> None:
        """Close the log and the tracker."""
        self._bar.close()
        if self._log is not None:
            self._log.close()
        if self._wandb is not None:
            self._wandb.finish()

    def _row(self, step: int, lr: float, norm: float) -> None:
        now = time.perf_counter()
        seconds, sums = now - self._since, self._sums
        row = {
            "step": step,
            "loss": sums["loss"] / max(sums["labels"], 1),
            "lr": lr,
            "grad_norm": norm,
            "tokens_per_second": sums["tokens"] / seconds,
            "label_tokens": int(sums["labels"]),
            "seconds_per_step": seconds / sums["steps"],
            "data_seconds_per_step": sums["data_seconds"] / sums["steps"],
        }
        tqdm.write(
            f"step {step}/{self._steps}  loss {row['loss']:.4f}  lr {lr:.2e}  grad {norm:.2f}  "
            f"{row['tokens_per_second']:,.0f} tokens/s  {row['seconds_per_step']:.3f} s/step "
            f"(data {row['data_seconds_per_step']:.3f})"
        )
        if self._log is not None:
            self._log.write(json.dumps(row) + "\n")
            self._log.flush()
        if self._wandb is not None:
            self._wandb.log(row, step=step)
        self._since = now
        self._sums = dict.fromkeys(sums, 0.0)


def _wandb_run(config: TrainConfig) -> Any:
    if config.track.wandb == "disabled":
        return None
    import wandb

    return wandb.init(
        project=config.track.project,
        name=Path(config.output_dir).name,
        dir=config.output_dir,
        mode=config.track.wandb,
        config=asdict(config),
    )
