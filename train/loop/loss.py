"""The loss: cross-entropies of a step's target tokens, each with its weight, over the sum of the weights.

Dividing once, by the weights of all micro-batches and processes, makes a step's gradient independent of how its items
are split up; averages of micro-batch averages weight short answers more (transformers#37766). Weights stand in the sum
and in what it is divided by: they say what matters more, and leave the learning rate alone.

Logits are computed for target rows only, and for so many at a time: in a video item they are a small part, and the
vocabulary is large. The vision tower runs exactly once in every forward pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from demitasse.errors import ConfigError
from demitasse.student.collate import Batch
from demitasse.student.encode import IGNORE, Encoded
from demitasse.student.token_kinds import KINDS
from train.config import LossConfig
from train.model.packed_attention import Samples, attend_by_sample
from train.model.quick_vision import quicken
from train.model.vision_pass import language_inputs, look

FLOAT = torch.float32
LOGITS = 2**27  # of one chunk: half a GiB as float32, and as much again for its gradient


def check(loss: LossConfig) -> None:
    """Refuse weights that leave nothing to learn.

    Raises:
        ConfigError: if every weight is zero.
    """
    if not any(getattr(loss, kind) for kind in KINDS):
        raise ConfigError(f"loss: {', '.join(KINDS)} are all 0, so nothing would be learnt; give one of them a weight")


def label_weights(encoded: Encoded, loss: LossConfig) -> NDArray[np.float32]:
    """What each target token counts for: float32 [labels], in their order.

    With sample normalisation an item's weights sum to one, unless all of them are zero. The first token of a sequence
    is never a target: nothing precedes it.
    """
    of_kind = np.array([0.0, *(getattr(loss, kind) for kind in KINDS)], dtype=np.float32)
    weights = of_kind[encoded.kinds[1:][encoded.labels[1:] != IGNORE]]
    total = weights.sum()
    return weights / total if loss.normalise == "sample" and total else weights


class SummedLoss(torch.nn.Module):
    """A student whose forward pass is the weighted sum of a batch's cross-entropies.

    It is the module that is wrapped for several processes, so that all of them do the same in a forward pass.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self._no_split_modules = model._no_split_modules  # the layers that FSDP shards one by one
        self._by_sample = attend_by_sample(self._core)
        quicken(self._core)

    @property
    def _core(self) -> Any:
        """The model without adapters around it."""
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model

    def forward(self, batch: Batch, most_labels: int | None = None) -> torch.Tensor:
        """Sum of weighted cross-entropies (float32, scalar) of a micro-batch's labels.

        Args:
            batch: `MicroBatch.batch`.
            most_labels: the most labels of any micro-batch of the step in any process; None takes this one's. Where
                weights are sharded, processes wait for one another at each use of the head: all must make as many.
        """
        core = self._core
        # use_cache is passed in each call: a cache would keep packed samples from being told apart.
        hidden = core.model.language_model(**self._inputs(core, batch), use_cache=False).last_hidden_state
        places = batch["target_places"]
        rows = hidden.flatten(0, 1).index_select(0, places)
        labels = batch["labels"].flatten().index_select(0, places + 1)
        loss = torch.zeros((), device=rows.device)
        chunks = _chunks(len(rows) if most_labels is None else most_labels, core.config.get_text_config().vocab_size)
        for part in zip(*(one.tensor_split(chunks) for one in (rows, labels, batch["weights"])), strict=True):
            loss = loss + _weighted(core.lm_head, *part, keep=chunks == 1)
        return loss

    def _inputs(self, core: Any, batch: Batch) -> dict[str, Any]:
        """Arguments of the language model."""
        inputs = language_inputs(core, batch, look(core, batch))
        if self._by_sample:
            # Padding is on the right, where causal attention does not see it: no mask has to be built and looked at.
            inputs["attention_mask"] = None
        if "samples" in batch and self._by_sample:
            # Without the row of positions that tells samples apart no mask is built, which nobody would look at.
            inputs["position_ids"] = batch["position_ids"][1:]
            inputs["samples"] = Samples(tuple(batch["samples"]))
        return inputs


def _chunks(labels: int, vocabulary: int) -> int:
    """Parts to compute the logits of `labels` rows in, so that each has at most `LOGITS` of them."""
    return max(1, -(-labels * vocabulary // LOGITS))


def _weighted(head: Any, *part: torch.Tensor, keep: bool) -> torch.Tensor:
    """Weighted cross-entropies of some rows; without `keep`, logits are computed again in the backward pass."""
    if keep:
        return _cross_entropies(head, *part)
    loss: torch.Tensor = checkpoint(_cross_entropies, head, *part, use_reentrant=False)
    return loss


def _cross_entropies(head: Any, rows: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    losses = cross_entropy(head(rows).to(FLOAT), labels, reduction="none")
    return (losses * weights).sum()
