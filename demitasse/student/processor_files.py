"""What a saved model's processor files say of pictures; read without torch, which asking about them must not need."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demitasse.errors import ConfigError


def processor_json(folder: Path) -> dict[str, Any]:
    """The settings of the image processor; of the video processor where there is no other.

    Raises:
        ConfigError: if the folder holds none of the processor files.
    """
    found = _image_json(folder) or _video_json(folder)
    if not found:
        raise ConfigError(f"{folder}: no preprocessor_config.json or processor_config.json with a 'patch_size' in it")
    return found


def video_processor_json(folder: Path) -> dict[str, Any]:
    """The settings of the video processor; where there is none, those of the image processor, as transformers takes.

    Raises:
        ConfigError: if the folder holds none of the processor files.
    """
    return _video_json(folder) or processor_json(folder)


def _image_json(folder: Path) -> dict[str, Any] | None:
    return _settings(folder, "processor_config.json", "image_processor") or _settings(
        folder, "preprocessor_config.json", None
    )


def _video_json(folder: Path) -> dict[str, Any] | None:
    return _settings(folder, "processor_config.json", "video_processor") or _settings(
        folder, "video_preprocessor_config.json", None
    )


def _settings(folder: Path, name: str, part: str | None) -> dict[str, Any] | None:
    path = folder / name
    if not path.is_file():
        return None
    loaded = json.loads(path.read_text(encoding="utf-8"))
    chosen = loaded.get(part) if part else loaded
    return dict(chosen) if chosen and "patch_size" in chosen else None


def pixel_bounds(settings: Mapping[str, Any]) -> tuple[int, int]:
    """The fewest and most pixels of a picture."""
    size = settings.get("size") or {}
    fewest = settings.get("min_pixels") or size.get("shortest_edge") or (settings["patch_size"] * 4) ** 2
    most = settings.get("max_pixels") or size.get("longest_edge") or 768 * 28 * 28
    return fewest, most
