"""Packages that some settings need besides those of every training: looked for without loading anything.

So a recipe can look for them before its first stage, which may take hours and cost money.
"""

from __future__ import annotations

from importlib.util import find_spec

from demitasse.errors import ConfigError
from train.config import TrackConfig, TrainConfig

NO_4_BITS = "model.method is 'qlora', which needs the package bitsandbytes: `pip install bitsandbytes`, or use 'lora'"


def check_packages(config: TrainConfig) -> None:
    """Refuse settings whose package is not there.

    Raises:
        ConfigError: naming the package.
    """
    if config.model.method == "qlora" and find_spec("bitsandbytes") is None:
        raise ConfigError(NO_4_BITS)
    check_trackers(config.track)


def check_trackers(track: TrackConfig) -> None:
    """Refuse trackers whose package, which has the tracker's name, is not there.

    Raises:
        ConfigError: naming the package.
    """
    for name in track.to:
        if find_spec(name) is None:
            raise ConfigError(
                f"track.to names {name}, which is not installed: pip install {name}, or take it out of track.to"
            )
