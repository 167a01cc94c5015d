"""Attention inside each sample of a packed row, without a mask.

For a packed row transformers builds a mask of L × L, which torch's fast kernels do not take: each layer then computes
all L × L scores, and keeps the mask as numbers for its backward pass. Here each sample attends on its own, causally,
which takes a share of that, the smaller the more samples there are (`docs/training.md` has figures).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

NAME = "sdpa_by_sample"


@dataclass(frozen=True, slots=True)
class Samples:
    """Tokens of each sample of a row, in order."""

    lengths: tuple[int, ...]


def attend_by_sample(core: Any) -> bool:
    """Let a language model on "sdpa" attend sample by sample wherever it is told of `samples`.

    Where it is not told of any, as when it generates, nothing changes. The choice is not part of what is saved.

    Returns:
        Whether the model does so: with another attention, transformers tells samples apart by their positions.
    """
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    config = core.config.get_text_config()
    slides = "sliding_attention" in (getattr(config, "layer_types", None) or ())  # which takes a mask
    if config._attn_implementation == "sdpa" and not slides:
        AttentionInterface.register(NAME, _attend)
        AttentionMaskInterface.register(NAME, sdpa_mask)
        config._attn_implementation = NAME
    return bool(config._attn_implementation == NAME)


# A graph that is compiled would be compiled again for each row's lengths.
@torch.compiler.disable
def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    samples: Samples | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' interface: query, key, value [B, heads, L, head] to [B, L, heads, head]."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if samples is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    queries, keys, values = (one.split(samples.lengths, dim=2) for one in (query, key, value))
    parts = zip(queries, keys, values, strict=True)
    return torch.cat([sdpa_attention_forward(module, *part, None, **kwargs)[0] for part in parts], dim=1), None
