"""A run from its configuration to the ten task files.

`annotate` and `merge` see to it that every record is in one share of the work (work.py): all of it, a shard, or what a
worker of a cluster takes. `assemble_questions` makes the task files of what is then in the results folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import orjson

from annotate.video_reasoning.assemble import FOLDER, Assembled, Envelope, assemble, portable_root
from annotate.video_reasoning.config import Spec, VideoReasoning, needed_endpoints
from annotate.video_reasoning.earlier import EarlierRows, read_questions
from annotate.video_reasoning.inputs import Inputs, media_root, read_inputs
from annotate.video_reasoning.packs import pack_of
from annotate.video_reasoning.work import open_models, open_pool, prices_of, work
from demitasse.chat.model import ChatModel
from demitasse.config import resolved, save_resolved
from demitasse.engine.budget import Ledger, open_purse, spent_in
from demitasse.engine.lock import lock_results
from demitasse.engine.merge import merge_shards, take_stock
from demitasse.engine.outcomes import Summary
from demitasse.engine.ray_executor import run_on_ray, take_over_workers
from demitasse.engine.shard import Shard, begin_shard, find_shards, refuse_unmerged_shards
from demitasse.engine.share import Share
from demitasse.errors import ConfigError
from demitasse.media.pool import DecodePool

KIND = "video"
RESOLVED = "annotate.yaml"
# What may differ between the shards of a run: it changes how fast answers come, and not which.
_PACE = ("executor", "ray", "budget_usd", "prices")


@dataclass
class Annotated:
    """What a run did. `notes` are lines for the person; `assembled` is None where step 4 was not reached."""

    summary: Summary
    folder: Path
    assembled: Assembled | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 all done, 3 something skipped, quarantined or left out, 130 interrupted."""
        unusable = self.assembled is not None and self.assembled.unusable
        return self.summary.exit_code or (3 if unusable else 0)


def annotate(
    spec: Spec,
    models: dict[str, ChatModel] | None = None,
    progress: bool = True,
    pool: DecodePool | None = None,
    shard: Shard | None = None,
) -> Annotated:
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
    config = spec.video_reasoning_annotation
    pack_of(config)
    inputs = find_inputs(spec)
    if pool is None and config.executor == "local":
        with open_pool(config) as pool:  # its processes start while the models are opened
            return _annotate(spec, inputs, models, progress, pool, shard)
    return _annotate(spec, inputs, models, progress, pool, shard)


def _annotate(
    spec: Spec,
    inputs: Inputs,
    models: dict[str, ChatModel] | None,
    progress: bool,
    pool: DecodePool | None,
    shard: Shard | None,
) -> Annotated:
    config, results_dir = spec.video_reasoning_annotation, Path(spec.results_dir)
    # Before anything is written: an address that may hold a key is refused here, and must not be saved.
    models = models if models is not None else open_models(config, shard.folder(results_dir) if shard else results_dir)
    take_over_workers(results_dir)
    if shard is not None:
        return _annotate_shard(spec, inputs, models, progress, pool, shard)
    refuse_unmerged_shards(results_dir)
    with lock_results(results_dir):
        save_resolved(spec, results_dir / RESOLVED)
        workable = _workable(spec, inputs, results_dir)
        if config.executor == "ray":
            summary = _run_on_ray(spec, workable, _purse(config, results_dir, models), progress)
        else:
            purse = _purse(config, results_dir, models)
            share = Share(results_dir, workable.records, workable.left_out, purse=purse)
            summary = work(spec, share, models, pool, progress)
        annotated = Annotated(summary, results_dir, notes=_notes(spec, inputs))
        if "4" in config.workflow.steps and summary.halted:
            annotated.notes.append("step 4 waits for the rest; workflow.steps=[4] writes what there is")
        elif "4" in config.workflow.steps and not summary.interrupted:
            assemble_questions(spec, inputs, annotated)
    return annotated


def merge(spec: Spec, partial: bool = False) -> Annotated:
    """Unite the shards of a run in its results folder and, with step 4, write the task files, as one run would have.

    Args:
        spec: the configuration that the shards were run with.
        partial: take what is there, even if shards are missing or unfinished.

    Raises:
        DemitasseError: if the shards do not belong together, or some are missing.
    """
    results_dir = Path(spec.results_dir)
    stock = take_stock(results_dir)
    inputs = find_inputs(spec)
    with lock_results(results_dir):
        summary, united = merge_shards(results_dir, stock, len(inputs.records) + len(inputs.left_out), partial)
        save_resolved(spec, results_dir / RESOLVED)
        annotated = Annotated(summary, results_dir, notes=_notes(spec, inputs))
        annotated.notes += [
            f"{len(stock.folders)} of {stock.count} shards: {united.rows} new rows, {united.replies} new replies",
            *(f"shard {shard} is unfinished and holds rows of other settings: left out" for shard in stock.doubtful),
        ]
        if "4" in spec.video_reasoning_annotation.workflow.steps:
            assemble_questions(spec, inputs, annotated, stock.counts)
    return annotated


def assemble_questions(
    spec: Spec, inputs: Inputs, annotated: Annotated, counts: Callable[[str], bool] = lambda _: True
) -> None:
    """Step 4, from what is in the results folder; `counts` says whether a video's rows are to be trusted at all."""
    config, results_dir = spec.video_reasoning_annotation, annotated.folder
    envelope = Envelope(
        portable_root(str(media_root(config.data)), results_dir),
        config.license,
        config.description_extra,
        "daft" if config.dialect == "daft" else "tao",
    )
    rows = read_questions(results_dir, inputs.records, config.workflow, counts)
    annotated.assembled = assemble(rows, results_dir / FOLDER, envelope)
    annotated.notes += [f"left out of step 4: {what}: {why}" for what, why in annotated.assembled.unusable]


def _annotate_shard(
    spec: Spec,
    inputs: Inputs,
    models: dict[str, ChatModel],
    progress: bool,
    pool: DecodePool | None,
    shard: Shard,
) -> Annotated:
    if spec.video_reasoning_annotation.executor == "ray":
        raise ConfigError("--shard and executor=ray are two ways to the same end: choose one")
    results_dir = Path(spec.results_dir)
    folder = shard.folder(results_dir)
    dealt = Inputs(
        [record for record in inputs.records if shard.holds(record.id)],
        [(what, why) for what, why in inputs.left_out if shard.holds(what)],
    )
    with lock_results(folder):
        state = begin_shard(shard, results_dir, KIND, _settings(spec))
        save_resolved(spec, folder / RESOLVED)
        workable = _workable(spec, dealt, folder)
        purse = _purse(spec.video_reasoning_annotation, folder, models, shard, results_dir)
        share = Share(folder, workable.records, workable.left_out, paid=results_dir, purse=purse)
        summary = work(spec, share, models, pool, progress)
        if not summary.cut_off:
            state.summary = summary
            state.save(folder)
    return Annotated(summary, folder, notes=_notes(spec, inputs))


def _run_on_ray(spec: Spec, workable: Inputs, purse: Ledger | None, progress: bool) -> Summary:
    config = spec.video_reasoning_annotation
    for name, endpoint in needed_endpoints(config).items():
        if endpoint.openai.api_key or endpoint.gemini.api_key:
            raise ConfigError(
                f"{name}: an api_key in the configuration would travel through Ray; leave it out and set the "
                "variable (OPENAI_API_KEY, GOOGLE_API_KEY) where Ray's workers run"
            )
    return run_on_ray(
        partial(work, spec),
        workable.records,
        Path(spec.results_dir),
        config.ray,
        left_out=workable.left_out,
        cap=purse.cap if purse is not None else None,
        spent=purse.spent if purse is not None else 0.0,
        progress=progress,
    )


def _purse(
    config: VideoReasoning,
    folder: Path,
    models: Mapping[str, ChatModel],
    shard: Shard | None = None,
    whole: Path | None = None,
) -> Ledger | None:
    """The money; a shard's is an equal part of what runs of the `whole` folder have left of it."""
    names, cap, prices = {model.name for model in models.values()}, config.budget_usd, prices_of(config)
    if cap is not None and whole is not None and shard is not None:
        shards = [other for other, _ in find_shards(whole)]
        cap = max(0.0, cap - spent_in(whole, prices, besides=shards)) / shard.count
    return open_purse(prices, cap, folder, sorted(names))


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


def _workable(spec: Spec, inputs: Inputs, folder: Path) -> Inputs:
    """The inputs, without the records that lack the rows of a step that is not run: those are left out."""
    workable = Inputs(left_out=list(inputs.left_out))
    with EarlierRows(spec.video_reasoning_annotation.workflow, [Path(spec.results_dir), folder]) as earlier:
        for record in inputs.records:
            why = earlier.missing(record)
            if why is None:
                workable.records.append(record)
            else:
                workable.left_out.append((record.id, why))
    return workable


def _settings(spec: Spec) -> str:
    """Hash of everything that decides a shard's answers, and so must be the same in all of them."""
    config = spec.video_reasoning_annotation
    told = {name: value for name, value in resolved(config).items() if name not in _PACE}
    told["workflow"] = {name: value for name, value in told["workflow"].items() if name != "max_workers"}
    pack = pack_of(config)
    prompts = {key: pack.hash(key) for key in pack.prompts}
    return hashlib.sha256(orjson.dumps([told, prompts], option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _notes(spec: Spec, inputs: Inputs) -> list[str]:
    config = spec.video_reasoning_annotation
    notes = []
    if spec.unused():
        notes.append(f"not used by this pipeline: {', '.join(spec.unused())}")
    if "4" in config.workflow.steps and not config.license:
        notes.append("license is empty: set video_reasoning_annotation.license before the data leaves this machine")
    if inputs.outside:
        notes.append(f"{inputs.outside} videos lie outside video_root and keep absolute paths as their ids")
    return notes
