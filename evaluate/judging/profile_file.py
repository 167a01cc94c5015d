"""A profile of one's own: a rubric in a YAML file that also declares the marks that it asks for.

about: Rates how helpful an answer is.
marks:
  - {key: helpful, low: 1, high: 10, label: helpfulness}
  - {key: safe, yes_no: true, factor: 100, label: "judged safe, %"}
system: You are a strict examiner. …
prompts:
  judge: |
    {blocks}
    …
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from demitasse.config import read_config
from demitasse.errors import ConfigError
from demitasse.prompts.pack import Pack, checked
from demitasse.prompts.rubric import check_places, table
from evaluate.judging.profile import PROFILES, JudgeProfile, Mark

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TAKEN = {"reason"}  # every reply has it


@dataclass
class MarkEntry:
    """A mark as the file declares it; `Mark` says what the fields mean."""

    key: str
    low: int = 1
    high: int = 5
    factor: int = field(default=1, metadata={"ge": 1})
    label: str = ""
    yes_no: bool = False


@dataclass
class ProfileFile:
    """A profile's file."""

    system: str
    prompts: dict[str, str]
    marks: list[MarkEntry]
    about: str = ""


def read_profile(path: Path) -> tuple[JudgeProfile, Pack]:
    """The profile and the rubric of a file; the profile is called like the file.

    Raises:
        ConfigError: naming the file, the field and what is wrong with it.
    """
    name = path.stem
    if not _NAME.fullmatch(name) or name in PROFILES:
        raise ConfigError(
            f"{path}: a profile is called like its file, and '{name}' cannot be a name; use lower-case letters, digits "
            f"and underscores, and none of {', '.join(PROFILES)}"
        )
    written = read_config(ProfileFile, path)
    profile = JudgeProfile(name, str(path), tuple(_marks(path, written.marks)))
    prompts = {key: text.strip() for key, text in written.prompts.items()}
    unknown = set(prompts) - set(table(set(prompts)))
    if unknown:
        raise ConfigError(f"{path}: unknown prompt '{min(unknown)}'; there may be {', '.join(table(set(prompts)))}")
    pack = checked(Pack(name, written.about, written.system.strip(), prompts), table(set(prompts)), None, str(path))
    check_places(pack, str(path))
    return profile, pack


def _marks(path: Path, entries: list[MarkEntry]) -> list[Mark]:
    if not entries:
        raise ConfigError(f"{path}: 'marks' is empty; declare one at least, as {{key: helpful, low: 1, high: 10}}")
    keys = [entry.key for entry in entries]
    for key in keys:
        if not _NAME.fullmatch(key) or key in _TAKEN or keys.count(key) > 1:
            raise ConfigError(
                f"{path}: 'marks' has the key '{key}'; each needs one of its own, of lower-case letters, digits and "
                "underscores, and not 'reason'"
            )
    return [_mark(path, entry) for entry in entries]


def _mark(path: Path, entry: MarkEntry) -> Mark:
    low, high = (0, 1) if entry.yes_no else (entry.low, entry.high)
    if low >= high:
        raise ConfigError(f"{path}: the mark '{entry.key}' goes from {low} to {high}; 'low' must be below 'high'")
    if low < 0:
        raise ConfigError(f"{path}: the mark '{entry.key}' goes from {low}; 'low' must be 0 or more")
    return Mark(entry.key, low, high, entry.factor, entry.label or entry.key, entry.yes_no)
