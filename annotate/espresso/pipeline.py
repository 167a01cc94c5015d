"""A run from its configuration to items with evidence.

`annotate/run/` sees to it that every video is in one share of the work (work.py). What is this pipeline's own is which
videos there are, and that items are made of what is then in the results folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from annotate.endpoints import name_of
from annotate.espresso.config import SECTION, Spec, compares, steps_of
from annotate.espresso.inputs import read_inputs
from annotate.espresso.items import FOLDER, write_items
from annotate.espresso.summary import Tally, write_summary
from annotate.espresso.united import passed_over, united
from annotate.espresso.work import embedder_of, job_of, work
from annotate.run.inputs import Inputs
from annotate.run.pipeline import Annotated, Run
from annotate.task_files import Assembled, Envelope, portable_root
from annotate.video_reasoning.inputs import media_root
from demitasse.chat.model import ChatModel
from demitasse.embedding.config import check_key
from demitasse.engine.shard import Shard
from demitasse.engine.step import Fields
from demitasse.errors import ConfigError
from demitasse.media.pool import DecodePool

NOTES_SHOWN = 5
MAKES_ITEMS = frozenset({"5", "6", "7", "8", "9"})


def annotate(
    spec: Spec,
    models: Mapping[str, ChatModel] | None = None,
    progress: bool = True,
    pool: DecodePool | None = None,
    shard: Shard | None = None,
) -> Annotated[Assembled]:
    """Run the chosen steps for every video and, from step 5 on, write the items.

    Args:
        spec: the configuration, checked (`read_spec`).
        models: in the place of the endpoints that the configuration names, by their names.
        progress: show a bar on stderr.
        pool: decode workers to be used; None starts some for this run.
        shard: only the videos of this shard, in its own folder and without items, which are for `merge`.

    Raises:
        DemitasseError: for a configuration or a folder that cannot be used, or an endpoint that ended the run.
    """
    run = _run(spec)
    if compares(spec.video_espresso):  # before captions are bought that could then not be compared
        check_key(spec.video_espresso.embedding)
        embedder_of(spec)
    return run.annotate(models, progress, pool, shard)


def merge(spec: Spec, partial: bool = False) -> Annotated[Assembled]:
    """Unite the shards of a run in its results folder and write the items, as one run would have.

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
    data = spec.video_espresso.data
    inputs = read_inputs(data)
    if not inputs.records and not inputs.left_out:
        raise ConfigError(f"{media_root(data)} holds no .mp4, .avi, .mov or .mkv file; name another folder")
    return inputs


def _run(spec: Spec) -> Run[Assembled]:
    job = job_of(spec)  # before the inputs are looked for: its prompts may be refused
    inputs = find_inputs(spec)
    inputs.notes = [*_notes(spec), *inputs.notes]
    waiting = "the items wait for the rest" if MAKES_ITEMS & set(job.steps) else ""
    return Run(job, inputs, partial(work, spec), partial(_assemble, spec, inputs), waiting)


def _assemble(
    spec: Spec, inputs: Inputs, annotated: Annotated[Assembled], counts: Callable[[str], bool]
) -> Assembled | None:
    """Items and their summary, from what is in the results folder."""
    config, results_dir = spec.video_espresso, annotated.folder
    if not MAKES_ITEMS & set(config.workflow.steps):
        return None
    if unsure := passed_over(results_dir, config.workflow.steps, steps_of(config.split)):
        annotated.notes.append(
            f"items stay as they were, for rows of {', '.join(unsure)} may be out of date: ask for these steps too "
            "(what is up to date costs nothing)"
        )
        return None
    envelope = Envelope(
        portable_root(str(media_root(config.data)), results_dir / FOLDER),
        config.license,
        config.description_extra,
        "daft" if config.dialect == "daft" else "tao",
    )
    without: list[tuple[str, str]] = []
    rows = united(results_dir, inputs.records, config.workflow.steps, counts)
    tally = Tally()
    counted = _noting(tally.through(rows), without)
    made = write_items(counted, results_dir / FOLDER, envelope, config.probe.drop_guessed)
    made = Assembled(made.counts, [*without, *made.unusable])
    write_summary(results_dir, tally.told(made.counts, len(made.unusable)))
    annotated.notes += [*_item_notes(made, config.license), *tally.notes()]
    return made


def _noting(rows: Iterable[Fields], without: list[tuple[str, str]]) -> Iterator[Fields]:
    """The rows as they are; frames that have no caption are added to `without`."""
    for fields in rows:
        for frame in fields.get("without_caption", ()):
            without.append((f"{fields['video']} at {frame['time']:.2f} s", f"no caption: {frame['reason']}"))
        yield fields


def _notes(spec: Spec) -> Iterator[str]:
    config = spec.video_espresso
    if spec.unused():
        yield f"not used by this pipeline: {', '.join(spec.unused())}"
    if config.budget_usd is not None and config.embedding.backend == "endpoint" and compares(config):
        yield f"{SECTION}.budget_usd does not count what embeddings cost"
    finder = config.detector or config.captioner
    looks_again = "6" in config.workflow.steps and config.boxes.min_agreement > 0 and not config.boxes.service
    if looks_again and name_of(finder) == name_of(config.captioner):
        yield "the captioner finds boxes and looks at them again: that it agrees with itself says less than a detector"


def _item_notes(made: Assembled, license: str) -> Iterator[str]:
    yield from (f"left out: {what}: {why}" for what, why in made.unusable[:NOTES_SHOWN])
    if len(made.unusable) > NOTES_SHOWN:
        yield f"and {len(made.unusable) - NOTES_SHOWN} more were left out; the rows of the steps say why"
    if made.counts and not license:
        yield f"license is empty: set {SECTION}.license before the data leaves this machine"
