"""What is this pipeline's own in one share of a run: what the run is told of it, and its steps for that share."""

from __future__ import annotations

from annotate.cotasks.teacher import events, moments, places, reading, relations
from annotate.cotasks.teacher.config import NEEDS, Spec, TeacherCoTasks
from annotate.cotasks.teacher.footage import Footage
from annotate.cotasks.teacher.graph import build_steps
from annotate.cotasks.teacher.prompt_keys import PROMPTS, used_keys
from annotate.run.job import Job
from annotate.run.work import Session
from demitasse.engine.step import Step
from demitasse.media.pool import DecodePool
from demitasse.prompts import load_pack

KIND = "question"
FILES = {"1": moments.FILE, "2": places.FILE, "3": relations.FILE, "4": events.FILE}


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
        keys_of=used_keys,
        again=workflow.steps if workflow.force_reprocess else (),
    )


def footage_of(config: TeacherCoTasks, pool: DecodePool) -> Footage:
    """Where a run's frames come from."""
    return Footage(pool, config.frames, config.max_pixels)


def steps_of(config: TeacherCoTasks, session: Session) -> list[Step]:
    """The chosen steps, for the questions of a share."""
    return build_steps(config, session.askers(), footage_of(config, session.pool))
