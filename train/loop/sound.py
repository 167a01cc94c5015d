"""Whether what learnt is still numbers: looked at before it is saved, as a loss is looked at before it is learnt from.

The guard sees a loss before the update that it leads to; what that update makes of the weights, nobody would see but
the next step, and after the last one there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from accelerate import Accelerator

Named = tuple[str, torch.Tensor]


def unsound(tensors: Iterable[Named], accelerator: Accelerator | None = None) -> str:
    """The first tensor that holds anything but numbers, with how much of it; empty if all are finite.

    Args:
        tensors: by name; those that hold no floating-point numbers are passed over.
        accelerator: of several processes that each hold a share of the tensors, and call alike.
    """
    named = [(name, one) for name, one in tensors if one.is_floating_point()]
    if not named:
        return ""
    # Counted where they lie, and told once: a GPU need not be waited for at each.
    bad = torch.stack([(~torch.isfinite(one)).sum().to(named[0][1].device) for _, one in named])
    sizes = torch.tensor([one.numel() for _, one in named], device=bad.device)
    if accelerator is not None and accelerator.num_processes > 1:
        bad, sizes = accelerator.reduce(torch.stack([bad, sizes]).to(accelerator.device), "sum")
    for (name, _), count, size in zip(named, bad.tolist(), sizes.tolist(), strict=True):
        if count:
            return f"{name} ({count:,} of {size:,} values are no numbers)"
    return ""


def learnt(model: Any, optimizer: Any = None) -> Iterator[Named]:
    """This process's share of the weights that learn, and of AdamW's state of each, by the names of the weights.

    Args:
        model: the prepared module around the student, whose attribute `model` is the student.
        optimizer: the prepared one; None for the weights alone.
    """
    states = optimizer.optimizer.state if optimizer is not None else {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        plain = name.removeprefix("module.").removeprefix("model.")
        yield plain, _mine(getattr(parameter, "ds_tensor", parameter))
        for kind, value in sorted(states.get(parameter, {}).items()):
            if isinstance(value, torch.Tensor):
                yield f"AdamW's {kind} of {plain}", _mine(value)


def _mine(tensor: Any) -> torch.Tensor:
    """What of a sharded tensor lies here; the others whole."""
    local: torch.Tensor = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return local.detach()
