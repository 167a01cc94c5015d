"""Is a model's folder complete, so that vLLM, `transformers serve` and AutoProcessor find all they look for?

They fail late and darkly without: at the first picture, or by never ending an answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demitasse.errors import ConfigError
from demitasse.student.record import FramesUsed

# Where transformers' processors look for their part, the newest layout first.
_IMAGE = (("processor_config.json", "image_processor"), ("preprocessor_config.json", ""))
_VIDEO = (("processor_config.json", "video_processor"), ("video_preprocessor_config.json", ""))


def missing(folder: Path) -> list[str]:
    """What the folder lacks, in words; empty if it can be served.

    Raises:
        ConfigError: if a file in it is damaged.
    """
    config, generation = _json(folder / "config.json"), _json(folder / "generation_config.json")
    image, video = _part(folder, _IMAGE), _part(folder, _VIDEO)
    lacks = {
        "config.json with 'model_type' and 'architectures'": not {"model_type", "architectures"} <= config.keys(),
        "generation_config.json with 'eos_token_id', which ends an answer": generation.get("eos_token_id") is None,
        "tokenizer.json": not (folder / "tokenizer.json").is_file(),
        "tokenizer_config.json": not (folder / "tokenizer_config.json").is_file(),
        "a chat template (chat_template.jinja)": not _has_template(folder),
        "an image processor (preprocessor_config.json)": "image_processor_type" not in image,
        # transformers falls back on the image processor's file for a video, as older checkpoints have it.
        "a video processor (video_preprocessor_config.json)": "patch_size" not in (video or image),
    }
    return [what for what, is_lacking in lacks.items() if is_lacking] + _missing_weights(folder)


def fit_processors(folder: Path, frames: FramesUsed) -> None:
    """Have the processors' files say what the student was trained with, where that was not the model's own.

    An image, and a frame of Qwen2-VL's, is bounded by its pixels; Qwen3-VL's processor bounds a whole video's, so
    there a frame's bound counts for the most frames there are.
    """
    for name in ("processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json"):
        content = _json(folder / name)
        for part in (content.get("image_processor"), content.get("video_processor"), content):
            if part and "patch_size" in part:
                _fit(part, frames, is_video="video" in name or part is content.get("video_processor"))
        if content:
            (folder / name).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _fit(part: dict[str, Any], frames: FramesUsed, is_video: bool) -> None:
    least, most = frames.min_pixels, frames.max_pixels
    if is_video:
        part |= {"fps": frames.fps, "min_frames": frames.min_frames, "max_frames": frames.max_frames}
        # Without it vLLM's transformers backend drops a video's rate, and its frames come 24 times too fast.
        part["do_sample_frames"] = True
        if str(part.get("video_processor_type", "")).startswith("Qwen3"):
            least = least and least * frames.min_frames
            most = frames.video_pixels or (most and most * frames.max_frames)
    given = {"shortest_edge": least, "longest_edge": most}
    if least or most:
        former = {"shortest_edge": part.pop("min_pixels", None), "longest_edge": part.pop("max_pixels", None)}
        part["size"] = (part.get("size") or {}) | _set(former) | _set(given)


def _set(bounds: Mapping[str, int | None]) -> dict[str, int]:
    return {name: value for name, value in bounds.items() if value}


def _part(folder: Path, places: tuple[tuple[str, str], ...]) -> Mapping[str, Any]:
    for name, part in places:
        content = _json(folder / name)
        found = content.get(part) if part else content
        if found:
            return dict(found)
    return {}


def _has_template(folder: Path) -> bool:
    files = ("chat_template.jinja", "chat_template.json")
    return any((folder / name).is_file() for name in files) or "chat_template" in _json(
        folder / "tokenizer_config.json"
    )


def _missing_weights(folder: Path) -> list[str]:
    index = folder / "model.safetensors.index.json"
    shards = sorted(set(_json(index).get("weight_map", {}).values())) if index.is_file() else ["model.safetensors"]
    return [name for name in shards if not (folder / name).is_file()]


def _json(path: Path) -> dict[str, Any]:
    """The object in a file; empty where there is none."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise ConfigError(
            f"{path.name} of the student, or of its base, is damaged: {fault}; copy it there again"
        ) from None
    return content if isinstance(content, dict) else {}
