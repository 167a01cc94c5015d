"""Load a student: a model folder, or a LoRA adapter folder on top of the base it names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demitasse.errors import ConfigError
from demitasse.student.encode import Encoder
from demitasse.student.family import family_of
from demitasse.student.modes import Positions
from demitasse.student.positions import learnt_positions
from demitasse.student.vision import read_vision_settings
from demitasse.student.weights import ADAPTER_CONFIG, base_of

LARGE = 2**30  # bytes of weights from which transformers' progress bars are worth a line


@dataclass(frozen=True, slots=True)
class Student:
    """A loaded model with what is needed to ask it: `encoder` and the tokenizer inside it."""

    model: Any
    encoder: Encoder
    path: str

    @property
    def tokenizer(self) -> Any:
        """The model's own tokenizer."""
        return self.encoder.tokenizer


def load_student(
    path: str | Path,
    dtype: str = "auto",
    device: str = "auto",
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    system_prompt: str = "",
    positions: Positions | None = None,
) -> Student:
    """Load model, tokenizer and vision settings from a folder.

    Args:
        path: a model folder in transformers' layout, or an adapter folder written by PEFT.
        dtype: "auto" (the checkpoint's own), "float32", "bfloat16" or "float16".
        device: "auto" takes a GPU where there is one.
        min_pixels: smallest number of pixels of a frame; None keeps the model's own.
        max_pixels: largest number of pixels of a frame; None keeps the model's own.
        system_prompt: put before every question.
        positions: where text goes on behind a video (`demitasse.student.family.goes_on`); None takes what the weights
            learnt (`demitasse.student.positions`).

    Raises:
        ConfigError: if the folder is not a supported model, an adapter's base cannot be found, or the device is not
            there.
    """
    folder, place = Path(path), device_of(device)
    if (folder / ADAPTER_CONFIG).is_file():
        model, base = _load_adapter(folder, dtype)
    else:
        model, base = load_model(folder, dtype), folder
    model.to(place).eval()
    rule = positions or learnt_positions(folder)
    encoder = build_encoder(base, model.config, min_pixels, max_pixels, system_prompt, rule)
    return Student(model=model, encoder=encoder, path=str(path))


def build_encoder(
    folder: Path,
    config: Any,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    system_prompt: str = "",
    positions: Positions = "transformers",
) -> Encoder:
    """The encoder of the model saved in `folder`, without its weights."""
    from transformers import AutoTokenizer

    with readable(folder):
        vision = read_vision_settings(folder).with_bounds(min_pixels, max_pixels)
        tokenizer = AutoTokenizer.from_pretrained(folder)
    return Encoder(tokenizer, config, family_of(config, positions), vision, system_prompt)


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Let what transformers says of a file that it cannot read be one sentence about its folder.

    Raises:
        ConfigError: in place of a file's error.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, SafetensorError) as fault:
        said = " ".join(str(fault).split())[:200]
        raise ConfigError(
            f"{folder}: a file of this model is missing or damaged ({said}); copy it there again"
        ) from fault


def load_model(folder: Path, dtype: str) -> Any:
    """The model in `folder`, by plain transformers; `dtype` as in `load_student`.

    Raises:
        ConfigError: if it is no supported model, or any weight is missing, left over or of another shape.
    """
    from transformers import AutoConfig, AutoModelForImageTextToText
    from transformers.utils import logging

    if not (folder / "config.json").is_file():
        raise ConfigError(f"{folder}: no config.json; give the folder of a Qwen-VL model or of a LoRA adapter")
    with readable(folder):
        config = AutoConfig.from_pretrained(folder)
    family_of(config)  # refuse before gigabytes are read
    if sum(file.stat().st_size for file in folder.glob("*.safetensors")) < LARGE:
        logging.disable_progress_bar()
    with readable(folder):
        loaded: Any = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=dtype, output_loading_info=True, attn_implementation="sdpa"
        )
    model, loading = loaded
    lost = {
        name: keys for name in ("missing_keys", "unexpected_keys", "mismatched_keys") if (keys := loading.get(name))
    }
    if lost:
        # A renamed key would leave part of the model at random: never only a warning.
        raise ConfigError(f"{folder}: the weights do not fit this transformers version: {lost}")
    return model


def _load_adapter(folder: Path, dtype: str) -> tuple[Any, Path]:
    from demitasse.student.adapter import check_base, with_adapter

    base = base_of(folder)
    check_base(folder, base)
    return with_adapter(load_model(base, dtype), folder).merge_and_unload(), base


def device_of(device: str) -> str:
    """The device itself; of "auto" a GPU where there is one.

    Raises:
        ConfigError: if torch has no such device on this machine.
    """
    import torch

    if device != "auto":
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise ConfigError(f"device {device}: torch has none on this machine; give cpu, or auto") from error
        return device
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
