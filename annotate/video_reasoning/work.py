"""One share of a run: the chosen steps, step 4 apart, for the videos that a process has to see to."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from annotate.run.job import Job
from annotate.run.work import open_session
from annotate.video_reasoning import captions, chunks, describe, filter, highlight, questions, reading
from annotate.video_reasoning.chunks import windows
from annotate.video_reasoning.config import NEEDS, Spec, Workflow
from annotate.video_reasoning.footage import Footage
from annotate.video_reasoning.graph import SHOWS_FOOTAGE, build_steps
from annotate.video_reasoning.inputs import SCRATCH
from annotate.video_reasoning.packs import pack_of
from demitasse.chat.model import ChatModel
from demitasse.engine.outcomes import Summary
from demitasse.engine.runner import Finished
from demitasse.engine.share import Share
from demitasse.media.pool import DecodePool
from demitasse.media.sample import SamplingPolicy

KIND = "video"
FILES = {
    "0": filter.FILE,
    "1a": captions.FILE,
    "1b": chunks.FILE,
    "1c": highlight.FILE,
    "2": describe.FILE,
    "3": questions.FILE,
}
REMOVALS, BETWEEN_REMOVALS = 40, 0.05  # seconds
CLIP_FPS = 2.0  # of footage short enough to be sent whole, where an endpoint takes frames only
FEWEST_FRAMES = 4


def job_of(spec: Spec) -> Job:
    """What a run must be told of this pipeline.

    Raises:
        ConfigError: if the prompts cannot be used.
    """
    shows = SHOWS_FOOTAGE & set(spec.section.workflow.steps)
    decodes = reading.__name__ if shows else ""
    return Job(KIND, spec, pack_of(spec.section), FILES, NEEDS, decodes, apart=("3",))


def work(
    job: Job,
    workflow: Workflow,
    share: Share,
    models: Mapping[str, ChatModel] | None = None,
    pool: DecodePool | None = None,
    progress: bool = False,
) -> Summary:
    """As `annotate.run.work.work`: the chosen steps, step 4 apart, in a session that has a folder for what is cut."""
    with open_session(job, share, models, pool) as session, _scratch(share.folder / SCRATCH) as scratch:
        footage = footage_of(workflow, session.pool, scratch)
        if {"0", "1a"} & set(workflow.steps):
            footage.shown_to = session.models["vlm"].capability

        def forget(finished: Finished) -> None:
            footage.forget(finished.record.fields)

        return session.run(build_steps(workflow, session.askers(), footage), progress, forget)


def footage_of(workflow: Workflow, pool: DecodePool, scratch: Path) -> Footage:
    """Where a run's video parts come from."""
    frames = workflow.long_video_max_frames
    fewest = min(FEWEST_FRAMES, frames)
    return Footage(
        pool,
        SamplingPolicy(CLIP_FPS, frames, fewest, frame_multiple=1),
        SamplingPolicy(workflow.long_video_sample_fps, frames, fewest, frame_multiple=1),
        workflow.long_video_threshold_sec,
        scratch,
        workflow.max_video_length_sec,
        partial(windows, options=workflow.chunk_duration_options, most=workflow.max_chunks)
        if "1b" in workflow.steps
        else None,
    )


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """An empty folder that is gone afterwards. The results folder must be locked."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        # A worker that still cuts what nobody waits for may put a file into a folder that is just being removed.
        for _ in range(REMOVALS):
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(BETWEEN_REMOVALS)
