"""The plan of a training run as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from demitasse.data_cache import size

Json = dict[str, Any]
BAR = 40  # characters of the longest bar
QUESTION = 60  # characters of a question that are shown
HOUR, DAY = 3600, 86400


def as_text(plan: Json) -> list[str]:
    """Lines of the plan that `train.planning.plan.make_plan` made."""
    parts = (_tokens, _tasks, _over_long, _media, _steps, _model, _memory, _time)
    return [line for part in parts for line in part(plan)]


def _tokens(plan: Json) -> Iterator[str]:
    found, unreadable = plan["tokens"], plan["unreadable"]
    yield f"{plan['items']:,} items to learn, measured in {plan['measured_in_seconds']:.1f} s without decoding"
    if unreadable["items"]:
        yield f"  {unreadable['items']:,} cannot be read, the first: {unreadable['reasons'][0]}"
    if not found["all"]:
        return
    yield (
        f"  {found['all']:,} tokens, {found['mean']:,.0f} an item; {found['vision_share']:.0%} show what is seen "
        f"({found['frames']:.1f} frames an item), {found['label_share']:.1%} are learnt"
    )
    yield (
        "  "
        + "  ".join(f"p{one} {count:,}" for one, count in found["percentiles"].items())
        + (f"  most {found['most']:,}")
    )
    most = max(one["items"] for one in found["histogram"])
    for one in found["histogram"]:
        bar = "█" * -(-one["items"] * BAR // most)
        yield f"  {one['from']:>8,} – {one['to']:<8,} {one['items']:>8,} {bar}".rstrip()


def _tasks(plan: Json) -> Iterator[str]:
    rows = plan["tasks"]
    width = max(map(len, ["task", *rows]))
    yield f"  {'task':<{width}} {'items':>9} {'tokens':>9} {'most':>9} {'learnt':>7}"
    for task, one in rows.items():
        yield (
            f"  {task:<{width}} {one['items']:>9,} {one['mean_tokens']:>9,.0f} {one['most_tokens']:>9,} "
            f"{one['label_share']:>7.1%}"
        )


def _over_long(plan: Json) -> Iterator[str]:
    found = plan["over_long"]
    if not found["items"]:
        return
    because = [
        f"{found['because_of'][why]:,} {told}"
        for why, told in (("frames", "for their frames"), ("text", "for their text alone"))
        if why in found["because_of"]
    ]
    policy = {
        "drop": "they are left out",
        "error": "training will refuse to start (data.over_long=drop leaves them out)",
    }
    yield ""
    yield (
        f"over-long: {found['items']:,} items take more than data.max_tokens={found['limit']:,}: {', '.join(because)}; "
        f"{policy[found['policy']]}"
    )
    for one in found["longest"]:
        asked = " ".join(one["question"].split())
        asked = asked if len(asked) <= QUESTION else asked[: QUESTION - 1] + "…"
        yield (
            f"  {one['tokens']:,} tokens, {one['vision_tokens']:,} of {one['frames']} frames: {one['media']}: {asked}"
        )


def _media(plan: Json) -> Iterator[str]:
    found = plan["media"]
    yield ""
    yield (
        f"media: {found['videos']:,} videos, {found['pictures']:,} pictures; {found['cached']:,} videos are decoded "
        f"already ({size(found['cached_bytes'])}), the others have {found['frames_to_decode']:,} frames, "
        f"{size(found['bytes_to_come'])} in the cache (`demitasse data cache` decodes them ahead)"
    )


def _steps(plan: Json) -> Iterator[str]:
    found = plan.get("steps")
    if found is None:
        yield "nothing is left to learn"
        return
    largest = found["largest_pass"]
    yield (
        f"steps: {found['steps']:,}, {found['items']:,} items in all ({found['epochs']:.2f} epochs), "
        f"{found['tokens_per_step']:,.0f} tokens a step in {found['passes_per_step']:.1f} forward passes"
    )
    full = f"{found['fill']:.1%} full"
    if found["packed"]:
        rows = f"rows, which are not padded, are {full} of optim.pack_tokens"
    else:
        rows = f"padded batches are {full}, {1 - found['fill']:.1%} is wasted"
    yield (
        f"  {rows} (of the first {found['laid_steps']} steps); the largest pass: {largest['tokens']:,} tokens, "
        f"{largest['patches']:,} patches, {largest['labels']:,} learnt"
    )
    if found["packed"] and not found["family_packs"]:
        yield "  this family cannot be packed: training will refuse; set optim.pack=false"


def _model(plan: Json) -> Iterator[str]:
    if "model" not in plan:
        return
    found = plan["model"]
    learn = ", ".join(f"{one['part']} {one['learn']}" for one in found["parts"])
    yield ""
    yield f"model: {found['family']}, {found['parameters']:,} parameters, {found['learning']:,} learn ({learn})"


def _memory(plan: Json) -> Iterator[str]:
    if "memory" not in plan:
        return
    found = plan["memory"]
    shares = ("weights", "copies", "gradients", "optimizer", "activations", "logits", "fixed")
    checkpointing = "with" if found["checkpointing"] else "without"
    told = ", ".join(f"{name} {size(found[name])}" for name in shares if found[name])
    yield f"memory, {checkpointing} checkpointing: {told}"
    for one in found["per_gpu"]:
        name = ("with" if one["checkpointing"] else "without") + " checkpointing"
        here = " (as configured)" if one["checkpointing"] == found["checkpointing"] else ""
        verdict = ""
        if "fits" in one:
            said = {"yes": "fits", "barely": "may just fit", "no": "does not fit"}[one["fits"]]
            verdict = f", {one['share']:.0%} of the GPU's {size(found['gpu_bytes'])}: {said}"
        yield f"  a GPU, weights {one['weights']}, {name}{here}: {size(one['bytes'])}{verdict}"


def _time(plan: Json) -> Iterator[str]:
    if "time" not in plan:
        return
    found = plan["time"]
    yield f"work: {found['flops_per_step']:.2e} FLOPs a step, {found['flops']:.2e} in all"
    if "hours" not in found:
        yield "  --gpu NAME tells the time, and whether the memory is enough: h100-80, h200, a100-80, rtx4090, l40s …"
        return
    yield (
        f"time: {_duration(found['seconds_per_step'])} a step, {_duration(found['hours'] * HOUR)} in all, "
        f"{found['tokens_per_second']:,.0f} tokens/s on {found['gpus']} × {found['gpu']}"
    )
    again = f", and {found['recomputation'] - 1:.0%} more for checkpointing" if found["recomputation"] > 1 else ""
    yield (
        f"  assumed: {found['mfu']:.0%} of the peak of {found['peak_flops'] / 1e12:,.0f} TFLOP/s in {found['dtype']} "
        f"(--mfu){again}; data is ready in time (data.workers, `demitasse data cache`)"
    )


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.2f} s"
    if seconds < HOUR:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / HOUR:.1f} h" if seconds < 2 * DAY else f"{seconds / DAY:.1f} days"
