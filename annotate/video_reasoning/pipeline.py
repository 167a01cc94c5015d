"""A run from its configuration to the ten task files.

`annotate/run/` sees to it that every video is in one share of the work (work.py). What is this pipeline's own is which
videos there are, and that step 4 makes the task files of what is then in the results folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from annotate.run.inputs import Inputs
from annotate.run.pipeline import Annotated, Run
from annotate.task_files import Assembled, Envelope, portable_root
from annotate.video_reasoning.assemble import FOLDER, assemble
from annotate.video_reasoning.config import Spec
from annotate.video_reasoning.earlier import read_questions
from annotate.video_reasoning.inputs import media_root, read_inputs
from annotate.video_reasoning.work import job_of, work
from demitasse.chat.model import ChatModel
from demitasse.engine.shard import Shard
from demitasse.errors import ConfigError
from demitasse.media.pool import DecodePool


def annotate(
    spec: Spec,
    models: Mapping[str, ChatModel] | None = None,
    progress: bool = True,
    pool: DecodePool | None = None,
    shard: Shard | None = None,
) -> Annotated[Assembled]:
    """Run the chosen steps for every video and, with step 4, write the task files.

    Args:
        spec: the configuration, checked (`read_spec`).
        models: in the place of the endpoints that the configuration names, by "vlm" and "llm".
        progress: show a bar on stderr.
        pool: decode workers to be used; None starts some for this run.
        shard: only the videos of this shard, in its own folder and without step 4, which is for `merge`.

    Raises:
        DemitasseError: for a configuration or a folder that cannot be used, or an endpoint that ended the run.
    """
    return _run(spec).annotate(models, progress, pool, shard)


def merge(spec: Spec, partial: bool = False) -> Annotated[Assembled]:
    """Unite the shards of a run in its results folder and, with step 4, write the task files, as one run would have.

    Args:
        spec: the configuration that the shards were run with.
        partial: take what is there, even if shards are missing or unfinished.

    Raises:
        DemitasseError: if the shards do not belong together, or some are missing.
    """
    return _run(spec).merge(partial)


def find_inputs(spec: Spec) -> Inputs:
    """What is annotated.

    Raises:
        ConfigError: if there is nothing.
    """
    data = spec.video_reasoning_annotation.data
    inputs = read_inputs(data)
    if not inputs.records and not inputs.left_out:
        raise ConfigError(f"{media_root(data)} holds no .mp4, .avi, .mov or .mkv file; name another folder")
    return inputs


def _run(spec: Spec) -> Run[Assembled]:
    job = job_of(spec)  # before the inputs are looked for: its prompts may be refused
    inputs = find_inputs(spec)
    inputs.notes = _notes(spec) + inputs.notes
    waits = "4" in job.steps
    return Run(
        job,
        inputs,
        partial(work, spec),
        partial(_assemble, spec, inputs),
        "step 4 waits for the rest; workflow.steps=[4] writes what there is" if waits else "",
    )


def _assemble(
    spec: Spec, inputs: Inputs, annotated: Annotated[Assembled], counts: Callable[[str], bool]
) -> Assembled | None:
    """Step 4, from what is in the results folder."""
    config, results_dir = spec.video_reasoning_annotation, annotated.folder
    if "4" not in config.workflow.steps:
        return None
    envelope = Envelope(
        portable_root(str(media_root(config.data)), results_dir / FOLDER),
        config.license,
        config.description_extra,
        "daft" if config.dialect == "daft" else "tao",
    )
    rows = read_questions(results_dir, inputs.records, config.workflow, counts)
    assembled = assemble(rows, results_dir / FOLDER, envelope)
    annotated.notes += [f"left out of step 4: {what}: {why}" for what, why in assembled.unusable]
    return assembled


def _notes(spec: Spec) -> list[str]:
    config = spec.video_reasoning_annotation
    notes = []
    if spec.unused():
        notes.append(f"not used by this pipeline: {', '.join(spec.unused())}")
    if "4" in config.workflow.steps and not config.license:
        notes.append("license is empty: set video_reasoning_annotation.license before the data leaves this machine")
    return notes
