"""What can be refused before anything is read or loaded, and what a person should know before the first step."""

from __future__ import annotations

from train.config import TrainConfig
from train.data import frames
from train.data.course import Course
from train.data.held_out import overlap
from train.data.mixture import rounding
from train.loop import guard, loss
from train.loop.optimizer import endless_warmup
from train.model import layers, parts
from train.model.positions import other_positions
from train.packages import check_packages


def check_settings(config: TrainConfig) -> None:
    """Refuse settings that contradict themselves, or need a package that is not there.

    Raises:
        ConfigError: naming the first of them.
    """
    loss.check(config.loss)
    parts.plan(config.model)
    layers.check(config.model)
    guard.check(config.guard)
    frames.sight_settings(config.frames)
    check_packages(config)


def notes(course: Course) -> list[str]:
    """Sentences about what may not be meant: cut epochs, endless warm-up, shared videos, positions never learnt."""
    config, optim = course.config, course.config.optim
    found = (
        rounding(course.order.epoch, optim),
        endless_warmup(optim, course.steps),
        overlap(course.lessons, config.validate),
    )
    learnt = other_positions(config.model)
    return [f"note: {one}" for one in found if one] + ([f"warning: {learnt}"] if learnt else [])
