"""`demitasse plan`: what a run would ask and what that would cost, before anything is sent."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from annotate.sections import PIPELINES, section_of

if TYPE_CHECKING:
    from annotate.run.forecast import Forecast, StepForecast
    from demitasse.media.pool import DecodePool

MOST_WORKERS = 8


def run_plan(args: argparse.Namespace) -> int:
    """Print the plan.

    Raises:
        DemitasseError: for a configuration that cannot be used.
    """
    from demitasse.media.pool import DecodePool

    with DecodePool(min(MOST_WORKERS, os.cpu_count() or 1)) as pool:
        section, found, cap = _forecast(args, pool)
    if args.json:
        import orjson

        sys.stdout.buffer.write(orjson.dumps(as_json(found), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        print("\n".join(as_table(section, found, cap)))
    return 0


def _forecast(args: argparse.Namespace, pool: DecodePool) -> tuple[str, Forecast, float | None]:
    """The section that the spec is for, what its pipeline would do, and the budget."""
    from annotate.run.spec import spec_class

    section = section_of(args.config, args.overrides)
    spec = spec_class(section).read(args.config, args.overrides)
    forecast = import_module(f"{PIPELINES[section].package}.forecast").forecast
    return section, forecast(spec, pool), spec.section.budget_usd


def as_json(found: Forecast) -> dict[str, Any]:
    """The plan as data: `requests` is [least, most] of what is to be expected, tokens and dollars are estimates."""
    return {
        f"{found.kind}s": found.records,
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
                f"{found.kind}s": step.records,
                "requests": step.calls,
                "prompt_tokens": [round(tokens) for tokens in step.prompt],
                "completion_tokens": [round(tokens) for tokens in step.completion],
                "dollars": step.dollars,
            }
            for name, step in found.steps.items()
        },
    }


def as_table(section: str, found: Forecast, cap: float | None) -> list[str]:
    """The plan of the pipeline with this section, for a person."""
    head = ("step", "rows there", "requests", "tokens in", "tokens out", "dollars", "model")
    rows = [head, *(_row(name, step) for name, step in found.steps.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    left_out = [f"  left out: {count}: {why}" for why, count in found.left_out.items()]
    return [f"{found.records} {found.kind}s", *left_out, "", *lines, "", *_conclusions(section, found, cap)]


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


def _conclusions(section: str, found: Forecast, cap: float | None) -> list[str]:
    low, high = found.calls
    pipeline = PIPELINES[section]
    lines = [f"requests: {_range(low, high)}, {pipeline.expected} and no reply has to be asked for again"]
    if high:
        lines.append(
            f"requests: from {found.least:,}, {pipeline.least}, to {found.most:,}, if every reply has to be asked "
            "for again; failed requests that are repeated come on top"
        )
    if found.kept and high:
        lines.append(f"up to {found.kept} fewer: so many replies are paid for already that no row of these holds")
    if found.alike:
        lines.append(f"{found.alike} {found.kind}s have the content of another one; their replies are bought once")
    total = _total(found)
    if total is None:
        models = {model for step in found.steps.values() if step.dollars is None for model in step.models}
        lines.append(f"cost: not known, for there is no price for {', '.join(sorted(models))}; add one to the table")
    else:
        lines.append(
            f"cost: about {_dollars(*total)}, and ${found.most_dollars or 0:,.2f} if each reply is as long as it may be"
        )
    lines += _budget(found, cap, total)
    lines.append("tokens and cost are estimates: text at four bytes a token, media as the price table says, replies as "
                 "in this folder so far or as the prompts ask")  # fmt: skip
    return lines


def _budget(found: Forecast, cap: float | None, total: list[float] | None) -> list[str]:
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
