"""A run from its configuration to `annotations.jsonl` and the items made of it.

`annotate/run/` sees to it that every image is in one share of the work (work.py). What is this pipeline's own is which
images there are, and what is made of the rows that are then in the results folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from annotate.endpoints import name_of
from annotate.referring.annotations import Annotations, assemble
from annotate.referring.config import SECTION, ReferringExpression, Spec
from annotate.referring.inputs import image_root, read_inputs
from annotate.referring.items import FOLDER, Student, write_items
from annotate.referring.united import Reader
from annotate.referring.work import job_of, work
from annotate.run.inputs import Inputs
from annotate.run.pipeline import Annotated, Run
from annotate.task_files import Assembled, Envelope, portable_root
from demitasse.chat.model import ChatModel
from demitasse.engine.shard import Shard
from demitasse.errors import ConfigError
from demitasse.media.pool import DecodePool

NOTES_SHOWN = 5


@dataclass(frozen=True)
class Made:
    """What a run wrote: `annotations.jsonl`, and the items made of its expressions."""

    annotations: Annotations
    items: Assembled

    @property
    def unusable(self) -> list[tuple[str, str]]:
        """What could not be taken, as (what, why)."""
        return [*self.annotations.unusable, *self.items.unusable]


def annotate(
    spec: Spec,
    models: Mapping[str, ChatModel] | None = None,
    progress: bool = True,
    pool: DecodePool | None = None,
    shard: Shard | None = None,
) -> Annotated[Made]:
    """Run the chosen steps for every image, and write the annotations and the items.

    Args:
        spec: the configuration, checked (`read_spec`).
        models: in the place of the endpoints that the configuration names, by "vlm" and "checker".
        progress: show a bar on stderr.
        pool: decode workers to be used; None starts some for this run.
        shard: only the images of this shard, in its own folder; what is written of all is for `merge`.

    Raises:
        DemitasseError: for a configuration or a folder that cannot be used, or an endpoint that ended the run.
    """
    return _run(spec).annotate(models, progress, pool, shard)


def merge(spec: Spec, partial: bool = False) -> Annotated[Made]:
    """Unite the shards of a run in its results folder and write the annotations and the items, as one run would have.

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
    data = spec.image_referring_expression.data
    inputs = read_inputs(data)
    if not inputs.records and not inputs.left_out:
        where = data.input_annotations_jsonl or data.image_dir
        raise ConfigError(f"{where} holds no image; name another in {SECTION}.data")
    return inputs


def _run(spec: Spec) -> Run[Made]:
    job = job_of(spec)  # before the inputs are looked for: its prompts may be refused
    inputs = find_inputs(spec)
    inputs.notes = [*_notes(spec), *inputs.notes]
    waiting = "annotations.jsonl and the items wait for the rest"
    return Run(job, inputs, partial(work, spec), partial(_assemble, spec, inputs), waiting)


def _assemble(spec: Spec, inputs: Inputs, annotated: Annotated[Made], counts: Callable[[str], bool]) -> Made:
    config, results_dir = spec.image_referring_expression, annotated.folder
    steps, root = config.workflow.steps, image_root(config.data)
    annotations = assemble(results_dir, inputs.records, steps, config.workflow.output_format, root, counts)
    envelope = Envelope(
        portable_root(str(root), results_dir / FOLDER),
        config.license,
        config.description_extra,
        "daft" if config.dialect == "daft" else "tao",
    )
    rows = (row for row, _ in Reader(results_dir, steps, root, counts).read(inputs.records))
    made = Made(annotations, write_items(rows, results_dir / FOLDER, envelope, _student(config)))
    annotated.notes += [*annotations.notes, *_item_notes(made.items, config.license)]
    return made


def _student(config: ReferringExpression) -> Student:
    return Student(config.student_boxes, config.student_min_pixels, config.student_max_pixels, config.min_agreement)


def _notes(spec: Spec) -> Iterator[str]:
    config = spec.image_referring_expression
    if spec.unused():
        yield f"not used by this pipeline: {', '.join(spec.unused())}"
    if "4" in config.workflow.steps and config.checker is not None and name_of(config.checker) == name_of(config.vlm):
        yield "vlm and checker are the same model: that it agrees with itself in step 4 says little"


def _item_notes(items: Assembled, license: str) -> Iterator[str]:
    yield from (f"no item: {what}: {why}" for what, why in items.unusable[:NOTES_SHOWN])
    if len(items.unusable) > NOTES_SHOWN:
        yield f"and {len(items.unusable) - NOTES_SHOWN} more expressions are no items"
    if items.counts and not license:
        yield f"license is empty: set {SECTION}.license before the data leaves this machine"
