"""One share of a run at work: its models, its replies, its money and the rows that it goes on from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from annotate.asking import Asker
from annotate.endpoints import sampling_of
from annotate.run.decoding import open_pool
from annotate.run.earlier import Completed, EarlierRows
from annotate.run.job import Job
from annotate.run.models import limits_by_model, open_models, prices_of, records_at_once
from demitasse.chat.model import ChatModel
from demitasse.engine.budget import Spending
from demitasse.engine.caller import Caller, open_caller
from demitasse.engine.outcomes import Summary
from demitasse.engine.runner import Finished, run
from demitasse.engine.share import Share
from demitasse.engine.step import Step
from demitasse.media.pool import DecodePool


@dataclass(frozen=True)
class Session:
    """What a share works with while it lasts."""

    job: Job
    share: Share
    models: Mapping[str, ChatModel]
    caller: Caller
    pool: DecodePool
    earlier: EarlierRows

    def askers(self) -> dict[str, Asker]:
        """One for each endpoint, by name."""
        pack, rounds = self.job.pack, self.job.rounds
        return {
            name: Asker(self.caller, self.models[name], sampling_of(endpoint), pack, rounds)
            for name, endpoint in self.job.endpoints.items()
        }

    def run(
        self, steps: Sequence[Step], progress: bool, on_finished: Callable[[Finished], None] | None = None
    ) -> Summary:
        """Run the steps for the share's records; `on_finished` as the engine's `run` takes it."""
        share = self.share

        def finish(finished: Finished) -> None:
            for tell in (on_finished, share.on_finished):
                if tell is not None:
                    tell(finished)

        return run(
            Completed(share.records, self.earlier),
            steps,
            share.folder,
            workers=-(-records_at_once(self.job) // share.parts),
            progress=progress,
            caller=self.caller,
            models=list({id(model): model for model in self.models.values()}.values()),
            left_out=share.left_out,
            total=len(share.records) if isinstance(share.records, Sized) else None,
            beneath=share.done,
            on_finished=finish,
            id_field=self.job.kind,
            interruption=share.interruption,
        )


def work(
    job: Job,
    steps_of: Callable[[Session], Sequence[Step]],
    share: Share,
    models: Mapping[str, ChatModel] | None = None,
    pool: DecodePool | None = None,
    progress: bool = False,
) -> Summary:
    """Run the chosen steps for one share of the records: with the first two bound a `Work`, as a `Run` wants it."""
    with open_session(job, share, models, pool) as session:
        return session.run(steps_of(session), progress)


@contextmanager
def open_session(
    job: Job, share: Share, models: Mapping[str, ChatModel] | None, pool: DecodePool | None
) -> Iterator[Session]:
    """Open everything that a share needs; models and workers that are None are opened as the job says.

    Raises:
        DemitasseError: if another process holds the share's folder, or a journal is damaged.
    """
    given = models if models is not None else open_models(job.endpoints, share.folder)
    models = {name: given[name] for name in job.endpoints}
    budget = Spending(prices_of(job.section.prices, job.endpoints), share.purse)
    limits = limits_by_model(job, models)
    with ExitStack() as stack:
        pool = pool or stack.enter_context(open_pool(job))
        caller = stack.enter_context(
            open_caller(share.folder, by_model=limits, gates=share.gates, beneath=share.paid, budget=budget)
        )
        earlier = stack.enter_context(EarlierRows(job, [job.results_dir, share.folder]))
        yield Session(job, share, models, caller, pool, earlier)
