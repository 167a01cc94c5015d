"""A run from its configuration to the same files that annotation makes: CoTasks, items, and what was left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from annotate.cotasks.items import Writing
from annotate.cotasks.output import ITEMS, write_results
from annotate.cotasks.teacher.built import build_all
from annotate.cotasks.teacher.config import SECTION, Spec
from annotate.cotasks.teacher.inputs import read_inputs
from annotate.cotasks.teacher.work import job_of, work
from annotate.endpoints import name_of
from annotate.run.inputs import Inputs
from annotate.run.pipeline import Annotated, Run
from annotate.task_files import Envelope, portable_root
from demitasse.chat.model import ChatModel
from demitasse.engine.shard import Shard
from demitasse.media.pool import DecodePool


@dataclass(frozen=True)
class Assembled:
    """What a run wrote: its summary, and what has no CoTasks, which the engine's own outcomes already count."""

    summary: Mapping[str, Any]
    unusable: list[tuple[str, str]]


def annotate(
    spec: Spec,
    models: Mapping[str, ChatModel] | None = None,
    progress: bool = True,
    pool: DecodePool | None = None,
    shard: Shard | None = None,
) -> Annotated[Assembled]:
    """Run the chosen steps for every question, and write the CoTasks and their items.

    Args:
        spec: the configuration, checked (`read_spec`).
        models: in the place of the endpoints that the configuration names, by "vlm".
        progress: show a bar on stderr.
        pool: decode workers to be used; None starts some for this run.
        shard: only the questions of this shard, in its own folder; what is written of all is for `merge`.

    Raises:
        DemitasseError: for a configuration or a folder that cannot be used, or an endpoint that ended the run.
    """
    return _run(spec).annotate(models, progress, pool, shard)


def merge(spec: Spec, partial: bool = False) -> Annotated[Assembled]:
    """Unite the shards of a run in its results folder and write what one run would have written.

    Args:
        spec: the configuration that the shards were run with.
        partial: take what is there, even if shards are missing or unfinished.

    Raises:
        DemitasseError: if the shards do not belong together, or some are missing.
    """
    return _run(spec).merge(partial)


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


def _run(spec: Spec) -> Run[Assembled]:
    job = job_of(spec)  # before the inputs are looked for: its prompts may be refused
    inputs = read_inputs(spec)
    inputs.notes = [*_notes(spec), *inputs.notes]
    return Run(job, inputs, partial(work, spec), partial(_assemble, spec, inputs), "the CoTasks wait for the rest")


def _assemble(spec: Spec, inputs: Inputs, annotated: Annotated[Assembled], counts: Callable[[str], bool]) -> Assembled:
    config, folder = spec.cotasks, annotated.folder
    results = build_all(spec, inputs, folder, writing_of(spec), counts)
    envelope = Envelope(
        portable_root(spec.videos, folder / ITEMS),
        config.license,
        config.description_extra,
        "daft" if config.dialect == "daft" else "tao",
    )
    summary = write_results(folder, results, _told(spec), envelope)
    return Assembled(summary, results.left_out)


def _told(spec: Spec) -> dict[str, Any]:
    """The settings that decide what the CoTasks are, for the summary."""
    config = spec.cotasks
    names = ("frames", "max_key_frames", "vocabulary", "box_style", "form", "prompts", "dialect")
    return {"source": spec.source, "teacher": name_of(config.vlm)} | {name: getattr(config, name) for name in names}


def _notes(spec: Spec) -> Iterator[str]:
    if spec.unused():
        yield f"not used by this pipeline: {', '.join(spec.unused())}"
    if not spec.cotasks.license:
        yield f"license is empty: set {SECTION}.license before the data leaves this machine"
