"""The weights of a student as one model: adapters merged, written, read back, and compared at each turn.

Weights that were merged or read wrongly still make a model that answers, only another one (colpali#424, vllm#34186).
So the merged model is held against the adapter beside its base, in float32, and what plain transformers reads back
against what was written.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demitasse.errors import DemitasseError, DiskFullError
from demitasse.student.adapter import check_base, with_adapter
from demitasse.student.load import device_of, load_model
from demitasse.student.weights import ADAPTER_CONFIG, base_of
from train.after.verify import agreement, apart, logits, samples
from train.loop.sound import unsound

if TYPE_CHECKING:
    from demitasse.student.encode import Encoder

# Largest difference of logits, relative to the largest logit. Merging reorders float32 sums; 16 bits are read back as
# they were written, but kernels may add them up in another order.
TOLERANCES = {"float32": 1e-4, "bfloat16": 2e-2, "float16": 2e-3}


@dataclass(frozen=True, slots=True)
class Verified:
    """What was compared, as shares of the largest logit.

    Attributes:
        merged: merged weights against the adapter beside its base; None where nothing was merged.
        reloaded: what plain transformers reads back against what was written.
        agreement: share of tokens that the written weights and the float32 ones both find the likeliest.
    """

    merged: float | None
    reloaded: float
    agreement: float

    def sentences(self, dtype: str) -> list[str]:
        """What was checked, in words."""
        said = []
        if self.merged is not None:
            said.append(f"merged weights against the adapter, float32: logits differ by {self.merged:.1e} at most")
        said.append(f"read back by plain transformers, {dtype}: logits differ by {self.reloaded:.1e} at most")
        if dtype != "float32":
            said.append(f"{dtype} and float32 agree on {self.agreement:.1%} of greedy tokens of generated samples")
        return said


def write_weights(
    student: Path, folder: Path, encoder: Encoder, dtype: str, shard_size: str, device: str
) -> tuple[str, list[str]]:
    """Merge, compare, write, read back, compare; returns the weights' type and what was found, in words.

    Args:
        student: a student's folder, or an adapter's.
        folder: to write to; the base's configuration is there.
        encoder: the student's.
        dtype: of what is written; "auto" is the configuration's.
        shard_size: largest file of weights, as "5GB".
        device: where it is done; "auto" takes a GPU where there is one.

    Raises:
        DemitasseError: if anything differs.
    """
    from transformers import AutoConfig

    batches, place = samples(encoder), device_of(device)
    model, merged = _merged(student, batches, place)
    exact = logits(model, batches)
    named = getattr(AutoConfig.from_pretrained(folder), "dtype", None) if dtype == "auto" else dtype
    name = str(named or "float32").removeprefix("torch.")
    _cast(model, name)
    _demand_numbers(model, f"{student} as {name}", "--dtype bfloat16 or float32 can hold what it learnt")
    _save(model, folder, shard_size)
    written = logits(model, batches)
    again = load_model(folder, name).to(place).eval()
    verified = Verified(merged, apart(written, logits(again, batches)), agreement(exact, written))
    _demand(verified.reloaded, TOLERANCES[name], "read back by transformers, the weights answer otherwise than written")
    return name, verified.sentences(name)


def _merged(student: Path, batches: list[Any], place: str) -> tuple[Any, float | None]:
    """The student with its adapter merged, in float32, and how far that moved its logits."""
    if not (student / ADAPTER_CONFIG).is_file():
        model = load_model(student, "float32").to(place).eval()
        _demand_numbers(model, student)
        return model, None
    base = base_of(student)
    check_base(student, base)
    beside = with_adapter(load_model(base, "float32").to(place), student).eval()
    _demand_numbers(beside, student)
    expected = logits(beside, batches)
    model = beside.merge_and_unload().eval()
    moved = apart(expected, logits(model, batches))
    _demand(moved, TOLERANCES["float32"], "merged into the base, the adapter answers otherwise than beside it")
    return model, moved


def _demand_numbers(
    model: Any, what: object, remedy: str = "the student was spoiled in training: train it again"
) -> None:
    """Blame weights that are no numbers themselves: no comparison of logits could."""
    if fault := unsound(model.named_parameters()):
        raise DemitasseError(f"{what}: {fault}; {remedy}")


def _save(model: Any, folder: Path, shard_size: str) -> None:
    from safetensors import SafetensorError

    try:
        model.save_pretrained(folder, max_shard_size=shard_size)
    except SafetensorError as fault:  # which hides the number of the system's error
        raise DiskFullError(f"{folder.parent}: the weights could not be written ({fault}); make room") from fault


def _demand(difference: float, most: float, what: str) -> None:
    if not difference <= most:
        raise DemitasseError(f"{what}: logits differ by {difference:.1e} of the largest, more than {most:.0e}")


def _cast(model: Any, dtype: str) -> None:
    """The parameters alone: `model.to` would round buffers too, such as rotary frequencies, as loading never does."""
    import torch

    for parameter in model.parameters():
        parameter.data = parameter.data.to(getattr(torch, dtype))
