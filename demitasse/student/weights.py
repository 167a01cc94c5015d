"""What tells two models apart: the content of their folders, never the folders' names."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from demitasse.errors import ConfigError
from demitasse.media.probe import content_hash

_MODEL_FILES = ("*.json", "*.safetensors", "*.bin", "*.txt", "*.jinja")


def model_hash(folder: Path) -> str:
    """Hash of a model folder's weights and settings, and of an adapter's base: the same name may hold another model.

    Raises:
        ConfigError: if the folder holds no model.
    """
    digest = hashlib.sha256()
    files = sorted({path for pattern in _MODEL_FILES for path in folder.glob(pattern)})
    if not files:
        raise ConfigError(f"{folder} holds no model; give the folder of a model or of a LoRA adapter")
    for path in files:
        digest.update(f"{path.name} {content_hash(path)}\n".encode())
    adapter = folder / "adapter_config.json"
    if adapter.is_file():
        base = Path(json.loads(adapter.read_text(encoding="utf-8")).get("base_model_name_or_path") or "")
        if base.is_dir() and base.resolve() != folder.resolve():
            digest.update(model_hash(base).encode())
    return digest.hexdigest()
