"""Makes a Hugging Face Trainer take turns, and note what its micro-batches are; its loss and all else stay its own."""

from __future__ import annotations

from typing import Any

from gate import Gate
from transformers import TrainerCallback


class Turns(TrainerCallback):
    """Waits between rounds.

    Args:
        kind: the class of the trainer that will be made.
        gate: where it waits.
    """

    def __init__(self, kind: type, gate: Gate) -> None:
        self._gate = gate
        self._seen: list[tuple[float, int, int]] = []
        self._sums = False
        measured = kind.compute_loss

        def compute_loss(trainer: Any, model: Any, inputs: Any, *given: Any, **named: Any) -> Any:
            counted = int(inputs["attention_mask"].sum()), int((inputs["labels"] != -100).sum())
            loss = measured(trainer, model, inputs, *given, **named)
            self._seen.append((float(loss.detach()), *counted))
            self._sums = trainer.model_accepts_loss_kwargs
            return loss

        kind.compute_loss = compute_loss

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """The model and the data are there."""
        self._gate.open()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """A step's loss is the mean of its micro-batches' ones; their sum, where each divides by the whole step."""
        losses, tokens, labels = zip(*self._seen, strict=True)
        self._seen.clear()
        self._gate.step(sum(losses) / (1 if self._sums else len(losses)), sum(tokens), sum(labels))
