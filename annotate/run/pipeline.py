"""A run from its inputs to what is made of its rows: in this process, as a shard, on a cluster, or merged from shards.

Every record is in one share of the work. What the work is, and what is made of the rows at the end, is the
pipeline's own affair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import orjson

from annotate.run.decoding import open_pool
from annotate.run.earlier import workable
from annotate.run.inputs import Inputs
from annotate.run.job import Job
from annotate.run.models import open_models, purse_of
from annotate.run.rounds import begin_round, end_round, merge_rounds, rounds_for
from demitasse.chat.model import ChatModel
from demitasse.config import resolved, save_resolved
from demitasse.engine.budget import Ledger
from demitasse.engine.lock import lock_results
from demitasse.engine.merge import merge_shards, take_stock
from demitasse.engine.outcomes import Summary
from demitasse.engine.ray_executor import run_on_ray, take_over_workers
from demitasse.engine.shard import Shard, begin_shard, refuse_unmerged_shards
from demitasse.engine.share import Share
from demitasse.errors import ConfigError
from demitasse.media.pool import DecodePool

RESOLVED = "annotate.yaml"
# What may differ between the shards of a run: it changes how fast answers come, and not which.
_PACE = ("executor", "ray", "budget_usd", "prices")


class Assembly(Protocol):
    """What was made of a run's rows."""

    @property
    def unusable(self) -> Sequence[object]:
        """What could not be taken; each is also a note."""
        ...


Assembled = TypeVar("Assembled", bound=Assembly)


@dataclass
class Annotated(Generic[Assembled]):
    """What a run did. `notes` are lines for the person; `assembled` is None where it did not come to that."""

    summary: Summary
    folder: Path
    assembled: Assembled | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 all done, 3 something skipped, quarantined or left out, 130 interrupted."""
        unusable = self.assembled is not None and self.assembled.unusable
        return self.summary.exit_code or (3 if unusable else 0)


class Work(Protocol):
    """Does one share of a run; it travels to the workers of a cluster, and so can be pickled."""

    def __call__(
        self,
        share: Share,
        models: Mapping[str, ChatModel] | None = None,
        pool: DecodePool | None = None,
        progress: bool = False,
    ) -> Summary:
        """The share's summary. Models and decode workers that are None are its own to open."""
        ...


def nothing_missing() -> None:
    """The default of `Run.ready`."""


@dataclass(frozen=True)
class Run(Generic[Assembled]):
    """A job with its inputs and its work.

    Attributes:
        job: settings and steps.
        inputs: what is annotated.
        work: does a share.
        assemble: makes what the run is for of the rows in the results folder, and adds its notes; given which records'
            rows are to be trusted at all. It returns None where no step asks for it.
        waiting: what to say where `assemble` has to wait for the rest, as the budget is spent.
        remarks: on the configuration, for the person.
        ready: refuses what would else be found out after replies were bought.
    """

    job: Job
    inputs: Inputs
    work: Work
    assemble: Callable[[Annotated[Assembled], Callable[[str], bool]], Assembled | None]
    waiting: str = ""
    remarks: Sequence[str] = ()
    ready: Callable[[], None] = nothing_missing

    @property
    def notes(self) -> list[str]:
        """Lines for the person on the configuration and the inputs."""
        unused = self.job.spec.unused()
        told = [f"not used by this pipeline: {', '.join(unused)}"] if unused else []
        return [*told, *self.remarks, *self.inputs.notes]

    def annotate(
        self,
        models: Mapping[str, ChatModel] | None = None,
        progress: bool = True,
        pool: DecodePool | None = None,
        shard: Shard | None = None,
    ) -> Annotated[Assembled]:
        """Run the chosen steps for every record, or for those of a shard, in its own folder and without assembling.

        Args:
            models: in the place of the endpoints that the configuration names, by their names.
            progress: show a bar on stderr.
            pool: decode workers to be used; None starts some for this run.
            shard: only the records of this shard.

        Raises:
            DemitasseError: for what `ready` refuses, a folder that cannot be used, or an endpoint that ended the run.
        """
        self.ready()
        if pool is None and self.job.section.executor == "local":
            with open_pool(self.job) as pool:  # its processes start while the models are opened
                return self._annotate(models, progress, pool, shard)
        return self._annotate(models, progress, pool, shard)

    def merge(self, partial: bool = False) -> Annotated[Assembled]:
        """Unite the shards of a run in its results folder and assemble, as one run would have.

        Args:
            partial: take what is there, even if shards are missing or unfinished.

        Raises:
            DemitasseError: if the shards do not belong together, or some are missing.
        """
        job, results_dir = self.job, self.job.results_dir
        stock = take_stock(results_dir)
        count = len(self.inputs.records) + len(self.inputs.left_out)
        with lock_results(results_dir):
            summary, united = merge_shards(results_dir, stock, count, partial, job.kind)
            merge_rounds(results_dir, stock.folders, whole=not stock.missing and not stock.unfinished)
            save_resolved(job.spec, results_dir / RESOLVED)
            annotated = Annotated[Assembled](summary, results_dir, notes=self.notes)
            annotated.notes += [
                f"{len(stock.folders)} of {stock.count} shards: {united.rows} new rows, {united.replies} new replies",
                *(
                    f"shard {shard} is unfinished and holds rows of other settings: left out"
                    for shard in stock.doubtful
                ),
            ]
            annotated.assembled = self.assemble(annotated, stock.counts)
        return annotated

    def _annotate(
        self, models: Mapping[str, ChatModel] | None, progress: bool, pool: DecodePool | None, shard: Shard | None
    ) -> Annotated[Assembled]:
        job, results_dir = self.job, self.job.results_dir
        # Before anything is written: an address that may hold a key is refused here, and must not be saved.
        if models is None:
            models = open_models(job.endpoints, shard.folder(results_dir) if shard else results_dir)
        take_over_workers(results_dir, job.kind)
        if shard is not None:
            return self._annotate_shard(models, progress, pool, shard)
        refuse_unmerged_shards(results_dir)
        with lock_results(results_dir):
            save_resolved(job.spec, results_dir / RESOLVED)
            begin_round(results_dir, results_dir, job.again)
            summary = self._work(models, progress, pool)
            annotated = Annotated[Assembled](summary, results_dir, notes=self.notes)
            if not summary.cut_off:
                end_round(results_dir)
                annotated.assembled = self.assemble(annotated, lambda _: True)
            elif summary.halted and self.waiting:
                annotated.notes.append(self.waiting)
        return annotated

    def _work(self, models: Mapping[str, ChatModel], progress: bool, pool: DecodePool | None) -> Summary:
        job, results_dir = self.job, self.job.results_dir
        inputs, purse = workable(job, self.inputs, results_dir), purse_of(job, models)
        if job.section.executor == "ray":
            return self._run_on_ray(inputs, purse, progress)
        return self.work(Share(results_dir, inputs.records, inputs.left_out, purse=purse), models, pool, progress)

    def _annotate_shard(
        self, models: Mapping[str, ChatModel], progress: bool, pool: DecodePool | None, shard: Shard
    ) -> Annotated[Assembled]:
        job, results_dir = self.job, self.job.results_dir
        if job.section.executor == "ray":
            raise ConfigError("--shard and executor=ray are two ways to the same end: choose one")
        folder = shard.folder(results_dir)
        dealt = Inputs(
            [record for record in self.inputs.records if shard.holds(record.id)],
            [(what, why) for what, why in self.inputs.left_out if shard.holds(what)],
        )
        with lock_results(folder):
            state = begin_shard(shard, results_dir, job.command or job.kind, _settings(job))
            save_resolved(job.spec, folder / RESOLVED)
            begin_round(results_dir, folder, job.again)
            inputs, purse = workable(job, dealt, folder), purse_of(job, models, shard)
            share = Share(folder, inputs.records, inputs.left_out, paid=results_dir, purse=purse)
            summary = self.work(share, models, pool, progress)
            if not summary.cut_off:
                state.summary = summary
                state.save(folder)
        return Annotated(summary, folder, notes=self.notes)

    def _run_on_ray(self, inputs: Inputs, purse: Ledger | None, progress: bool) -> Summary:
        for name, endpoint in self.job.endpoints.items():
            if endpoint.openai.api_key or endpoint.gemini.api_key:
                raise ConfigError(
                    f"{name}: an api_key in the configuration would travel through Ray; leave it out and set the "
                    "variable (OPENAI_API_KEY, GOOGLE_API_KEY) where Ray's workers run"
                )
        return run_on_ray(
            self.work,
            inputs.records,
            self.job.results_dir,
            self.job.section.ray,
            left_out=inputs.left_out,
            cap=purse.cap if purse is not None else None,
            spent=purse.spent if purse is not None else 0.0,
            progress=progress,
            id_field=self.job.kind,
        )


def _settings(job: Job) -> str:
    """Hash of everything that decides a shard's answers, and so must be the same in all of them."""
    told = {name: value for name, value in resolved(job.section).items() if name not in _PACE}
    told["workflow"] = {name: value for name, value in told["workflow"].items() if name != "max_workers"}
    prompts = {key: job.pack.hash(key) for key in job.pack.prompts}
    decides = [told, prompts, rounds_for(job.results_dir, job.again)]
    return hashlib.sha256(orjson.dumps(decides, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
