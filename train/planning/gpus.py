"""What named GPUs can do at most: dense figures of their makers' data sheets, without sparsity."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU: peak FLOP/s of matrix products by the type of their factors, and memory in GiB as sold."""

    name: str
    bfloat16: float
    float32: float
    memory_gib: float

    def peak(self, dtype: str) -> float | None:
        """Peak FLOP/s in "bfloat16", "float16" or "float32"; None for another type."""
        return {"bfloat16": self.bfloat16, "float16": self.bfloat16, "float32": self.float32}.get(dtype)


_T = 1e12
# The first whose name is in the device's counts, so what names a variant stands before what names the family.
# float32 without TF32, as PyTorch computes unless told otherwise.
GPUS = (
    Gpu("B200", 2250 * _T, 75 * _T, 180),
    Gpu("H200", 989 * _T, 67 * _T, 141),
    Gpu("GH200", 989 * _T, 67 * _T, 96),
    Gpu("H100 NVL", 835 * _T, 60 * _T, 94),
    Gpu("H100 PCIe", 756 * _T, 51 * _T, 80),
    Gpu("H100", 989 * _T, 67 * _T, 80),
    Gpu("H800", 989 * _T, 67 * _T, 80),
    Gpu("H20", 148 * _T, 44 * _T, 96),
    Gpu("A100-SXM4-40GB", 312 * _T, 19.5 * _T, 40),
    Gpu("A100-PCIE-40GB", 312 * _T, 19.5 * _T, 40),
    Gpu("A100", 312 * _T, 19.5 * _T, 80),
    Gpu("A800", 312 * _T, 19.5 * _T, 80),
    Gpu("A10G", 70 * _T, 35 * _T, 24),
    Gpu("A10", 125 * _T, 31.2 * _T, 24),
    Gpu("L40S", 362 * _T, 91.6 * _T, 48),
    Gpu("L4", 121 * _T, 30.3 * _T, 24),
    Gpu("RTX A6000", 154.8 * _T, 38.7 * _T, 48),
    Gpu("RTX 4090", 165.2 * _T, 82.6 * _T, 24),
    Gpu("RTX 3090", 71 * _T, 35.6 * _T, 24),
)


def gpu_named(name: str) -> Gpu | None:
    """The GPU that a device's name, or a person, means: "NVIDIA H100 80GB HBM3", "h200"; None for an unknown one."""
    words = name.upper().replace("-", " ")
    return next((gpu for gpu in GPUS if _is_in(gpu.name.upper().replace("-", " "), words)), None)


def _is_in(name: str, words: str) -> bool:
    """Whether the words of a name follow one another in the words: "L4" is not in "L40"."""
    return f" {name} " in f" {words} "
