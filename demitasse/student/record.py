"""How a student was trained to be asked, kept in its own folder: what it is asked with unless someone says otherwise.

Other frames a second, other pixels or another system prompt than in training cost a student much of what it learnt,
without a word; so the numbers travel with the weights.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from demitasse.atomic import write_text
from demitasse.errors import ConfigError
from demitasse.student.modes import AskMode, Positions, ResponseMode

RECORD = "demitasse.json"
FORMAT = "demitasse-student-v1"
PUBLISHED: Positions = "qwen"  # the rule that Qwen's own weights learnt, which no record accompanies
# The ways of asking that a response mode teaches, the plainest first.
_ASKED: dict[ResponseMode, tuple[AskMode, ...]] = {
    "answer": ("answer",),
    "think": ("think",),
    "explain_or_answer": ("answer", "explain"),
    "evidence": ("evidence",),
    "answer_from_evidence": ("answer_from_evidence", "two_stage"),
}


@dataclass(frozen=True, slots=True)
class FramesUsed:
    """The frames that a student was trained on, as `train.data.frames` names them."""

    fps: float
    max_frames: int
    min_frames: int
    max_pixels: int | None = None
    min_pixels: int | None = None
    video_pixels: int | None = None


@dataclass(frozen=True, slots=True)
class HowTrained:
    """What a student was shown and told in training, and what it learnt to write.

    `tasks` are those of its items, `base` is the name of the model that it was trained from. `base_sha256` is the hash
    of the base's weights (`demitasse.student.weights.weights_hash`): an adapter fits no others. `positions` says where
    text goes on behind a video (`demitasse.student.family.goes_on`).
    """

    frames: FramesUsed
    system_prompt: str
    response_mode: ResponseMode
    tasks: tuple[str, ...] = ()
    base: str = ""
    base_sha256: str = ""
    positions: Positions = "transformers"

    @property
    def modes(self) -> tuple[AskMode, ...]:
        """The ways of asking that it knows, the plainest first."""
        return _ASKED[self.response_mode]


def write_record(folder: Path, record: HowTrained) -> None:
    """Write `demitasse.json` into a student's folder."""
    write_text(folder / RECORD, json.dumps({"format": FORMAT, **asdict(record)}, indent=2, ensure_ascii=False) + "\n")


def read_record(folder: Path) -> HowTrained | None:
    """How the student in `folder` was trained; None if the folder does not say.

    Raises:
        ConfigError: if its `demitasse.json` is not one of ours.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return _checked(found)
    except (ValueError, TypeError, KeyError):
        raise ConfigError(
            f"{path}: not a record of {FORMAT}; delete it and give the frames and the system prompt yourself"
        ) from None


def _checked(found: Any) -> HowTrained:
    if found["format"] != FORMAT or found["response_mode"] not in get_args(ResponseMode):
        raise ValueError
    frames = FramesUsed(**found["frames"])
    counts = (frames.max_frames, frames.min_frames, frames.max_pixels, frames.min_pixels, frames.video_pixels)
    if not all(value is None or (isinstance(value, int) and value > 0) for value in counts):
        raise ValueError
    if not isinstance(frames.fps, int | float) or not isinstance(found["system_prompt"], str):
        raise ValueError
    positions = found.get("positions", "transformers")
    if positions not in get_args(Positions):
        raise ValueError
    return HowTrained(
        frames,
        found["system_prompt"],
        found["response_mode"],
        tuple(found.get("tasks", ())),
        str(found.get("base", "")),
        str(found.get("base_sha256", "")),
        positions,
    )
