"""`demitasse plan` for training: tokens, rows, memory and time of a run, from headers and a configuration alone.

No weights are read, no frame is decoded and no GPU is used. Lengths are exact (`train.data.lengths`), and so are rows
and steps: the order and the packing are those of the run. Memory is counted (`train.planning.memory`). Time is model
FLOPs (`train.planning.flops`) over a share of the GPUs' peak that is assumed: the one number to be set from experience.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from demitasse.errors import ConfigError
from train.config import TrainConfig
from train.data.batches import MicroBatches
from train.data.frames import open_sight
from train.data.lengths import Length, measure
from train.data.lessons import Lesson, read_lessons
from train.data.mixture import Order, steps_of
from train.model import precision
from train.planning.gpus import GPUS, Gpu, gpu_named
from train.planning.memory import Pass, estimate

if TYPE_CHECKING:
    from argparse import Namespace

    from demitasse.student.sight import Sight

# Names with a memory size, as people say them; others are found by `gpu_named`.
GPU_NAMES = {
    "h100-80": "H100",
    "a100-80": "A100",
    "a100-40": "A100-SXM4-40GB",
    "rtx4090": "RTX 4090",
    "rtx3090": "RTX 3090",
    "a6000": "RTX A6000",
}
MFU = 0.3  # published video fine-tuning of Qwen-VL models reaches 0.25 to 0.35
STEPS = 200  # whose rows are laid to see how full they are
PERCENTILES = (5, 25, 50, 75, 95, 99)
BINS = 10
WORST = 5  # over-long items that are named
TIGHT = 0.9  # of a GPU's memory: fragments take the rest
# Layers that are computed again cost a forward pass more: of three where weights learn, of two beside adapters.
AGAIN_FULL, AGAIN_LORA = 4 / 3, 3 / 2

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Machine:
    """The GPUs that a run is planned for; without a name there is no time and no verdict on memory."""

    gpu: Gpu | None
    count: int
    mfu: float


def run_plan(args: Namespace) -> int:
    """Print the plan of the configuration that the arguments name.

    Raises:
        DemitasseError: for a configuration, data or a model folder that cannot be used.
    """
    from demitasse.config import read_config
    from train.planning.plan_text import as_text

    config = read_config(TrainConfig, args.config, args.overrides, section="train")
    found = make_plan(config, machine_of(args.gpu, args.gpus, args.mfu))
    print(json.dumps(found, indent=2, ensure_ascii=False) if args.json else "\n".join(as_text(found)))
    return 0


def machine_of(name: str | None, count: int, mfu: float | None) -> Machine:
    """The GPUs that a person names.

    Raises:
        ConfigError: for an unknown GPU, or numbers out of range.
    """
    if count < 1:
        raise ConfigError(f"--gpus is {count}; it must be 1 or more")
    if mfu is not None and not 0 < mfu <= 1:
        raise ConfigError(f"--mfu is {mfu:g}; it is a share of the GPU's peak, above 0 and at most 1")
    gpu = gpu_named(GPU_NAMES.get(name.lower(), name)) if name else None
    if name and gpu is None:
        known = ", ".join([*GPU_NAMES, *(one.name.lower() for one in GPUS if one.name not in GPU_NAMES.values())])
        raise ConfigError(f"--gpu is '{name}', which is not known; there are {known}")
    return Machine(gpu, count, mfu or MFU)


def make_plan(config: TrainConfig, machine: Machine) -> Json:
    """The whole plan, as data."""
    from transformers import AutoConfig

    from demitasse.student.load import build_encoder
    from demitasse.student.weights import ADAPTER_CONFIG, base_of
    from train.model import parts

    parts.plan(config.model)
    lessons = read_lessons(config.data)
    folder = Path(config.model.path)
    if not (folder / "config.json").is_file() and not (folder / ADAPTER_CONFIG).is_file():
        raise ConfigError(f"model.path: {folder} has no config.json; give the folder of a Qwen-VL model")
    folder = base_of(folder) if (folder / ADAPTER_CONFIG).is_file() else folder
    settings = AutoConfig.from_pretrained(folder)
    frames = config.frames
    encoder = build_encoder(folder, settings, frames.min_pixels, frames.max_pixels, config.model.system_prompt)
    sight = open_sight(config, encoder.vision)
    began = time.perf_counter()
    lengths = measure(lessons, encoder, sight)
    seconds = time.perf_counter() - began
    kept = _kept(lengths, config)
    fitting, lasting = [lessons[place] for place in kept], [lengths[place] for place in kept]
    plan: Json = {
        "items": len(lessons),
        "measured_in_seconds": round(seconds, 2),
        "unreadable": _unreadable(lengths),
        "tokens": _tokens(lengths, encoder.vision.merge_size),
        "tasks": _tasks(lessons, lengths),
        "over_long": _over_long(lessons, lengths, config, encoder.vision.merge_size),
        "media": _media(lessons, sight),
    }
    if not kept:
        return plan
    own = precision.own_dtype(settings)
    mixed = precision.mixed_precision(config.model, own)
    model = build_unweighted(settings, config)
    steps, largest = _steps(fitting, lasting, config, machine.count, encoder.family.packs)
    return plan | {
        "steps": steps,
        "model": _model(model, config, settings),
        "memory": _memory(model, config, largest, machine, mixed),
        "time": _time(model, config, fitting, lasting, steps, machine, precision.computed_in(config.model, own, mixed)),
    }


def build_unweighted(settings: Any, config: TrainConfig) -> Any:
    """The model of a transformers configuration, prepared as it would learn on a GPU, on torch's meta device."""
    import torch
    from transformers import AutoModelForImageTextToText

    from train.model import parts

    asked, own = config.model, precision.own_dtype(settings)
    dtype = getattr(torch, precision.loaded_dtype(asked, own))
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(settings, dtype=dtype)
        # How layers run changes no shape, and what they need may not be installed where a plan is made.
        plain = replace(asked, attention="sdpa", compile=False, checkpointing=False)
        plain = replace(plain, method="lora") if asked.method == "qlora" else plain
        return parts.prepare(model, plain, config.seed, precision.mixed_precision(asked, own))


def _kept(lengths: Sequence[Length], config: TrainConfig) -> list[int]:
    """What would be learnt: what can be read and is not too long."""
    most = config.data.max_tokens
    return [place for place, one in enumerate(lengths) if not one.fault and (most is None or one.tokens <= most)]


def _unreadable(lengths: Sequence[Length]) -> Json:
    faults = [one.fault for one in lengths if one.fault]
    return {"items": len(faults), "reasons": faults[:WORST]}


def _tokens(lengths: Sequence[Length], merge: int) -> Json:
    read = [one for one in lengths if not one.fault]
    if not read:
        return {"all": 0}
    tokens = np.array([one.tokens for one in read])
    counts, edges = np.histogram(tokens, bins=min(BINS, int(tokens.max() - tokens.min()) + 1))
    total = int(tokens.sum())
    return {
        "all": total,
        "mean": float(tokens.mean()),
        "percentiles": {str(one): int(np.percentile(tokens, one)) for one in PERCENTILES},
        "most": int(tokens.max()),
        "histogram": [
            {"from": int(np.ceil(low)), "to": int(high), "items": int(count)}
            for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ],
        "label_share": sum(one.labels for one in read) / total,
        "vision_share": sum(one.patches for one in read) / merge**2 / total,
        "frames": sum(one.frames for one in read) / len(read),
    }


def _tasks(lessons: Sequence[Lesson], lengths: Sequence[Length]) -> Json:
    groups: dict[str, list[Length]] = defaultdict(list)
    for lesson, length in zip(lessons, lengths, strict=True):
        if not length.fault:
            groups[lesson.task].append(length)
    return {
        task: {
            "items": len(group),
            "mean_tokens": float(np.mean([one.tokens for one in group])),
            "most_tokens": max(one.tokens for one in group),
            "label_share": sum(one.labels for one in group) / sum(one.tokens for one in group),
        }
        for task, group in sorted(groups.items())
    }


def _over_long(lessons: Sequence[Lesson], lengths: Sequence[Length], config: TrainConfig, merge: int) -> Json:
    """Which items pass `data.max_tokens`, and whether it is their frames or their text."""
    most = config.data.max_tokens
    over = [place for place, one in enumerate(lengths) if most is not None and one.tokens > most]
    seen = {place: lengths[place].patches // merge**2 for place in over}
    # Text alone is too long, or all frames would have to go; else fewer or smaller frames make room.
    why = Counter("text" if lengths[place].tokens - seen[place] > (most or 0) else "frames" for place in over)
    longest = sorted(over, key=lambda place: -lengths[place].tokens)[:WORST]
    return {
        "limit": most,
        "items": len(over),
        "policy": config.data.over_long,
        "because_of": dict(why),
        "longest": [
            {
                "media": str(lessons[place].media),
                "question": lessons[place].item.question,
                "tokens": lengths[place].tokens,
                "vision_tokens": seen[place],
                "frames": lengths[place].frames,
            }
            for place in longest
        ],
    }


def _media(lessons: Sequence[Lesson], sight: Sight) -> Json:
    from demitasse.dataset.shown_frames import shown_frames
    from demitasse.media.ahead import Wanted, take_stock

    seen = [one for one in lessons if shown_frames(one.item) != []]
    videos = {one.media for one in seen if one.item.video_id is not None}
    wanted = Wanted(sight.cache, sight.settings.policy, sight.settings.max_pixels, sight.budget)
    stock = take_stock(sorted(videos), wanted)
    return {
        "videos": len(videos),
        "pictures": len({one.media for one in seen if one.item.video_id is None}),
        "cached": len(stock.cached),
        "cached_bytes": sum(one.nbytes for one in stock.cached.values()),
        "frames_to_decode": sum(len(one.times) for one in stock.missing.values()),
        "bytes_to_come": stock.to_come,
    }


def _steps(
    lessons: list[Lesson], lengths: list[Length], config: TrainConfig, gpus: int, packs: bool
) -> tuple[Json, Pass]:
    """Steps, and how full their rows are; with the largest forward pass that can come."""
    optim = config.optim
    order = Order(lessons, config.data, config.seed)
    steps = steps_of(order.epoch, optim.batch_size, optim.steps, optim.epochs)
    batches = MicroBatches(order, optim, 0, min(steps, STEPS), 0, gpus, lengths)
    laid = [batches.of_step(step) for step in range(batches.stop)]
    passes = [[lengths[item] for item in row] for step in laid for rank in step for row in rank if row]
    useful = sum(one.tokens for row in passes for one in row)
    # A longer item has a row of its own, which is as long as the item.
    room = [
        max(optim.pack_tokens, sum(one.tokens for one in row))
        if optim.pack
        else len(row) * max(one.tokens for one in row)
        for row in passes
    ]
    longest = max(one.tokens for one in lengths)
    size = max(optim.pack_tokens, longest) if optim.pack else min(optim.micro_batch_size, optim.batch_size) * longest
    largest = Pass(
        tokens=size,
        patches=max(sum(one.patches for one in row) for row in passes),
        labels=max(sum(one.labels for one in row) for row in passes),
    )
    found = {
        "steps": steps,
        "items": steps * optim.batch_size,
        "epochs": steps * optim.batch_size / order.epoch,
        "packed": optim.pack,
        "family_packs": packs,
        "laid_steps": batches.stop,
        "passes_per_step": sum(len(rank) for step in laid for rank in step) / batches.stop,
        "tokens_per_step": useful / batches.stop,
        "fill": useful / sum(room),
        "largest_pass": {"tokens": largest.tokens, "patches": largest.patches, "labels": largest.labels},
    }
    return found, largest


def _model(model: Any, config: TrainConfig, settings: Any) -> Json:
    from train.model import parts

    rows = parts.table(model, config)
    return {
        "family": settings.model_type,
        "parameters": sum(row.total for row in rows),
        "learning": sum(row.learning for row in rows),
        "parts": [{"part": row.part, "learn": row.learn, "learning": row.learning, "of": row.total} for row in rows],
    }


def _memory(model: Any, config: TrainConfig, largest: Pass, machine: Machine, mixed: str) -> Json:
    here = config.model.checkpointing
    found = {flag: estimate(model, config.model, largest, flag, mixed) for flag in (here, not here)}
    as_set = found[here]
    ways = {"whole": False} | ({"sharded": True} if machine.count > 1 else {})
    available = machine.gpu.memory_gib * 2**30 if machine.gpu else None
    return {
        "checkpointing": here,
        "weights": as_set.weights,
        "copies": as_set.copies,
        "gradients": as_set.gradients,
        "optimizer": as_set.optimizer,
        "activations": as_set.activations,
        "logits": as_set.logits,
        "fixed": as_set.fixed,
        "gpu_bytes": available,
        "per_gpu": [
            {"weights": way, "checkpointing": flag, **_verdict(one.total(machine.count, sharded), available)}
            for way, sharded in ways.items()
            for flag, one in found.items()
        ],
    }


def _verdict(total: float, available: float | None) -> Json:
    if available is None:
        return {"bytes": total}
    share = total / available
    return {"bytes": total, "share": share, "fits": "yes" if share <= TIGHT else "barely" if share <= 1 else "no"}


def _time(
    model: Any,
    config: TrainConfig,
    lessons: list[Lesson],
    lengths: list[Length],
    steps: Json,
    machine: Machine,
    dtype: str,
) -> Json:
    """Model FLOPs of a step, of items as they are drawn; and the time that takes at the assumed share of the peak."""
    from train.planning.flops import Cost

    cost = Cost(model)
    order = Order(lessons, config.data, config.seed)
    drawn = Counter(order.items(0, steps["laid_steps"] * config.optim.batch_size))
    flops = sum(cost.of(lengths[item]).total * count for item, count in drawn.items()) / steps["laid_steps"]
    found: Json = {"flops_per_step": flops, "flops": flops * steps["steps"]}
    gpu = machine.gpu
    peak = gpu.peak(dtype) if gpu else None
    if gpu is None or peak is None:
        return found
    again = 1.0
    if config.model.checkpointing:
        again = AGAIN_FULL if config.model.method == "full" else AGAIN_LORA
    seconds = flops * again / (machine.count * peak * machine.mfu)
    return found | {
        "gpu": gpu.name,
        "gpus": machine.count,
        "peak_flops": peak,
        "dtype": dtype,
        "mfu": machine.mfu,
        "recomputation": again,
        "seconds_per_step": seconds,
        "hours": seconds * steps["steps"] / 3600,
        "tokens_per_second": steps["tokens_per_step"] / seconds,
    }
