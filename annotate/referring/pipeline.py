"""A run from its configuration to `annotations.jsonl` and the items made of it.

`annotate/run/` sees to it that every image is in one share of the work (work.py). What is this pipeline's own is which
images there are, and what is made of the rows that are then in the results folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from annotate.endpoints import name_of
from annotate.referring.annotations import Annotations, assemble
from annotate.referring.config import ReferringExpression, Spec
from annotate.referring.inputs import find_inputs, image_root
from annotate.referring.items import FOLDER, Student, write_items
from annotate.referring.united import read_annotations
from annotate.referring.work import job_of, steps_of
from annotate.run.envelope import envelope_of, license_remark
from annotate.run.pipeline import Annotated, Run
from annotate.run.work import work
from annotate.task_files import Assembled
from demitasse.engine.step import Record

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


def run_of(spec: Spec) -> Run[Made]:
    """The chosen steps for every image, the annotations and the items; its models are "vlm" and "checker".

    Raises:
        ConfigError: if the prompts cannot be used, or there is nothing to annotate.
    """
    job = job_of(spec)  # before the inputs are looked for: its prompts may be refused
    inputs = find_inputs(spec.section.data)
    return Run(
        job,
        inputs,
        partial(work, job, partial(steps_of, spec.section)),
        partial(_assemble, spec, inputs.records),
        "annotations.jsonl and the items wait for the rest",
        list(_remarks(spec)),
    )


def _assemble(spec: Spec, records: Iterable[Record], annotated: Annotated[Made], counts: Callable[[str], bool]) -> Made:
    config, results_dir, folder = spec.section, annotated.folder, annotated.folder / FOLDER
    steps, root = config.workflow.steps, image_root(config.data)
    annotations = assemble(results_dir, records, steps, config.workflow.output_format, root, counts)
    rows = read_annotations(results_dir, records, steps, root, counts)
    made = Made(annotations, write_items(rows, folder, envelope_of(spec, root, folder), _student(config)))
    annotated.notes += [*annotations.notes, *_item_notes(spec, made.items)]
    return made


def _student(config: ReferringExpression) -> Student:
    return Student(config.student_boxes, config.student_min_pixels, config.student_max_pixels, config.min_agreement)


def _remarks(spec: Spec) -> Iterator[str]:
    config = spec.section
    if "4" in config.workflow.steps and config.checker is not None and name_of(config.checker) == name_of(config.vlm):
        yield "vlm and checker are the same model: that it agrees with itself in step 4 says little"


def _item_notes(spec: Spec, items: Assembled) -> Iterator[str]:
    yield from (f"no item: {what}: {why}" for what, why in items.unusable[:NOTES_SHOWN])
    if len(items.unusable) > NOTES_SHOWN:
        yield f"and {len(items.unusable) - NOTES_SHOWN} more expressions are no items"
    if items.counts:
        yield from license_remark(spec)
