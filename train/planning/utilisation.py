"""How much of the GPUs' peak was of use: MFU, model FLOPs utilisation (PaLM, arXiv 2204.02311, appendix B)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from train.planning.flops import Cost, Length
from train.planning.gpus import gpu_named

if TYPE_CHECKING:
    from accelerate import Accelerator


class Utilisation:
    """Tells a step's MFU: the FLOPs that its items need, over what all GPUs could have done in its time.

    Padding, and what is computed again for checkpointing, is no use and is not counted.

    Args:
        flops: what forward and backward pass of each lesson need.
        peak: peak FLOP/s of all GPUs together.
    """

    def __init__(self, flops: Sequence[float], peak: float) -> None:
        self._flops = flops
        self._peak = peak

    @classmethod
    def by(cls, model: Any, lengths: Sequence[Length], peak: float | None) -> Utilisation | None:
        """That of lessons of these lengths, learnt by a prepared model; None where the peak is not known."""
        if peak is None:
            return None
        cost = Cost(model)
        return cls([cost.of(length).total for length in lengths], peak)

    def of(self, places: Sequence[int], seconds: float) -> float:
        """The MFU of a step that learnt these lessons in so many seconds, data wait included."""
        return sum(self._flops[place] for place in places) / (seconds * self._peak)


def peak_flops(device: str, dtype: str, processes: int) -> float | None:
    """Peak FLOP/s of `processes` GPUs of this name together; None where the GPU or the type is not known."""
    gpu = gpu_named(device)
    peak = gpu.peak(dtype) if gpu else None
    return None if peak is None else peak * processes


def peak_of(accelerator: Accelerator, model: Any, say: Callable[[str], None]) -> float | None:
    """Peak FLOP/s of a run's GPUs together, in the type that its products are computed in; None where not known.

    Args:
        accelerator: of the run.
        model: the student.
        say: told once where a GPU or its peak in this type is not known.
    """
    import torch

    if accelerator.device.type != "cuda":
        return None
    device = torch.cuda.get_device_name(accelerator.device)
    mixed = {"bf16": "bfloat16", "fp16": "float16"}.get(accelerator.mixed_precision)
    dtype = mixed or str(model.dtype).removeprefix("torch.")
    peak = peak_flops(device, dtype, accelerator.num_processes)
    if peak is None:
        say(f"the peak of {device} in {dtype} is not known (train/planning/gpus.py), so no MFU is told")
    return peak
