"""What tells two models apart: the content of their folders, never the folders' names."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from demitasse.errors import ConfigError
from demitasse.media.probe import content_hash
from demitasse.student.record import read_record

ADAPTER_CONFIG = "adapter_config.json"
_WEIGHTS = ("*.safetensors", "*.bin")
_SETTINGS = ("*.json", "*.txt", "*.jinja")
# `models--Qwen--Qwen3-VL-2B-Instruct/snapshots/…`: how the Hub's cache names a repository.
_CACHED = re.compile(r"models--([\w.-]+?)--([\w.-]+)")


def model_hash(folder: Path) -> str:
    """Hash of a model folder's weights and settings, and of an adapter's base: the same name may hold another model.

    Raises:
        ConfigError: if the folder holds no model, or an adapter's base is not there.
    """
    digest = _digest(folder, (*_WEIGHTS, *_SETTINGS))
    if (folder / ADAPTER_CONFIG).is_file():
        digest += model_hash(base_of(folder))
        return hashlib.sha256(digest.encode()).hexdigest()
    return digest


def weights_hash(folder: Path) -> str:
    """Hash of a model folder's weights alone.

    Raises:
        ConfigError: if the folder holds none.
    """
    return _digest(folder, _WEIGHTS)


def model_name(folder: Path) -> str:
    """What a model is called: "owner/name" in the Hub's cache, and elsewhere the folder's own name."""
    place = folder.resolve()
    found = next((match for part in place.parts if (match := _CACHED.fullmatch(part))), None)
    return f"{found[1]}/{found[2]}" if found else place.name


def base_of(adapter: Path) -> Path:
    """The folder of an adapter's base, as its `adapter_config.json` names it: from here, or from the adapter's folder.

    Raises:
        ConfigError: if the file cannot be read, or there is no model.
    """
    path = adapter / ADAPTER_CONFIG
    try:
        named = json.loads(path.read_text(encoding="utf-8")).get("base_model_name_or_path") or ""
    except (ValueError, AttributeError):
        raise ConfigError(f"{path}: not the JSON object that PEFT writes; save the adapter again") from None
    for place in (Path(named), adapter / named):
        if named and (place / "config.json").is_file() and place.resolve() != adapter.resolve():
            return place
    record = read_record(adapter)
    base = f" ({record.base}, weights {record.base_sha256[:12]})" if record and record.base else ""
    raise ConfigError(
        f"{path}: 'base_model_name_or_path' is '{named}', and no model is there; set it to the folder of the "
        f"base{base} on this machine"
    )


def check_model(folder: Path) -> None:
    """Refuse a folder without a model, before anything is made or bought for one that will not learn.

    Raises:
        ConfigError: if the folder holds none.
    """
    _files(folder, (*_WEIGHTS, *_SETTINGS))


def _files(folder: Path, patterns: Iterable[str]) -> list[Path]:
    files = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    if not files:
        raise ConfigError(
            f"{folder} holds no model; give the folder of a model or of a LoRA adapter (`hf download NAME` prints that "
            "of one of the Hub's)"
        )
    return files


def _digest(folder: Path, patterns: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for path in _files(folder, patterns):
        digest.update(f"{path.name} {content_hash(path)}\n".encode())
    return digest.hexdigest()
