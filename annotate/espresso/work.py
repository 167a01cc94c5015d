"""One share of a run: the chosen steps for the videos that a process has to see to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from annotate.espresso import (
    captions,
    distractors,
    evidence,
    filter,
    grounding,
    groups,
    key_item_boxes,
    probe,
    questions,
    reading,
)
from annotate.espresso.config import NEEDS, Spec, needed_endpoints
from annotate.espresso.frames import Frames
from annotate.espresso.graph import build_steps
from annotate.espresso.packs import pack_of
from annotate.espresso.prompt_keys import used_keys
from annotate.run.job import Job
from annotate.run.rounds import rounds_for
from annotate.run.work import open_session
from demitasse.chat.model import ChatModel
from demitasse.embedding import Embedder, open_embedder
from demitasse.engine.outcomes import Summary
from demitasse.engine.share import Share
from demitasse.media.pool import DecodePool

KIND = "video"
FILES = {
    "1": captions.FILE,
    "2": groups.FILE,
    "3": questions.FILE,
    "4": filter.FILE,
    "5": evidence.FILE,
    "6": key_item_boxes.FILE,
    "7": grounding.FILE,
    "8": distractors.FILE,
    "9": probe.FILE,
}
EMBEDDINGS = "embeddings"  # in the results folder: what an endpoint was paid for


def job_of(spec: Spec) -> Job:
    """What a run must be told of this pipeline.

    Raises:
        ConfigError: if the prompts cannot be used.
    """
    config = spec.video_espresso
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
        command="espresso",
    )


def rounds_of(job: Job) -> dict[str, int]:
    """By prompt, how often a person has had it asked anew."""
    rounds = rounds_for(job.results_dir, job.again)
    return {key: number for step, number in rounds.items() for key in used_keys([step])}


def embedder_of(spec: Spec) -> Embedder:
    """What compares a run's captions; an endpoint's vectors are kept in the whole run's results folder.

    Raises:
        ConfigError: if it cannot be used.
    """
    return open_embedder(spec.video_espresso.embedding, Path(spec.results_dir) / EMBEDDINGS)


def work(
    spec: Spec,
    share: Share,
    models: Mapping[str, ChatModel] | None = None,
    pool: DecodePool | None = None,
    progress: bool = False,
) -> Summary:
    """Run the chosen steps for one share of the videos. Arguments are as for `annotate`."""
    config, job = spec.video_espresso, job_of(spec)
    with open_session(job, share, models, pool) as session:
        askers = session.askers(pack_of(config), rounds_of(job))
        steps = build_steps(config, askers, Frames(session.pool, config.frames), embedder_of(spec))
        return session.run(steps, progress)
