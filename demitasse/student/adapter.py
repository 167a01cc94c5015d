"""A LoRA adapter on its base: loaded by PEFT, and then checked, because PEFT only warns.

Names that do not match leave the base model in place of the student: transformers 4.52 renamed the language model's
layers, and adapters from before went on to be "loaded" for months. Here every missing, unexpected or ill-shaped weight
is an error, and so is a base with other weights than the adapter was trained on.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from demitasse.errors import ConfigError
from demitasse.student.record import RECORD, read_record
from demitasse.student.weights import ADAPTER_CONFIG, weights_hash

ADAPTER_WEIGHTS = "adapter_model.safetensors"


def check_base(adapter: Path, base: Path) -> None:
    """Refuse a base that is not the one that the adapter was trained on, where `demitasse.json` tells.

    Raises:
        ConfigError: if its weights differ.
    """
    record = read_record(adapter)
    if record and record.base_sha256 and weights_hash(base) != record.base_sha256:
        raise ConfigError(
            f"{base}: its weights are not those of {record.base or 'the base'} that the adapter {adapter} was trained "
            f"on; name that one in {adapter / ADAPTER_CONFIG} (or, if it is the same saved anew, empty 'base_sha256' "
            f"in {adapter / RECORD})"
        )


def with_adapter(model: Any, adapter: Path) -> Any:
    """The base `model` with the adapter beside its weights: a PeftModel.

    Raises:
        ConfigError: if any weight of the adapter is missing, fits nowhere, or has another shape.
    """
    from peft import PeftModel
    from safetensors import SafetensorError

    if not (adapter / ADAPTER_WEIGHTS).is_file():
        raise ConfigError(f"{adapter}: no {ADAPTER_WEIGHTS}; save the adapter again as safetensors")
    try:
        with warnings.catch_warnings():
            # Of keys that were not found, which is an error below.
            warnings.simplefilter("ignore")
            wrapped = PeftModel.from_pretrained(model, str(adapter))
    except SafetensorError as fault:
        raise ConfigError(f"{adapter / ADAPTER_WEIGHTS} is damaged ({fault}); copy it there again") from fault
    except (ValueError, RuntimeError, KeyError, TypeError) as fault:
        reason = " ".join(str(fault).split())[:300]
        raise ConfigError(f"{adapter}: the adapter does not fit its base: {reason}") from None
    _check_keys(wrapped, adapter)
    return wrapped


def _check_keys(wrapped: Any, adapter: Path) -> None:
    """An adapter's file holds every weight that PEFT made room for, and none that the model lacks."""
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    with safe_open(adapter / ADAPTER_WEIGHTS, "pt") as file:
        found = set(file.keys())
    wanted = set(get_peft_model_state_dict(wrapped, save_embedding_layers=False))
    missing = sorted(wanted - found)
    # Weights of the base itself may stand in the file: of parts that learnt whole, beside others that learnt by LoRA.
    unexpected = sorted(found - wanted - {name for name, _ in wrapped.named_parameters()})
    if missing or unexpected:
        raise ConfigError(
            f"{adapter / ADAPTER_WEIGHTS}: its names are not the model's, so (part of) the base would answer: "
            f"{len(missing)} missing {missing[:2]}, {len(unexpected)} unexpected {unexpected[:2]}; "
            "was it trained on another model, or saved by another version?"
        )
