"""Which family a model is of, by its name: a judge is kinder to its own kind.

Self-preference is one of the biases that CALM lists (arXiv 2410.02736). A name that tells nothing has no family: that
is said, and nothing is made of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from demitasse.chat.model import ChatModel
from demitasse.errors import ConfigError
from evaluate.comparing.arm import Arm
from evaluate.records import Json

# Cosmos-Reason 1 and 2 are trained from Qwen2.5-VL and Qwen3-VL, and so are of that family.
_FAMILIES = {
    "qwen": r"qwen|qwq|qvq|cosmos-?reason",
    "gpt": r"gpt|chatgpt|(?<![a-z0-9])o[134](?![a-z0-9])",
    "gemini": r"gemini|gemma",
    "claude": r"claude",
    "llama": r"llama|vicuna",
    "mistral": r"mistral|mixtral|ministral|magistral|pixtral",
    "deepseek": r"deepseek",
    "internvl": r"intern-?(?:vl|lm|s1)",
    "glm": r"glm|cogvlm",
    "phi": r"(?<![a-z])phi-?\d",
    "grok": r"grok",
    "scripted": r"(?<![a-z])scripted",
}
_CONFIGS = (("config.json", "model_type"), ("adapter_config.json", "base_model_name_or_path"))


def family_of(*names: str) -> str | None:
    """The family that the first telling name tells; None if none does. Of an address only the model's part counts."""
    for name in names:
        bare = _last_part(name)
        for family, pattern in _FAMILIES.items():
            if re.search(pattern, bare):
                return family
    return None


def refuse_self(arm: Arm, models: Sequence[ChatModel]) -> None:
    """A model rates its own answers too well; compared by the last part of the names.

    Raises:
        ConfigError: if a judge is the student.
    """
    student = str(arm.run.get("student", ""))
    for model in models:
        if student and _last_part(student) == _last_part(model.name):
            raise ConfigError(
                f"the judge '{model.name}' is the student '{student}' of {arm.folder}; name another judge, or allow it "
                "with --allow-self-judge"
            )


def validity(arm: Arm, judges: Sequence[str], answered: Iterable[str] = ()) -> Json:
    """What the judges' names say about their independence of the student; `warnings` are sentences for a person.

    `answered` are the models that really gave the votes, by the endpoint's word: an alias may stand for the student.
    `same_family` is None where a name tells no family.
    """
    student = str(arm.run.get("student", ""))
    family = family_of(student, *_written(Path(student))) if student else None
    families = {judge: family_of(judge) for judge in judges}
    alike = [judge for judge, of in families.items() if family is not None and of == family]
    warnings = [
        f"the judge {judge} is of the student's own family ({family}), and judges are kinder to their own kind"
        for judge in alike
    ]
    themselves = [name for name in answered if student and _last_part(student) == _last_part(name)]
    warnings += [f"votes came from {name}, which is the student itself" for name in themselves]
    unknown = family is None or None in families.values()
    return {
        "student": student,
        "student_family": family,
        "judge_families": families,
        "same_family": True if alike else None if unknown else False,
        "self_judged": bool(themselves) or any(student and _last_part(student) == _last_part(one) for one in judges),
        "warnings": warnings,
    }


def _written(folder: Path) -> list[str]:
    """What a student's folder says of where it comes from; a trained student's own name is anybody's choice."""
    found = []
    for file, field in _CONFIGS:
        try:
            told = json.loads((folder / file).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        found.append(str(told.get(field, "")).replace("_", "-") if isinstance(told, dict) else "")
    return found


def _last_part(name: str) -> str:
    """A model's own name; Ollama serves `name` as `name:latest`."""
    bare = re.sub(r"(?:/\.?)+$", "", name.strip()).rsplit("/", 1)[-1].casefold()
    return bare.removesuffix(":latest")
