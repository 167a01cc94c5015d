"""By which rule a run counts positions behind a video, and whether its weights learnt another one."""

from __future__ import annotations

from pathlib import Path

from demitasse.student.family import TELLS_TIME
from demitasse.student.modes import Positions
from demitasse.student.positions import learnt_positions, model_type
from train.config import ModelConfig


def positions_of(model: ModelConfig) -> Positions:
    """The rule (`demitasse.student.family.goes_on`); of "auto" the one that the weights learnt.

    Raises:
        ConfigError: if the weights' own record is broken.
    """
    return learnt_positions(Path(model.path)) if model.positions == "auto" else model.positions


def other_positions(model: ModelConfig) -> str:
    """A sentence where the run teaches weights another rule than they learnt; empty where it does not.

    Raises:
        ConfigError: if there is no model.
    """
    folder = Path(model.path)
    learnt, taught = learnt_positions(folder), positions_of(model)
    if learnt == taught or model_type(folder) not in TELLS_TIME:
        return ""
    return (
        f"model.positions is {taught}, and the weights in {folder} learnt '{learnt}': what they know of videos that "
        "last longer than some seconds is to be learnt anew (docs/serving.md); model.positions=auto goes on as they "
        "learnt"
    )
