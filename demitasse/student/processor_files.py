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
    for name, part in (
        ("processor_config.json", "image_processor"),
        ("preprocessor_config.json", None),
        ("processor_config.json", "video_processor"),
        ("video_preprocessor_config.json", None),
    ):
        path = folder / name
        if not path.is_file():
            continue
        loaded = json.loads(path.read_text())
        chosen = loaded.get(part) if part else loaded
        if chosen and "patch_size" in chosen:
            return dict(chosen)
    raise ConfigError(f"{folder}: no preprocessor_config.json or processor_config.json with a 'patch_size' in it")


def pixel_bounds(settings: Mapping[str, Any]) -> tuple[int, int]:
    """The fewest and most pixels of a picture."""
    size = settings.get("size") or {}
    fewest = settings.get("min_pixels") or size.get("shortest_edge") or (settings["patch_size"] * 4) ** 2
    most = settings.get("max_pixels") or size.get("longest_edge") or 768 * 28 * 28
    return fewest, most
