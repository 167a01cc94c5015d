"""What a number was made with: versions of code and libraries, and the weights that answered."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from demitasse.errors import ConfigError
from demitasse.media.probe import content_hash
from demitasse.stages import CHECKOUT
from evaluate.records import Json

_PACKAGES = ("demitasse", "torch", "transformers", "peft", "av", "numpy", "scipy")
_MODEL_FILES = ("*.json", "*.safetensors", "*.bin", "*.txt", "*.jinja")


@cache
def provenance() -> Json:
    """Versions of Python and the packages that matter, and the checkout's commit if it is one."""
    return {"python": platform.python_version(), "packages": dict(_versions()), "commit": _commit()}


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _commit() -> str | None:
    """The commit, with "-dirty" for uncommitted changes; None outside a git checkout."""
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


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
