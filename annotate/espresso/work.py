"""What is this pipeline's own in one share of a run: what the run is told of it, and its steps for that share."""

from __future__ import annotations

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
from annotate.espresso.config import NEEDS, Spec
from annotate.espresso.frames import Frames
from annotate.espresso.graph import build_steps
from annotate.espresso.prompt_keys import PROMPTS, used_keys
from annotate.run.job import Job
from annotate.run.work import Session
from demitasse.embedding import Embedder, open_embedder
from demitasse.engine.step import Step
from demitasse.prompts import load_pack

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
    config, workflow = spec.section, spec.section.workflow
    return Job(
        KIND,
        spec,
        load_pack(config.prompts, PROMPTS, used_keys(workflow.steps, config.questions.tasks)),
        FILES,
        NEEDS,
        decodes=reading.__name__,
        keys_of=used_keys,
        again=workflow.steps if workflow.force_reprocess else (),
        command="espresso",
    )


def embedder_of(spec: Spec) -> Embedder:
    """What compares a run's captions; an endpoint's vectors are kept in the whole run's results folder.

    Raises:
        ConfigError: if it cannot be used.
    """
    return open_embedder(spec.section.embedding, Path(spec.results_dir) / EMBEDDINGS)


def steps_of(spec: Spec, session: Session) -> list[Step]:
    """The chosen steps, for the videos of a share."""
    frames = Frames(session.pool, spec.section.frames)
    return build_steps(spec.section, session.askers(), frames, embedder_of(spec))
