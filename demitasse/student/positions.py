"""By which rule a folder's weights learnt where text goes on behind a video, and which servers count by another.

The rules are told apart in `demitasse.student.family.goes_on`; docs/serving.md says where they differ and by how much.
"""

from __future__ import annotations

import json
from pathlib import Path

from demitasse.errors import ConfigError
from demitasse.student.family import TELLS_TIME
from demitasse.student.modes import Positions
from demitasse.student.record import PUBLISHED, read_record
from demitasse.student.weights import ADAPTER_CONFIG, base_of

_VLLM, _PLAIN = "vllm serve MODEL --trust-request-mm-kwargs", "transformers serve MODEL"
_BY_TRANSFORMERS = "--model-impl transformers"


def learnt_positions(folder: Path) -> Positions:
    """The rule of a folder's record, else of the record of an adapter's base; weights without any count as published.

    Raises:
        ConfigError: if a record is broken, or an adapter's base is not there.
    """
    record = read_record(folder)
    if record is None and (folder / ADAPTER_CONFIG).is_file():
        record = read_record(base_of(folder))
    return record.positions if record else PUBLISHED


def model_type(folder: Path) -> str:
    """transformers' name of the family of a model, or of an adapter's base.

    Raises:
        ConfigError: if there is no model.
    """
    path = (base_of(folder) if (folder / ADAPTER_CONFIG).is_file() else folder) / "config.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, LookupError, TypeError):
        raise ConfigError(f"{path}: names no 'model_type'; give the folder of a Qwen-VL model") from None


def servers(family: str, learnt: Positions) -> tuple[list[str], str]:
    """Commands that serve MODEL with the positions that it learnt, and a sentence on those that count others, or "".

    Args:
        family: transformers' model type.
        learnt: the rule of its training.
    """
    if family not in TELLS_TIME:
        return [_VLLM, _PLAIN], ""
    behind = "the positions behind a video of more than some seconds otherwise than it learnt"
    if learnt == "qwen":
        return [_VLLM], f"`{_PLAIN}` (transformers 5.3 and later) and vLLM's `{_BY_TRANSFORMERS}` count {behind}."
    return [f"{_VLLM} {_BY_TRANSFORMERS}", _PLAIN], f"vLLM without `{_BY_TRANSFORMERS}` counts {behind}."
