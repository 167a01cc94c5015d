"""A run from its configuration to the same files that annotation makes: CoTasks, items, and what was left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from annotate.cotasks.items import Writing
from annotate.cotasks.output import ITEMS, write_results
from annotate.cotasks.teacher.built import build_all
from annotate.cotasks.teacher.config import Spec
from annotate.cotasks.teacher.inputs import read_inputs
from annotate.cotasks.teacher.work import job_of, steps_of
from annotate.endpoints import name_of
from annotate.run.envelope import envelope_of, license_remark
from annotate.run.inputs import Inputs
from annotate.run.pipeline import Annotated, Run
from annotate.run.work import work


@dataclass(frozen=True)
class Assembled:
    """What a run wrote: its summary, and what has no CoTasks, which the engine's own outcomes already count."""

    summary: Mapping[str, Any]
    unusable: list[tuple[str, str]]


def run_of(spec: Spec) -> Run[Assembled]:
    """The chosen steps for every question, the CoTasks and their items; its model is "vlm".

    Raises:
        ConfigError: if the prompts cannot be used, or there is no question.
        DataError: if a file or the folder of videos cannot be read.
    """
    job = job_of(spec)  # before the inputs are looked for: its prompts may be refused
    inputs = read_inputs(spec)
    return Run(
        job,
        inputs,
        partial(work, job, partial(steps_of, spec.section)),
        partial(_assemble, spec, inputs),
        "the CoTasks wait for the rest",
        list(license_remark(spec)),
    )


def writing_of(spec: Spec) -> Writing:
    """How the student that learns from the items writes."""
    config = spec.cotasks
    return Writing(
        config.box_style,
        "lines" if config.form == "lines" else "json",
        "daft" if config.dialect == "daft" else "tao",
        config.student_min_pixels,
        config.student_max_pixels,
    )


def _assemble(spec: Spec, inputs: Inputs, annotated: Annotated[Assembled], counts: Callable[[str], bool]) -> Assembled:
    folder = annotated.folder
    results = build_all(spec, inputs, folder, writing_of(spec), counts)
    summary = write_results(folder, results, _told(spec), envelope_of(spec, spec.videos, folder / ITEMS))
    return Assembled(summary, results.left_out)


def _told(spec: Spec) -> dict[str, Any]:
    """The settings that decide what the CoTasks are, for the summary."""
    config = spec.cotasks
    names = ("frames", "max_key_frames", "vocabulary", "box_style", "form", "prompts", "dialect")
    return {"source": spec.source, "teacher": name_of(config.vlm)} | {name: getattr(config, name) for name in names}
