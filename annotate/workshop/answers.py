"""What a person has answered so far: a small YAML file, written after every answer, read back to go on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from annotate.video_reasoning.prompt_keys import QA_TYPES, used_keys
from demitasse.config import read_config, save_resolved
from demitasse.config.setting import setting
from demitasse.errors import ConfigError
from demitasse.prompts import PackText
from demitasse.prompts.blanks import blanks_of
from demitasse.prompts.file import nearest

TEMPLATE = "template"
CHECKLIST = ("MUST_CAPTURE", "SHOULD_CAPTURE")
STEPS = ("0", "1a", "1b", "1c", "2", "3")  # all that ask: a workshop is for the whole pipeline
_BRACES = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")

Words = str | list[str]


@dataclass
class Answers:
    """The answers. What has no place yet was not answered; empty words were, with "leave it out"."""

    about: str = setting("", "the domain in one line")
    qa_types: list[str] = setting([], "the kinds of question; empty: not chosen yet", choices=QA_TYPES)
    confirmed: bool = setting(False, "whether the checklist was confirmed")
    fill: dict[str, Words | None] = setting({}, "the words for each placeholder of the template")

    @property
    def words(self) -> dict[str, Words]:
        """The words that were given."""
        return {name: words for name, words in self.fill.items() if words is not None}

    def leave_out_the_optional(self, template: PackText) -> None:
        """Take silence on an optional placeholder for "leave it out": there is nobody to be asked again."""
        optional = [name for name, explanation in template.placeholders.items() if is_optional(explanation)]
        self.fill = {**self.fill, **dict.fromkeys(optional, ""), **self.words}


def read_answers(path: Path, template: PackText) -> Answers:
    """Read an answers file.

    Raises:
        ConfigError: if it cannot be read, or has words for a placeholder that the template has not.
    """
    answers = read_config(Answers, path)
    for name, words in answers.words.items():
        if name not in template.placeholders:
            raise ConfigError(f"{path}: the template has no [{name}]{nearest(name, set(template.placeholders))}")
        fault = fault_in(words)
        if fault:
            raise ConfigError(f"{path}: 'fill.{name}' {fault}")
    return answers


def save_answers(answers: Answers, path: Path) -> None:
    """Write them whole or not at all."""
    save_resolved(answers, path)


def needed(template: PackText, qa_types: list[str]) -> list[str]:
    """The template's placeholders that these question types need, in its order: from questions to captions."""
    used = used_keys(STEPS, qa_types)
    texts = [template.system, *(text for key, text in template.prompts.items() if key in used)]
    found = {name for text in texts for name in blanks_of(text)}
    return [name for name in template.placeholders if name in found]


def missing(answers: Answers, template: PackText) -> list[str]:
    """The placeholders that are needed and have no words."""
    found = needed(template, answers.qa_types or list(QA_TYPES))
    return [name for name in found if not _is_answered(answers.words.get(name), template.placeholders[name])]


def _is_answered(words: Words | None, explanation: str) -> bool:
    return bool(words) or (words is not None and is_optional(explanation))


def is_optional(explanation: str) -> bool:
    """Whether a placeholder may be left out; the template's own words say so."""
    return explanation.startswith("Optional")


def fault_in(words: Words) -> str | None:
    """Why words cannot stand in a prompt, as the end of a sentence."""
    for text in _texts(words):
        if _BRACES.search(text):
            return f"has {_BRACES.findall(text)[0]}: names in braces are for the program; write it without the braces"
        if blanks_of(text):
            return f"has [{blanks_of(text)[0]}], which would be a placeholder again; write it in small letters"
    return None


def _texts(words: Words) -> Iterator[str]:
    yield from [words] if isinstance(words, str) else words
