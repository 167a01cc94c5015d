"""What is this pipeline's own in one share of a run: what the run is told of it, and its steps for that share."""

from __future__ import annotations

from annotate.referring import blind_grounding, double_check, grounding, reading, regions, scene_caption
from annotate.referring.config import NEEDS, ReferringExpression, Spec
from annotate.referring.graph import build_steps
from annotate.referring.inputs import brought
from annotate.referring.pictures import open_pictures
from annotate.referring.prompt_keys import PROMPTS, used_keys
from annotate.run.job import Job
from annotate.run.work import Session
from demitasse.chat.model import Capability
from demitasse.engine.step import Step
from demitasse.prompts import load_pack

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
    workflow = spec.section.workflow
    return Job(
        KIND,
        spec,
        load_pack(spec.section.prompts, PROMPTS, used_keys(workflow.steps)),
        FILES,
        NEEDS,
        decodes=reading.__name__,
        brought=brought,
        keys_of=used_keys,
        again=workflow.steps if workflow.force_reprocess else (),
    )


def steps_of(config: ReferringExpression, session: Session) -> list[Step]:
    """The chosen steps, for the images of a share."""
    first = session.models.get("vlm") or next(iter(session.models.values()), None)
    pictures = open_pictures(config, session.pool, first.capability if first else Capability())
    return build_steps(config.workflow, session.askers(), pictures)
