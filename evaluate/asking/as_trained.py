"""What a student is asked with: what the person says, else what it was trained with, else the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from demitasse.errors import ConfigError
from demitasse.media.sample import SamplingPolicy
from demitasse.student.modes import Positions
from demitasse.student.positions import learnt_positions
from demitasse.student.record import RECORD, HowTrained, read_record
from evaluate.asking.student import StudentSettings

FLAGS = (
    "mode", "fps", "max_frames", "min_frames", "max_pixels", "min_pixels", "video_pixels", "system_prompt", "positions",
)  # fmt: skip


def resolve(model: Path | None, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The value of each of `FLAGS`, and what to tell the person: where they are from, and what differs.

    Args:
        model: the student's folder; without a record, as a base model is, or without a folder, the defaults hold.
        given: values of the flags, None for one that was not given.

    Raises:
        ConfigError: if the folder's record is broken, or a number is out of range.
    """
    for name in ("max_frames", "min_frames", "max_pixels", "min_pixels", "video_pixels"):
        if given[name] is not None and given[name] < 1:
            raise ConfigError(f"{_flag(name)} is {given[name]}; it must be 1 or more")
    record = read_record(model) if model else None
    usual: dict[str, Any] = {field.name: field.default for field in fields(StudentSettings) if field.name in FLAGS}
    usual |= {"positions": learnt_positions(model)} if model else {}
    trained: dict[str, Any] = usual if record is None else _trained(record)
    values = {name: trained[name] if given[name] is None else given[name] for name in FLAGS}
    SamplingPolicy(values["fps"], values["max_frames"], values["min_frames"])  # refuses before anything is told
    if record is None or model is None:
        return values, _unlike_published(trained["positions"], values["positions"])
    return values, _told(model, record, trained, values)


def _trained(record: HowTrained) -> dict[str, Any]:
    own = {"mode": record.modes[0], "system_prompt": record.system_prompt, "positions": record.positions}
    return asdict(record.frames) | own


def _unlike_published(learnt: Positions, asked: Positions) -> list[str]:
    if learnt == asked:
        return []
    return [f"warning: --positions is '{asked}', and weights whose folder says nothing are taken to know '{learnt}'"]


def _told(model: Path, record: HowTrained, trained: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    other = [name for name in FLAGS if values[name] != trained[name]]
    known = [name for name in other if name == "mode" and values[name] in record.modes]
    apart = [name for name in other if name not in known]
    alike = ", ".join(
        f"{_flag(name)} {_shown(trained[name])}" for name in FLAGS if name not in other and _says(trained[name])
    )
    lines = [f"as {model / RECORD} says that it was trained: {alike}"] if alike else []
    if apart:
        differs = ", ".join(f"{_flag(name)} is {_shown(values[name])}, not {_shown(trained[name])}" for name in apart)
        lines.append(f"warning: it was trained otherwise, and may answer worse for it: {differs}")
    return lines


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _says(value: object) -> bool:
    return value not in (None, "")


def _shown(value: object) -> str:
    return "the model's own" if value is None else repr(value) if isinstance(value, str) else f"{value}"
