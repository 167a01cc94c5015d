"""A run from its configuration to items with evidence.

`annotate/run/` sees to it that every video is in one share of the work (work.py). What is this pipeline's own is which
videos there are, and that items are made of what is then in the results folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from annotate.endpoints import name_of
from annotate.espresso.config import SECTION, Spec, compares, steps_for
from annotate.espresso.inputs import find_inputs
from annotate.espresso.items import FOLDER, write_items
from annotate.espresso.summary import Tally, write_summary
from annotate.espresso.united import passed_over, united
from annotate.espresso.work import embedder_of, job_of, steps_of
from annotate.run.envelope import envelope_of, license_remark
from annotate.run.pipeline import Annotated, Run
from annotate.run.work import work
from annotate.task_files import Assembled
from annotate.video_reasoning.inputs import media_root
from demitasse.embedding.config import check_key
from demitasse.engine.step import Fields, Record

NOTES_SHOWN = 5
MAKES_ITEMS = frozenset({"5", "6", "7", "8", "9"})


def run_of(spec: Spec) -> Run[Assembled]:
    """The chosen steps for every video and, from step 5 on, the items; its models are those of `Spec.endpoints`.

    Raises:
        ConfigError: if the prompts cannot be used, or there is nothing to annotate.
    """
    job = job_of(spec)  # before the inputs are looked for: its prompts may be refused
    inputs = find_inputs(spec.section.data)
    return Run(
        job,
        inputs,
        partial(work, job, partial(steps_of, spec)),
        partial(_assemble, spec, inputs.records),
        "the items wait for the rest" if MAKES_ITEMS & set(job.steps) else "",
        list(_remarks(spec)),
        partial(_check_embedding, spec),
    )


def _check_embedding(spec: Spec) -> None:
    """Before captions are bought that could then not be compared."""
    if compares(spec.section):
        check_key(spec.section.embedding)
        embedder_of(spec)


def _assemble(
    spec: Spec, records: Iterable[Record], annotated: Annotated[Assembled], counts: Callable[[str], bool]
) -> Assembled | None:
    """Items and their summary, from what is in the results folder."""
    config, results_dir, folder = spec.section, annotated.folder, annotated.folder / FOLDER
    steps = config.workflow.steps
    if not MAKES_ITEMS & set(steps):
        return None
    if unsure := passed_over(results_dir, steps, steps_for(config.split)):
        annotated.notes.append(
            f"items stay as they were, for rows of {', '.join(unsure)} may be out of date: ask for these steps too "
            "(what is up to date costs nothing)"
        )
        return None
    without: list[tuple[str, str]] = []
    tally = Tally()
    counted = _noting(tally.through(united(results_dir, records, steps, counts)), without)
    envelope = envelope_of(spec, media_root(config.data), folder)
    made = write_items(counted, folder, envelope, config.probe.drop_guessed)
    made = Assembled(made.counts, [*without, *made.unusable])
    write_summary(results_dir, tally.told(made.counts, len(made.unusable)))
    annotated.notes += [*_item_notes(spec, made), *tally.notes()]
    return made


def _noting(rows: Iterable[Fields], without: list[tuple[str, str]]) -> Iterator[Fields]:
    """The rows as they are; frames that have no caption are added to `without`."""
    for fields in rows:
        for frame in fields.get("without_caption", ()):
            without.append((f"{fields['video']} at {frame['time']:.2f} s", f"no caption: {frame['reason']}"))
        yield fields


def _remarks(spec: Spec) -> Iterator[str]:
    config = spec.section
    if config.budget_usd is not None and config.embedding.backend == "endpoint" and compares(config):
        yield f"{SECTION}.budget_usd does not count what embeddings cost"
    finder = config.detector or config.captioner
    looks_again = "6" in config.workflow.steps and config.boxes.min_agreement > 0 and not config.boxes.service
    if looks_again and name_of(finder) == name_of(config.captioner):
        yield "the captioner finds boxes and looks at them again: that it agrees with itself says less than a detector"


def _item_notes(spec: Spec, made: Assembled) -> Iterator[str]:
    yield from (f"left out: {what}: {why}" for what, why in made.unusable[:NOTES_SHOWN])
    if len(made.unusable) > NOTES_SHOWN:
        yield f"and {len(made.unusable) - NOTES_SHOWN} more were left out; the rows of the steps say why"
    if made.counts:
        yield from license_remark(spec)
