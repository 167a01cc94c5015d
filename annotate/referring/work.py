"""One share of a run: the chosen steps for the images that a process has to see to."""

from __future__ import annotations

from collections.abc import Mapping

from annotate.referring import blind_grounding, double_check, grounding, reading, regions, scene_caption
from annotate.referring.config import NEEDS, Spec, needed_endpoints
from annotate.referring.graph import build_steps
from annotate.referring.inputs import brought
from annotate.referring.packs import pack_of
from annotate.referring.pictures import open_pictures
from annotate.referring.prompt_keys import used_keys
from annotate.run.job import Job
from annotate.run.rounds import rounds_for
from annotate.run.work import open_session
from demitasse.chat.model import Capability, ChatModel
from demitasse.engine.outcomes import Summary
from demitasse.engine.share import Share
from demitasse.media.pool import DecodePool

KIND = "image"
FILES = {
    "0": regions.FILE,
    "1": scene_caption.FILE,
    "2": grounding.FILE,
    "3": double_check.FILE,
    "4": blind_grounding.FILE,
}


def job_of(spec: Spec) -> Job:
    """What a run must be told of this pipeline.

    Raises:
        ConfigError: if the prompts cannot be used.
    """
    config = spec.image_referring_expression
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
        brought=brought,
        again=config.workflow.steps if config.workflow.force_reprocess else (),
    )


def rounds_of(job: Job) -> dict[str, int]:
    """By prompt, how often a person has had it asked anew."""
    rounds = rounds_for(job.results_dir, job.again)
    return {key: number for step, number in rounds.items() for key in used_keys([step])}


def work(
    spec: Spec,
    share: Share,
    models: Mapping[str, ChatModel] | None = None,
    pool: DecodePool | None = None,
    progress: bool = False,
) -> Summary:
    """Run the chosen steps for one share of the images. Arguments are as for `annotate`."""
    config, job = spec.image_referring_expression, job_of(spec)
    with open_session(job, share, models, pool) as session:
        askers = session.askers(pack_of(config), rounds_of(job))
        first = session.models.get("vlm") or next(iter(session.models.values()), None)
        pictures = open_pictures(config, session.pool, first.capability if first else Capability())
        return session.run(build_steps(config.workflow, askers, pictures), progress)
