"""One share of a run: the chosen steps, step 4 apart, for the videos that a process has to see to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sized
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from annotate.endpoints import Endpoint, limits_of, name_of, open_teacher, sampling_of
from annotate.video_reasoning import reading
from annotate.video_reasoning.asking import Asker
from annotate.video_reasoning.chunks import windows
from annotate.video_reasoning.config import Spec, VideoReasoning, Workflow, needed_endpoints
from annotate.video_reasoning.earlier import Completed, EarlierRows
from annotate.video_reasoning.footage import Footage
from annotate.video_reasoning.graph import SHOWS_FOOTAGE, build_steps
from annotate.video_reasoning.packs import pack_of
from demitasse.chat.model import ChatModel
from demitasse.engine.batch_log import BatchLog
from demitasse.engine.budget import Spending
from demitasse.engine.caller import Caller, open_caller
from demitasse.engine.outcomes import Summary
from demitasse.engine.runner import Finished, run
from demitasse.engine.share import Share
from demitasse.media.pool import DecodePool
from demitasse.media.sample import SamplingPolicy
from demitasse.prices import Prices, load_prices
from demitasse.prompts import Pack

PRICES = Path(__file__).parent.parent / "prices.yaml"
SCRATCH = ".clips"  # in the results folder, so that what a kill leaves there is found and removed
CLIP_FPS = 2.0  # of footage short enough to be sent whole, where an endpoint takes frames only
FEWEST_FRAMES = 4
RECORDS_PER_REQUEST = 2  # records in work for each request in flight: while one is decoded another is asked about
MOST_DECODERS = 8


def work(
    spec: Spec,
    share: Share,
    models: dict[str, ChatModel] | None = None,
    pool: DecodePool | None = None,
    progress: bool = False,
) -> Summary:
    """Run the chosen steps, step 4 apart, for one share of the videos. Arguments are as for `annotate`."""
    config, workflow = spec.video_reasoning_annotation, spec.video_reasoning_annotation.workflow
    pack = pack_of(config)
    models = models if models is not None else open_models(config, share.folder)
    by_model = {model.name: limits_of(_endpoint(config, name), workflow.max_workers) for name, model in models.items()}
    budget = Spending(prices_of(config), share.purse)
    with ExitStack() as stack:
        pool = pool or stack.enter_context(open_pool(config))
        caller = stack.enter_context(
            open_caller(share.folder, by_model=by_model, gates=share.gates, beneath=share.paid, budget=budget)
        )
        scratch = stack.enter_context(_scratch(share.folder / SCRATCH))
        earlier = stack.enter_context(EarlierRows(workflow, [Path(spec.results_dir), share.folder]))
        askers = {name: _asker(config, name, model, caller, pack) for name, model in models.items()}
        footage = footage_of(workflow, pool, scratch)
        if {"0", "1a"} & set(workflow.steps):
            footage.shown_to = models["vlm"].capability

        def finish(finished: Finished) -> None:
            footage.forget(finished.record.fields)
            if share.on_finished is not None:
                share.on_finished(finished)

        return run(
            Completed(share.records, earlier),
            build_steps(workflow, askers, footage),
            share.folder,
            workers=-(-_records(config) // share.parts),
            progress=progress,
            caller=caller,
            models=list({id(model): model for model in models.values()}.values()),
            left_out=share.left_out,
            total=len(share.records) if isinstance(share.records, Sized) else None,
            beneath=share.done,
            on_finished=finish,
            interruption=share.interruption,
        )


def prices_of(config: VideoReasoning) -> Prices:
    """The price table that the configuration names, at what batch jobs cost for those that are asked in them."""
    batched = [name_of(endpoint) for endpoint in needed_endpoints(config).values() if endpoint.batch]
    return load_prices(Path(config.prices) if config.prices else PRICES, batched)


def open_models(config: VideoReasoning, folder: Path) -> dict[str, ChatModel]:
    """One model for each endpoint that is asked; equal endpoints share one, and so its limits.

    `folder` is where its batch jobs are remembered.
    """
    needed, batches = needed_endpoints(config), BatchLog(folder)
    models: dict[str, ChatModel] = {}
    for name, endpoint in needed.items():
        alike = next((models[other] for other in models if needed[other] == endpoint), None)
        models[name] = alike or open_teacher(name, endpoint, batches)
    return models


def _endpoint(config: VideoReasoning, name: str) -> Endpoint:
    return config.vlm if name == "vlm" else config.llm


def _records(config: VideoReasoning) -> int:
    """How many are in work at once. With batch jobs as many as a job holds: each waits in it with a request or more."""
    held = [endpoint.batch_requests for endpoint in needed_endpoints(config).values() if endpoint.batch]
    return max(RECORDS_PER_REQUEST * config.workflow.max_workers, *held, 1)


def _asker(config: VideoReasoning, name: str, model: ChatModel, caller: Caller, pack: Pack) -> Asker:
    return Asker(caller, model, sampling_of(_endpoint(config, name)), pack)


def open_pool(config: VideoReasoning) -> DecodePool:
    """Processes that decode: for all of this machine, or for what a worker of a cluster has for itself."""
    if config.executor == "ray":
        pool = DecodePool(config.ray.cpus_per_worker)
    else:
        pool = DecodePool(min(MOST_DECODERS, 1 + _processors()))  # one is left to what is waited for
    if SHOWS_FOOTAGE & set(config.workflow.steps):
        pool.start(reading.__name__)
    return pool


def _processors() -> int:
    """Those that this process may use: a Slurm task has fewer than its machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
        shutil.rmtree(folder, ignore_errors=True)
