"""Which pipeline a spec is for: its sections tell, or TAO's `autolabel_type` where there are several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demitasse.config.source import read_file
from demitasse.errors import ConfigError

VIDEO, IMAGE, ESPRESSO = "video_reasoning_annotation", "image_referring_expression", "video_espresso"
COTASKS = "cotasks"  # those by a teacher
_TYPE = "autolabel_type"
_NOTHING_LEFT = "if the first replies leave nothing to ask about"


@dataclass(frozen=True)
class Pipeline:
    """What is told of a pipeline before any of it is imported.

    Attributes:
        command: which `demitasse annotate` reads its spec.
        package: where its `config` (with a class `Spec`) and its `forecast` (with a function of that name) are.
        shown: what it shows to endpoints, footage or pictures.
        seeing: the endpoints that are shown it.
        least: what the least number of requests of a plan stands on.
        expected: what the expected number stands on.
    """

    command: str
    package: str
    shown: str
    seeing: tuple[str, ...]
    least: str
    expected: str


FOOTAGE, PICTURES = "footage", "pictures"
PIPELINES = {
    VIDEO: Pipeline(
        "demitasse annotate video",
        "annotate.video_reasoning",
        FOOTAGE,
        ("vlm",),
        "if every video is rejected",
        "if no video is rejected",
    ),
    IMAGE: Pipeline(
        "demitasse annotate image",
        "annotate.referring",
        PICTURES,
        ("vlm", "checker"),
        _NOTHING_LEFT,
        "if each box gets its description",
    ),
    ESPRESSO: Pipeline(
        "demitasse annotate espresso",
        "annotate.espresso",
        PICTURES,
        ("captioner", "detector"),
        _NOTHING_LEFT,
        "from one good question a video to all that are asked for,",
    ),
    COTASKS: Pipeline(
        "demitasse annotate cotasks",
        "annotate.cotasks.teacher",
        PICTURES,
        ("vlm",),
        _NOTHING_LEFT,
        "from no entity a question to all frames that it may need,",
    ),
}


def section_of(path: Path | None, overrides: Sequence[str]) -> str:
    """The section that a spec and its overrides are about; the video's where nothing tells.

    Raises:
        ConfigError: if several are there and no `autolabel_type` chooses between them.
    """
    told = _told(path, overrides)
    if told.get(_TYPE) in PIPELINES:
        return str(told[_TYPE])
    found = [section for section in PIPELINES if section in told]
    if len(found) > 1:
        raise ConfigError(f"there are both {found[0]} and {found[1]}: say which with {_TYPE}={found[1]}")
    return found[0] if found else VIDEO


def refuse_other(section: str, path: Path | None, overrides: Sequence[str]) -> None:
    """Refuse a spec that is plainly another pipeline's, in the name of the one that reads `section`.

    Raises:
        ConfigError: if its `autolabel_type` names another, or it has another's section and not this one.
    """
    told = _told(path, overrides)
    for other in PIPELINES:
        if other != section and (
            told.get(_TYPE) == other or (told.get(_TYPE) != section and other in told and section not in told)
        ):
            reader, right = PIPELINES[section].command, PIPELINES[other].command
            raise ConfigError(f"this spec is for {other}, and `{reader}` reads {section}: use `{right}`")


def _told(path: Path | None, overrides: Sequence[str]) -> dict[str, Any]:
    told = dict(_file_keys(path))
    for override in overrides:
        key, _, value = override.lstrip("+").removeprefix("annotate.").partition("=")
        told[key.split(".")[0]] = value
    return told


def _file_keys(path: Path | None) -> Mapping[str, Any]:
    """The keys at the top of a spec, or of a recipe's section `annotate`, with what stands there."""
    if path is None:
        return {}
    pairs = read_file(path).content
    if isinstance(pairs, dict) and "annotate" in pairs:
        pairs = pairs["annotate"].content
    return {key: source.content for key, source in pairs.items()} if isinstance(pairs, dict) else {}
