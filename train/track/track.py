"""Following a run from its main process."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm

from train.config import TrainConfig
from train.loop.step import Stepped
from train.planning.utilisation import Utilisation
from train.track.ledger import Ledger
from train.track.markdown import Cells
from train.track.meter import figures, line, measure
from train.track.sinks import Sinks

LOG = "log.jsonl"
ITEMS = "items.jsonl"


class Track:
    """Writes a row a step to `log.jsonl` and `items.jsonl`, to the trackers, and a line now and then to the console.

    A run that goes on from a checkpoint cuts off the rows of later steps first. A bar is drawn on a terminal only.

    Args:
        config: the run.
        names: the name of each lesson, as `items.jsonl` has it.
        steps: how many the run takes.
        start: the step that it goes on from; 0 at its beginning.
        writes: whether this is the main process; the others follow nothing.
        utilisation: tells how much of the GPUs' peak a step used; None where that cannot be known.

    Raises:
        ConfigError: if a tracker cannot be started.
    """

    def __init__(
        self,
        config: TrainConfig,
        names: Sequence[str],
        steps: int,
        start: int,
        writes: bool,
        utilisation: Utilisation | None = None,
    ) -> None:
        self._every, self._steps, self._names = config.track.log_every, steps, names
        self._utilisation = utilisation
        self._writes = writes
        self._since: list[dict[str, Any]] = []
        self._open = ExitStack()
        if writes:
            output = Path(config.output_dir)
            self._log = self._open.enter_context(Ledger(output / LOG, start))
            self._items = self._open.enter_context(Ledger(output / ITEMS, start))
            self._skipped = int(self._log.last.get("skipped", 0))
            self._sinks = Sinks(config, start, self._log.reached)
            self._open.callback(self._sinks.close)
            bar = tqdm(total=steps, initial=start, unit="step", desc="train", disable=None)
            self._bar = self._open.enter_context(bar)

    def begins(self, step: int, places: Sequence[int]) -> None:
        """Note which lessons a step shows, in their order: before it, for it may end the run."""
        if self._writes:
            self._items.write({"step": step, "items": [self._names[place] for place in places]})

    def step(self, step: int, stepped: Stepped, rates: Mapping[str, float], places: Sequence[int]) -> None:
        """Note a step that is done.

        Args:
            step: counted from 1.
            stepped: what it was.
            rates: the learning rate of each part in it.
            places: which lessons it showed, in their order.
        """
        if not self._writes:
            return
        self._skipped += not stepped.taken
        used = self._utilisation.of(places, stepped.seconds) if self._utilisation else None
        row = measure(step, stepped, rates, self._skipped, used)
        self._log.write(row)
        self._sinks.log(figures(row), step)
        self._bar.update()
        self._since.append(row)
        if step % self._every == 0 or step == self._steps:
            self.say(line(self._since, self._steps))
            self._since.clear()

    def validated(self, row: Mapping[str, Any], columns: Sequence[str], cells: Cells) -> None:
        """Show the trackers a round of validation: its figures, and some of its questions and answers as a table."""
        if not self._writes:
            return
        numbers = {name: value for name, value in row.items() if isinstance(value, int | float) and name != "step"}
        self._sinks.log({f"validation/{name}": value for name, value in numbers.items()}, row["step"])
        if cells:
            self._sinks.table("validation/samples", columns, cells, row["step"])

    def say(self, text: str) -> None:
        """A line on the console, once, above the bar if there is one."""
        if self._writes:
            tqdm.write(text)
            sys.stdout.flush()

    def close(self) -> None:
        """Close the files, the trackers and the bar."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
