"""One share of a run: the chosen steps for the questions that a process has to see to."""

from __future__ import annotations

from collections.abc import Mapping

from annotate.cotasks.teacher import events, moments, places, reading, relations
from annotate.cotasks.teacher.config import NEEDS, Spec, needed_endpoints
from annotate.cotasks.teacher.footage import Footage
from annotate.cotasks.teacher.graph import build_steps
from annotate.cotasks.teacher.packs import pack_of
from annotate.cotasks.teacher.prompt_keys import used_keys
from annotate.run.job import Job
from annotate.run.rounds import rounds_for
from annotate.run.work import open_session
from demitasse.chat.model import ChatModel
from demitasse.engine.outcomes import Summary
from demitasse.engine.share import Share
from demitasse.media.pool import DecodePool

KIND = "question"
FILES = {"1": moments.FILE, "2": places.FILE, "3": relations.FILE, "4": events.FILE}


def job_of(spec: Spec) -> Job:
    """What a run must be told of this pipeline.

    Raises:
        ConfigError: if the prompts cannot be used.
    """
    config = spec.cotasks
    pack = pack_of(config)
    return Job(
        KIND,
        spec,
        config,
        needed_endpoints(config),
        {key: pack.hash(key) for key in pack.prompts},
        FILES,
        NEEDS,
        decodes=reading.__name__,
        again=config.workflow.steps if config.workflow.force_reprocess else (),
    )


def rounds_of(job: Job) -> dict[str, int]:
    """By prompt, how often a person has had it asked anew."""
    rounds = rounds_for(job.results_dir, job.again)
    return {key: number for step, number in rounds.items() for key in used_keys([step])}


def footage_of(spec: Spec, pool: DecodePool) -> Footage:
    """Where a run's frames come from."""
    return Footage(pool, spec.cotasks.frames, spec.cotasks.max_pixels)


def work(
    spec: Spec,
    share: Share,
    models: Mapping[str, ChatModel] | None = None,
    pool: DecodePool | None = None,
    progress: bool = False,
) -> Summary:
    """Run the chosen steps for one share of the questions. Arguments are as for `annotate`."""
    job = job_of(spec)
    with open_session(job, share, models, pool) as session:
        askers = session.askers(pack_of(spec.cotasks), rounds_of(job))
        return session.run(build_steps(spec.cotasks, askers, footage_of(spec, session.pool)), progress)
