"""The frames of a run, from its configuration: one policy for learning, validating, counting and asking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.student.record import FramesUsed, HowTrained
from train.config import FramesConfig, TrainConfig
from train.model.positions import positions_of

if TYPE_CHECKING:
    from demitasse.student.sight import Sight, SightSettings
    from demitasse.student.vision import VisionSettings


def open_sight(config: TrainConfig, vision: VisionSettings) -> Sight:
    """What shows a run's items.

    Raises:
        ConfigError: for frame limits that contradict one another.
    """
    from demitasse.media.cache import FrameCache
    from demitasse.student.sight import Sight

    return Sight(sight_settings(config.frames), FrameCache(config.data.cache_dir), vision)


def sight_settings(frames: FramesConfig) -> SightSettings:
    """How a video becomes frames, in the student's own words.

    Raises:
        ConfigError: for limits that contradict one another.
    """
    from demitasse.media.sample import SamplingPolicy
    from demitasse.student.sight import SightSettings

    policy = SamplingPolicy(frames.fps, frames.max_frames, frames.min_frames)
    return SightSettings(policy, frames.max_pixels, video_pixels=frames.video_pixels)


def videos_of(path: Path, overrides: Sequence[str]) -> tuple[list[Path], Sight]:
    """The videos that a recipe's training shows, each once, and what shows them; for `demitasse data cache`.

    Raises:
        DemitasseError: for a configuration, data or a model folder that cannot be used.
    """
    from demitasse.config import read_config
    from demitasse.dataset.shown_frames import shown_frames
    from demitasse.student.vision import read_vision_settings
    from train.data.lessons import read_items

    config = read_config(TrainConfig, path, overrides, section="train")
    vision = read_vision_settings(Path(config.model.path))
    sight = open_sight(config, vision.with_bounds(config.frames.min_pixels, config.frames.max_pixels))
    shown = [one for one in read_items(config.data.files, config.data.tasks) if shown_frames(one.item) != []]
    return list(dict.fromkeys(one.media for one in shown if one.item.video_id is not None)), sight


def record_of(config: TrainConfig) -> HowTrained:
    """What the trained student is to be asked with."""
    return HowTrained(
        FramesUsed(**asdict(config.frames)),
        config.model.system_prompt,
        config.data.response_mode,
        positions=positions_of(config.model),
    )
