"""Looking at a pack: what it lacks, and how its prompts read."""

from __future__ import annotations

from collections.abc import Sequence

from annotate.video_reasoning.prompt_keys import PROMPTS, QA_TYPES, used_keys
from annotate.workshop.answers import STEPS
from demitasse.errors import ConfigError
from demitasse.prompts import load_pack, read_pack_text
from demitasse.prompts.file import nearest

EXIT_INCOMPLETE = 3


def check(name: str, qa_types: Sequence[str] | None) -> int:
    """List the placeholders that a pack leaves unfilled, each with the prompts that need it.

    Returns:
        0 if none is left, else 3.

    Raises:
        ConfigError: as `load_pack`, for all else that is wrong with it.
    """
    load_pack(name, PROMPTS, used=())
    used = _used(qa_types) | {"system"}
    text = read_pack_text(name)
    left: dict[str, list[str]] = {}
    for key, blank in text.unfilled():
        if key in used:
            left.setdefault(blank, []).append(key)
    for blank, keys in left.items():
        print(f"[{blank}] is not filled in; it stands in {_shortened(keys)}")
        if blank in text.placeholders:
            print(f"    {text.placeholders[blank]}")
    where = (
        f"{len(left)} placeholders are left to be filled in" if left else "complete, nothing is left to be filled in"
    )
    print(f"{text.path}: {where}")
    return EXIT_INCOMPLETE if left else 0


def show(name: str, qa_types: Sequence[str] | None) -> int:
    """Print the system message and the prompts, in the order in which they are asked."""
    text = read_pack_text(name)
    used = _used(qa_types)
    print(f"==== system\n\n{text.filled(text.system)}")
    for key in (key for key in PROMPTS if key in used and key in text.prompts):
        print(f"\n==== {key}\n\n{text.filled(text.prompts[key])}")
    return 0


def known_types(qa_types: Sequence[str] | None) -> None:
    """Hold what was given for `--qa-types` to the question types that there are.

    Raises:
        ConfigError: for another word.
    """
    for qa_type in qa_types or ():
        if qa_type not in QA_TYPES:
            hint = nearest(qa_type, set(QA_TYPES)) or f"; there are {', '.join(QA_TYPES)}"
            raise ConfigError(f"--qa-types: there is no question type '{qa_type}'{hint}")


def _used(qa_types: Sequence[str] | None) -> set[str]:
    known_types(qa_types)
    return used_keys(STEPS, qa_types or QA_TYPES)


def _shortened(keys: list[str]) -> str:
    return ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
