"""A question for each key of a clip, where data has keys (weather, lane_type) in the place of whole questions.

    weather: What is the weather?
    safety_analysis:
      question: Is the situation safe, and why?
      scale:                       # what each mark means here, in the place of the rubric's own words
        5: the same dangers, and the same reasons for them
        ...
    lane_type:
      question: What lanes are there?
      rubric: lanes.yaml           # a rubric of its own, counted from this file; the marks stay the same
    free_text:                     # left empty: the item's own question

The marks never change from key to key: two scales do not go into one mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from demitasse.config.source import Source, read_file
from demitasse.errors import ConfigError, DataError
from demitasse.prompts import Pack
from demitasse.prompts.file import nearest
from demitasse.prompts.rubric import SCALE, has_place, load_rubric, rubric_hash
from evaluate.judging.profile import JudgeProfile
from evaluate.records import Asked

KEY_FIELDS = ("key", "question_type", "sub_task")  # extra fields of an item that may hold its key; else its task
_FIELDS = {"question", "rubric", "scale"}


@dataclass(frozen=True, slots=True)
class KeyQuestion:
    """How one key is asked about. Empty words and no rubric mean: as every other item."""

    question: str = ""
    scale: str = ""
    rubric: Pack | None = None


@dataclass(frozen=True)
class Questions:
    """The questions of a file, by key."""

    path: Path
    by_key: Mapping[str, KeyQuestion]

    def of(self, asked: Asked) -> KeyQuestion:
        """How an item is asked about.

        Raises:
            DataError: if the file does not have its key.
        """
        key = key_of(asked)
        if key not in self.by_key:
            raise DataError(
                f"{self.path} has no question for '{key}' (item {asked.item_id} of {asked.video_id})"
                f"{nearest(key, set(self.by_key))}; add one, or the key with nothing behind it to keep the item's own"
            )
        return self.by_key[key]

    def check(self, items: Iterable[Asked]) -> None:
        """Refuse items whose keys the file does not have, before anything is asked."""
        for asked in items:
            self.of(asked)

    @property
    def sha256(self) -> str:
        """Sixteen hexadecimal digits that change with any word of it, wherever the file lies."""
        told = [
            [key, one.question, one.scale, one.rubric and rubric_hash(one.rubric)]
            for key, one in sorted(self.by_key.items())
        ]
        return hashlib.sha256(orjson.dumps(told)).hexdigest()[:16]


def key_of(asked: Asked) -> str:
    """The item's key: an extra field of `KEY_FIELDS`, or its task."""
    return next((str(asked.extra[name]) for name in KEY_FIELDS if asked.extra.get(name)), asked.task)


def read_questions(path: Path, profile: JudgeProfile, rubric: Pack) -> Questions:
    """Read a file of questions, YAML or JSON (the recipe's own `score_question.json` is one).

    Raises:
        ConfigError: naming the place and what is wrong there.
    """
    content = read_file(path).content
    if not content or not isinstance(content, dict):
        raise ConfigError(f"{path} holds no question; write one a line, as `weather: What is the weather?`")
    return Questions(path, {key: _one(path, key, source, profile, rubric) for key, source in content.items()})


def _one(path: Path, key: str, source: Source, profile: JudgeProfile, rubric: Pack) -> KeyQuestion:
    if source.is_null:
        return KeyQuestion()
    if not isinstance(source.content, dict):
        return KeyQuestion(_text(source, key))
    for name in source.content:
        if name not in _FIELDS:
            raise ConfigError(f"{source.place}: '{key}' has an unknown field '{name}'{nearest(name, _FIELDS)}")
    given = source.content
    question = _text(given["question"], f"{key}.question") if "question" in given else ""
    own = _rubric(path, _text(given["rubric"], f"{key}.rubric")) if "rubric" in given else None
    scale = _scale(given["scale"], key, profile) if "scale" in given else ""
    if scale and not has_place(own or rubric, SCALE):
        raise ConfigError(f"{given['scale'].place}: '{key}' has a scale, but its rubric has no place {{scale}} for it")
    return KeyQuestion(question, scale, own)


def _rubric(path: Path, name: str) -> Pack:
    return load_rubric(str(path.parent / name) if name.endswith((".yaml", ".yml")) else name)


def _scale(source: Source, key: str, profile: JudgeProfile) -> str:
    """What each mark means, a line each from the best to the worst."""
    if len(profile.marks) > 1:
        raise ConfigError(f"{source.place}: '{key}' has a scale, but the profile {profile.name} has several marks")
    mark = profile.marks[0]
    wanted = [str(value) for value in range(mark.high, mark.low - 1, -1)]
    if not isinstance(source.content, dict) or set(source.content) != set(wanted):
        raise ConfigError(
            f"{source.place}: '{key}.scale' must say what each mark from {mark.low} to {mark.high} means, and "
            "no other: two scales do not go into one mean"
        )
    return "\n".join(f"{value} - {_text(source.content[value], f'{key}.scale.{value}')}" for value in wanted)


def _text(source: Source, name: str) -> str:
    if source.is_null or not isinstance(source.content, str) or not source.content.strip():
        raise ConfigError(f"{source.place}: '{name}' is {source.shown()}, but must be text")
    return source.content.strip()
