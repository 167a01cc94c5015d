"""Which prompts a run asks with: a pack in YAML."""

from __future__ import annotations

from annotate.cotasks.teacher.config import TeacherCoTasks
from annotate.cotasks.teacher.prompt_keys import PROMPTS, used_keys
from demitasse.prompts import Pack, load_pack


def pack_of(config: TeacherCoTasks) -> Pack:
    """The prompts of a run, held to what its steps ask.

    Raises:
        ConfigError: as `load_pack`.
    """
    return load_pack(config.prompts, PROMPTS, used_keys(config.workflow.steps))
