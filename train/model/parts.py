"""What learns: each part of the model in full, by adapters, or not at all; resolved once, for all that follows."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

from demitasse.errors import ConfigError
from train.config import LoraConfig, ModelConfig, TrainConfig
from train.model import adapters, layers, precision
from train.model.anatomy import is_learnable, part_of

Learn = Literal["full", "lora", "frozen"]
TABLE = "parameters.json"


def plan(config: ModelConfig) -> dict[str, Learn]:
    """How each part learns, "auto" resolved.

    Raises:
        ConfigError: if nothing learns, a frozen part has a rate, no part learns as `model.method` says, or settings of
            adapters would do nothing.
    """
    how: dict[str, Learn] = {}
    for part in ("vision", "merger", "language", "embeddings"):
        asked = getattr(config, part)
        default: Learn = "full" if config.method == "full" else "lora" if part == "language" else "frozen"
        how[part] = default if asked.learn == "auto" else asked.learn
        if how[part] == "frozen" and asked.lr is not None:
            raise ConfigError(
                f"model.{part}.lr is {asked.lr:g}, but that part is frozen: set model.{part}.learn, or leave lr out"
            )
    if set(how.values()) == {"frozen"}:
        raise ConfigError("every part of the model is frozen: nothing is left to learn; set model.language.learn")
    if config.method != "full" and "lora" not in how.values():
        raise ConfigError(
            f"model.method is '{config.method}', but no part learns by adapters ({how}): use method 'full', "
            "which leaves a part frozen where its 'learn' says so"
        )
    _check_adapters(config, [part for part in how if how[part] == "lora"])
    return how


def _check_adapters(config: ModelConfig, adapted: list[str]) -> None:
    """Refuse settings of adapters that would do nothing."""
    if not adapted and config.lora != LoraConfig():
        changed = ", ".join(f"{name}={value}" for name, value in asdict(config.lora).items() if value != _usual(name))
        raise ConfigError(
            f"model.lora says {changed}, but no part learns by adapters: set model.method to 'lora' or 'qlora', or "
            "leave model.lora out"
        )
    if config.method == "qlora" and adapted == ["embeddings"]:
        raise ConfigError(
            "model.method is 'qlora', which keeps linear layers under adapters in 4 bits, but only the embeddings have "
            "adapters: use 'lora'"
        )


def _usual(name: str) -> Any:
    return getattr(LoraConfig(), name)


def prepare(model: Any, config: ModelConfig, seed: int, mixed: str = precision.NO) -> Any:
    """Freeze, adapt and set up the model as configured; returns the model to train, a PeftModel with adapters.

    Args:
        model: as it was loaded.
        config: how it learns.
        seed: of the adapters.
        mixed: the run's mixed precision, by which `train.model.precision` keeps the weights.

    Raises:
        ConfigError: for settings that fit neither each other nor the model, or that need what is not installed.
    """
    how = plan(config)
    adapted = [part for part in how if how[part] == "lora"]
    if adapted:
        linear = adapters.targets(model, config.lora, adapted)
        if config.method == "qlora":
            adapters.keep_in_4_bits(model, adapted)
        model = adapters.add(model, config.lora, linear, seed)
    for name, parameter in model.named_parameters():
        # Adapters are told by what PEFT has left to learn: nothing but them.
        is_adapter = bool(adapted) and parameter.requires_grad
        parameter.requires_grad_(is_adapter or (how[part_of(name)] == "full" and is_learnable(name)))
    precision.keep_what_learns(model, config, mixed)
    layers.run_as(model, config)
    return model


@dataclass(frozen=True, slots=True)
class Row:
    """A part of the model in the table: how it learns, at which peak rate, how many of its parameters, in which type.

    `total` counts the adapters too.
    """

    part: str
    learn: Learn
    lr: float | None
    learning: int
    total: int
    dtype: str


def rate_of(config: TrainConfig, part: str) -> float:
    """The peak learning rate of a part."""
    own: float | None = getattr(config.model, part).lr
    return config.optim.lr if own is None else own


def table(model: Any, config: TrainConfig) -> list[Row]:
    """What learns of a prepared model, part by part."""
    rows = []
    for part, learn in plan(config.model).items():
        its = [parameter for name, parameter in model.named_parameters() if part_of(name) == part]
        learning = [parameter for parameter in its if parameter.requires_grad]
        dtypes = sorted({str(parameter.dtype).removeprefix("torch.") for parameter in learning})
        lr = rate_of(config, part) if learning else None
        rows.append(Row(part, learn, lr, _count(learning), _count(its), ", ".join(dtypes)))
    return rows


def lines(rows: list[Row]) -> list[str]:
    """The table as it is printed."""
    said = [f"  {'part':<11}{'learns':<8}{'parameters':>15}{'of':>17}   peak rate"]
    for row in rows:
        rate = "" if row.lr is None else f"{row.lr:.1e} in {row.dtype}"
        said.append(f"  {row.part:<11}{row.learn:<8}{row.learning:>15,}{row.total:>17,}   {rate}".rstrip())
    learning, total = sum(row.learning for row in rows), sum(row.total for row in rows)
    said.append(f"  {'all':<19}{learning:>15,}{total:>17,}   {learning / total:.2%} of the model learns")
    if any(row.learn == "full" and row.dtype in ("bfloat16", "float16") for row in rows):
        said.append(
            "  note: weights that learn are kept in 16 bits, where a change of less than 1/256 of a weight is lost and "
            "AdamW's second moment does not fall again; model.dtype=auto has neither fault, for 8 bytes a weight more"
        )
    return said


def save_table(rows: list[Row], folder: Path) -> None:
    """Write the table to `parameters.json` in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TABLE).write_text(json.dumps({"parts": [asdict(row) for row in rows]}, indent=2) + "\n")


def _count(parameters: list[Any]) -> int:
    return sum(prod(adapters.shape_of(parameter)) for parameter in parameters)
