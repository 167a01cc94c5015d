"""How far the judge can be trusted: what it is, how it repeats itself, and what it says where the answer is known."""

from __future__ import annotations

from collections.abc import Iterator

from evaluate.judging.moved import told
from evaluate.records import Json

DASH = "\u2013"
CONTROLS = {
    "shuffled_reference": "beside another item's reference (must fall to the bottom)",
    "gold_as_answer": "the reference given as the answer (must reach the top)",
}
PROBES = {"order": "the answer before the reference", "verbosity": "the answer said twice over"}


def judges(result: Json) -> list[Json]:
    """A row for each judged arm: `{"arm", "cells": [(name, text)], "warnings": [sentence]}`."""
    return [
        {"arm": name, "cells": list(_about(arm["judge"])), "warnings": _warnings(arm["judge"])}
        for name, arm in result["arms"].items()
        if arm["judge"]
    ]


def checks(result: Json) -> list[list[str]]:
    """Rows (arm, judge, what was tried, result) of controls, probes, repeats and agreement between judges."""
    return [[name, *row] for name, arm in result["arms"].items() if arm["judge"] for row in _checks(arm["judge"])]


def _about(judge: Json) -> Iterator[tuple[str, str]]:
    yield "judge", str(judge.get("model", DASH))
    yield "who answered", told(judge.get("answered") or {}) or DASH
    yield "rubric", str(judge.get("rubric", DASH))
    yield "sees", f"text and {judge['frames']} frames" if judge.get("frames") else "text alone"
    yield "asked of an item", f"{judge['repeats']} times" if judge.get("repeats", 1) > 1 else "once"
    yield "requests", f"{judge.get('requests', 0):,}, {judge.get('cache_hits', 0):,} answers found from before"
    if judge.get("cost_so_far") is not None:
        yield "cost", f"${judge['cost_so_far']:.2f}"
    if judge.get("latency"):
        yield "seconds a reply", f"{judge['latency']['median']:.2f} (median)"


def _warnings(judge: Json) -> list[str]:
    told = list(judge.get("validity", {}).get("warnings", []))
    for name, what in CONTROLS.items():
        for model, marks in judge.get("controls", {}).get(name, {}).get("judges", {}).items():
            told += [
                f"the judge {model} fails a control, {what}: mean {one['mean']:.2f}, limit {one['limit']:.2f}"
                for one in marks.values()
                if one["holds"] is False
            ]
    return told


def _checks(judge: Json) -> Iterator[list[str]]:
    for name, what in CONTROLS.items():
        for model, marks in judge.get("controls", {}).get(name, {}).get("judges", {}).items():
            for one in marks.values():
                yield [model, what, f"mean {_bounded(_number(one['mean']), one['ci95'])}, n = {one['n']}"]
    for name, what in PROBES.items():
        for model, marks in judge.get("probes", {}).get(name, {}).get("judges", {}).items():
            for one in marks.values():
                same = "" if one["exact"] is None else f", {one['exact']:.0%} the same"
                yield [
                    model,
                    what,
                    f"changes by {_bounded(_signed(one['change']), one['ci95'])}{same}, n = {one['n']}",
                ]
    found = judge.get("agreement", {})
    for model, marks in found.get("test_retest", {}).items():
        for one in marks.values():
            yield [model, "asked again", f"exact {_figure(one['exact'])}, SD {_number(one['sd'])}"]
    for mark in found.get("between_judges", {}).values():
        for pair in mark["pairs"]:
            what = "exact {}, within one {}, weighted \u03ba {}, bias {}".format(
                *(_figure(pair[name]) for name in ("exact", "within_one", "kappa", "bias"))
            )
            yield [" and ".join(pair["judges"]), "against each other", f"{what}, n = {pair['items']}"]


def _figure(found: Json | None) -> str:
    """A figure of agreement with its interval, or why there is none."""
    if not found or found.get("value") is None:
        return DASH if not found else f"{DASH} ({found.get('reason') or 'unknown'})"
    return _bounded(f"{found['value']:.2f}".replace("-", "\u2212"), found.get("interval"))


def _bounded(number: str, bounds: list[float] | None) -> str:
    """A number with its interval, if it has one."""
    return f"{number} {_interval(bounds)}".strip()


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.2f}"


def _signed(value: float | None) -> str:
    return DASH if value is None else f"{value:+.2f}".replace("-", "\u2212")


def _interval(bounds: list[float] | None) -> str:
    return f"[{bounds[0]:.2f}, {bounds[1]:.2f}]".replace("-", "\u2212") if bounds else ""
