"""`demitasse plan`: what a run would ask and what that would cost, before anything is sent."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from annotate.video_reasoning.config import VideoReasoning
    from annotate.video_reasoning.forecast import Forecast, StepForecast

MOST_WORKERS = 8


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse plan`."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="a TAO spec, or a recipe with a section `annotate`")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="as for `demitasse annotate video`")


def run_plan(args: argparse.Namespace) -> int:
    """Print the plan.

    Raises:
        DemitasseError: for a configuration that cannot be used.
    """
    from annotate.video_reasoning.config import read_spec
    from annotate.video_reasoning.forecast import forecast
    from demitasse.media.pool import DecodePool

    spec = read_spec(args.config, args.overrides)
    with DecodePool(min(MOST_WORKERS, os.cpu_count() or 1)) as pool:
        found = forecast(spec, pool)
    if args.json:
        import orjson

        sys.stdout.buffer.write(orjson.dumps(as_json(found), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        print("\n".join(as_table(found, spec.video_reasoning_annotation)))
    return 0


def as_json(found: Forecast) -> dict[str, Any]:
    """The plan as data: `requests` is [least, most] of what is to be expected, tokens and dollars are estimates."""
    return {
        "videos": found.videos,
        "left_out": dict(found.left_out),
        "requests": list(found.calls),
        "least": found.least,
        "most": found.most,
        "kept_replies": found.kept,
        "alike": found.alike,
        "dollars": _total(found),
        "most_dollars": found.most_dollars,
        "spent": found.spent,
        "steps": {
            name: {
                "models": sorted(step.models),
                "current_rows": step.current,
                "videos": step.videos,
                "requests": step.calls,
                "prompt_tokens": [round(tokens) for tokens in step.prompt],
                "completion_tokens": [round(tokens) for tokens in step.completion],
                "dollars": step.dollars,
            }
            for name, step in found.steps.items()
        },
    }


def as_table(found: Forecast, config: VideoReasoning) -> list[str]:
    """The plan for a person."""
    head = ("step", "rows there", "requests", "tokens in", "tokens out", "dollars", "model")
    rows = [head, *(_row(name, step) for name, step in found.steps.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    return [f"{found.videos} videos", *(f"  left out: {n}: {why}" for why, n in found.left_out.items()), "", *lines, "",
            *_conclusions(found, config)]  # fmt: skip


def _row(name: str, step: StepForecast) -> tuple[str, ...]:
    return (
        name,
        str(step.current),
        _range(*step.calls),
        "~" + _range(*(round(tokens) for tokens in step.prompt)),
        "~" + _range(*(round(tokens) for tokens in step.completion)),
        "no price" if step.dollars is None else _dollars(*step.dollars),
        ", ".join(sorted(step.models)),
    )


def _conclusions(found: Forecast, config: VideoReasoning) -> list[str]:
    low, high = found.calls
    lines = [f"requests: {_range(low, high)}, if no video is rejected and no reply has to be asked for again"]
    if high:
        lines.append(
            f"requests: from {found.least:,}, if every video is rejected, to {found.most:,}, if every reply has to be "
            "asked for again; failed requests that are repeated come on top"
        )
    if found.kept:
        lines.append(f"up to {found.kept} fewer: so many replies are paid for already that no row of these holds")
    if found.alike:
        lines.append(f"{found.alike} videos have the content of another one; their replies are bought once")
    total = _total(found)
    if total is None:
        models = {model for step in found.steps.values() if step.dollars is None for model in step.models}
        lines.append(f"cost: not known, for there is no price for {', '.join(sorted(models))}; add one to the table")
    else:
        lines.append(
            f"cost: about {_dollars(*total)}, and ${found.most_dollars or 0:,.2f} if each reply is as long as it may be"
        )
    lines += _budget(found, config, total)
    lines.append("tokens and cost are estimates: text at four bytes a token, media as the price table says, replies as "
                 "in this folder so far or as the prompts ask")  # fmt: skip
    return lines


def _budget(found: Forecast, config: VideoReasoning, total: list[float] | None) -> list[str]:
    cap = config.budget_usd
    if cap is None:
        return [f"spent so far: ${found.spent:,.2f}"] if found.spent else []
    left = max(0.0, cap - found.spent)
    told = f"budget: ${cap:,.2f}, of which ${found.spent:,.2f} is spent"
    if total is None:
        return [f"{told}; a run will not start without a price for every model"]
    return [
        told + ("" if total[1] <= left else f"; ${left:,.2f} is not enough, and the run will stop before it is passed")
    ]


def _total(found: Forecast) -> list[float] | None:
    dollars = [step.dollars for step in found.steps.values()]
    if None in dollars:
        return None
    return [sum(pair[end] for pair in dollars if pair) for end in (0, 1)]


def _range(low: float, high: float) -> str:
    return f"{low:,}" if low == high else f"{low:,}-{high:,}"


def _dollars(low: float, high: float) -> str:
    return f"${low:,.2f}" if round(low, 2) == round(high, 2) else f"${low:,.2f}-{high:,.2f}"
