"""Checkpoints that survive a kill: written beside their place, renamed when whole.

A checkpoint holds the weights that learn and the optimizer's state (train/loop/shards.py), and `step.json`: the
step, what run it is of, and the small states of schedule, guard and unreadable items. Order of items and random
numbers are functions of seed and step, so that is the whole of a run; nothing is replayed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from demitasse.atomic import write_text
from demitasse.errors import ConfigError, DataError, OtherRunError
from train.loop import shards, sound
from train.loop.guard import LOST
from train.loop.identity import Identity

if TYPE_CHECKING:
    from accelerate import Accelerator

FOLDER = "checkpoints"
STEP_FILE = "step.json"
_WEIGHTS = "weights"


class Stateful(Protocol):
    """What has a small state of its own: values that JSON can hold."""

    def state_dict(self) -> dict[str, Any]:
        """The state."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> Any:
        """Take up a state."""
        ...


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of one run: saves to and resumes from `folder`.

    Attributes:
        model: the prepared module whose forward pass is the loss.
        parts: the small states, by name.
        keep: so many of the newest stay, and the best.
    """

    accelerator: Accelerator
    folder: Path
    identity: Identity
    model: Any
    optimizer: Any
    parts: Mapping[str, Stateful]
    keep: int

    def save(self, step: int, best: int | None = None) -> None:
        """Write `folder/step_000500` whole or not at all, then delete the older ones, but not that of step `best`.

        Raises:
            DataError: if what learnt is no longer numbers; the earlier ones stand.
            DiskFullError: if the disk does not take it; the earlier ones stand.
        """
        self.refuse_unsound(step, sound.learnt(self.model, self.optimizer))
        partial, final = self.folder / f"partial_{step:06d}", self.folder / f"step_{step:06d}"
        main = self.accelerator.is_main_process
        if main:
            for left in self.folder.glob("partial_*"):
                shutil.rmtree(left)
            partial.mkdir(parents=True)
        self.accelerator.wait_for_everyone()
        self._write(partial, step)
        self.accelerator.wait_for_everyone()
        if main:
            if final.exists():
                shutil.rmtree(final)
            partial.rename(final)
            for old in complete(self.folder)[: -self.keep]:
                if old.name != f"step_{best or 0:06d}":
                    shutil.rmtree(old)
        self.accelerator.wait_for_everyone()

    def _write(self, folder: Path, step: int) -> None:
        shards.write(self.accelerator, self.model, self.optimizer, folder / _WEIGHTS)
        if self.accelerator.is_main_process:
            small = {name: part.state_dict() for name, part in self.parts.items()}
            state = {"step": step, **asdict(self.identity), "parts": small}
            write_text(folder / STEP_FILE, json.dumps(state, indent=1))

    def unsound(self) -> str:
        """The first of the weights that learn that is no longer numbers; empty if all are."""
        return sound.unsound(sound.learnt(self.model), self.accelerator)

    def refuse_unsound(self, step: int, tensors: Iterable[sound.Named] | None = None) -> None:
        """Refuse to save what is no longer numbers: these tensors, or the weights that learn.

        Raises:
            DataError: naming the first of them, and the checkpoint that there is.
        """
        fault = self.unsound() if tensors is None else sound.unsound(tensors, self.accelerator)
        if fault:
            whole = complete(self.folder)
            kept = f"the newest sound checkpoint is {whole[-1]}" if whole else "there is no checkpoint from before"
            raise DataError(f"after step {step}: {fault}, so this is not saved; {kept}. {LOST}")

    def resume(self) -> int:
        """Load the newest whole checkpoint and return its step; 0 if there is none.

        Raises:
            ConfigError: if it belongs to a run with other settings or data, or some of its files were readable then
                and are not now.
            DataError: if it cannot be read.
        """
        whole = complete(self.folder)
        if not whole:
            return 0
        state = _state(whole[-1])
        check(self.folder, self.identity)
        self._check(whole[-1], state)
        self._load(whole[-1])
        for name, part in self.parts.items():
            if name in state["parts"]:
                part.load_state_dict(state["parts"][name])
        return int(state["step"])

    def holds(self, step: int) -> bool:
        """Whether there is a whole checkpoint of a step."""
        return (self.folder / f"step_{step:06d}" / STEP_FILE).is_file()

    def restore(self, step: int) -> None:
        """Load the weights and the optimizer's state of one step, and nothing else.

        Raises:
            DataError: if its checkpoint cannot be read.
        """
        self._load(self.folder / f"step_{step:06d}")

    def _load(self, checkpoint: Path) -> None:
        shards.read(self.accelerator, self.model, self.optimizer, checkpoint / _WEIGHTS)

    def _check(self, found: Path, state: Mapping[str, Any]) -> None:
        was = state["means"]["processes"]
        if shards.is_deepspeed(self.accelerator) and was != self.identity.means["processes"]:
            raise ConfigError(
                f"{found}: DeepSpeed wrote this checkpoint with {was} processes and cannot read it with "
                f"{self.identity.means['processes']}; start as many, or train with FSDP2 or DDP"
            )

    def changed(self) -> str:
        """How the newest checkpoint was computed otherwise than now, as words to add; empty if it was not."""
        whole = complete(self.folder)
        if not whole:
            return ""
        was = _state(whole[-1])["means"]
        new = [f"{name} {was[name]} → {now}" for name, now in self.identity.means.items() if was.get(name) != now]
        return f", with {', '.join(new)}: the same items in the same order, but not the same bits" if new else ""


def check(folder: Path, identity: Identity) -> None:
    """Refuse a folder whose newest checkpoint is of another run.

    Raises:
        OtherRunError: naming the setting that differs.
    """
    whole = complete(folder)
    if not whole:
        return
    found, state = whole[-1], _state(whole[-1])
    for name, value in identity.settings.items():
        if state["settings"].get(name) != value:
            raise OtherRunError(
                f"{found}: this checkpoint was made with {name}={state['settings'].get(name)}, and now it is "
                f"{value}; give another output_dir, or delete this one to start again"
            )
    if state["items"] != identity.items:
        raise OtherRunError(
            f"{found}: this checkpoint was made with other items, or in another order, than data.files has now; "
            "give another output_dir, or delete this one to start again"
        )


def _state(checkpoint: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads((checkpoint / STEP_FILE).read_text(encoding="utf-8"))
    except OSError as fault:
        raise DataError(f"{checkpoint / STEP_FILE} cannot be read ({fault.strerror}): see to the disk") from fault
    except ValueError as fault:
        raise DataError(
            f"{checkpoint / STEP_FILE} is damaged ({fault}); delete this checkpoint to go on from the one before, or "
            "from the start"
        ) from fault
    return state


def complete(folder: Path) -> list[Path]:
    """The whole checkpoints in a folder, oldest first."""
    whole = (path.parent for path in folder.glob(f"step_*/{STEP_FILE}"))
    return sorted(whole, key=lambda path: int(path.name.removeprefix("step_")))
