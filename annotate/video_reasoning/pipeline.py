"""A run from its configuration to the ten task files.

`annotate/run/` sees to it that every video is in one share of the work (work.py). What is this pipeline's own is which
videos there are, and that step 4 makes the task files of what is then in the results folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from annotate.run.envelope import envelope_of, license_remark
from annotate.run.pipeline import Annotated, Run
from annotate.task_files import Assembled
from annotate.video_reasoning.assemble import FOLDER, assemble
from annotate.video_reasoning.config import Spec
from annotate.video_reasoning.earlier import read_questions
from annotate.video_reasoning.inputs import find_inputs, media_root
from annotate.video_reasoning.work import job_of, work
from demitasse.engine.step import Record


def run_of(spec: Spec) -> Run[Assembled]:
    """The chosen steps for every video and, with step 4, the task files; its models are "vlm" and "llm".

    Raises:
        ConfigError: if the prompts cannot be used, or there is nothing to annotate.
    """
    job = job_of(spec)  # before the inputs are looked for: its prompts may be refused
    inputs = find_inputs(spec.section.data)
    writes = "4" in job.steps
    return Run(
        job,
        inputs,
        partial(work, job, spec.section.workflow),
        partial(_assemble, spec, inputs.records),
        "step 4 waits for the rest; workflow.steps=[4] writes what there is" if writes else "",
        list(license_remark(spec)) if writes else [],
    )


def _assemble(
    spec: Spec, records: Iterable[Record], annotated: Annotated[Assembled], counts: Callable[[str], bool]
) -> Assembled | None:
    """Step 4, from what is in the results folder."""
    config, folder = spec.section, annotated.folder / FOLDER
    if "4" not in config.workflow.steps:
        return None
    rows = read_questions(annotated.folder, records, config.workflow, counts)
    assembled = assemble(rows, folder, envelope_of(spec, media_root(config.data), folder))
    annotated.notes += [f"left out of step 4: {what}: {why}" for what, why in assembled.unusable]
    return assembled
