"""Linear layers in 4 bits, for QLoRA; imported only where bitsandbytes is installed."""

from __future__ import annotations

from typing import Any

import torch
from bitsandbytes.nn import Linear4bit, Params4bit


class FrozenLinear4bit(Linear4bit):
    """A layer whose weights are those of the base in 4 bits (NF4, its scales in 8).

    They never change and are made from the base's again: no checkpoint holds them.
    """

    def __init__(self, layer: torch.nn.Linear) -> None:
        weight, bias = layer.weight, layer.bias
        super().__init__(layer.in_features, layer.out_features, bias is not None, weight.dtype, device="meta")
        self.weight = Params4bit(weight.data, requires_grad=False, quant_type="nf4", module=self)
        self.bias = bias
        self.to(weight.device)  # only on its way to a device is a weight made small

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Nothing."""

    def _load_from_state_dict(self, *args: Any) -> None:
        """Nothing."""
