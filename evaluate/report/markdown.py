"""The report's tables in Markdown, for a pull request or a model card."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from demitasse.figure import Figure
from demitasse.visible import one_visible_line
from evaluate.calibrating.tell import told
from evaluate.comparing.boxes import COUNTS
from evaluate.comparing.boxes import FIGURES as BOX_FIGURES
from evaluate.comparing.cotasks import FIGURES as COTASK_FIGURES
from evaluate.comparing.wording import (
    alone,
    change_cell,
    difference,
    extent,
    figure_cell,
    interval,
    media,
    number,
    p_value,
    readings,
)
from evaluate.metric import GROUNDING, METRICS
from evaluate.records import Json
from evaluate.report.exact import exact_rows
from evaluate.report.published import HEAD, published_rows
from evaluate.report.reliability import judges


def markdown(result: Json) -> str:
    """Verdict, validity, metrics, tasks and arms of a comparison. Replies are left to the page."""
    parts = [f"# {_plain(result['verdict']['sentence'])}"]
    parts += [f"> {_plain(note)}" for note in [*result["invalid"], *result["complaints"], *result["notes"]]]
    about = [entry["metric"] for entry in result["metrics"].values()]
    parts += [
        f"{extent(result['items'], result['videos'], about)}; intervals are 95 %, clustered by "
        f"{media(about, many=False)}."
    ]
    parts += ["## Validity", _validity(result)]
    parts += [f"- {_plain(one['arm'])}: {_plain(warning)}." for one in judges(result) for warning in one["warnings"]]
    parts += ["## Metrics", _changes(result["metrics"], "metric")]
    parts += ["## Tasks", _changes(result["tasks"], "task")]
    parts += [f"- {_plain(sentence)}." for sentence in [*_macros(result), *readings(result)]]
    parts += ["## Arms", _arms(result)]
    exact = [[task, figure, *cells] for task, figure, cells in exact_rows(result)]
    if exact:
        parts += ["## Exact figures", _table(["task", "figure", *result["validity"]], exact)]
    if result["published"]:
        told_by = f"Published: {_plain(result['published']['what'])}; {_plain(result['published']['source'])}."
        parts += ["## Published, and ours", _table(HEAD, published_rows(result["published"], result["tasks"])), told_by]
    if result["calibration"]:
        parts += ["## Judge beside people", "\n".join(f"- {_plain(line)}" for line in told(result["calibration"]))]
    if GROUNDING.key in result["metrics"]:
        parts += ["## Boxes", _figures(result["metrics"][GROUNDING.key], "boxes", BOX_FIGURES, COUNTS)]
    for entry in result["metrics"].values():
        if "figures" in entry:
            parts += [f"## {entry['label']}", _figures(entry, "figures", COTASK_FIGURES[entry["metric"]])]
    if result["command"]:
        parts += ["## Made by", f"    {one_visible_line(result['command'])}"]
    return "\n\n".join(parts) + "\n"


def _validity(result: Json) -> str:
    names = ("items", "scored", "model_fault", "judge_fault", "not_judged", "cut_by_token_limit")
    arms = result["validity"]
    rows = [[name.replace("_", " "), *(f"{one[name]:,}" for one in arms.values())] for name in names]
    kinds = sorted({kind for one in arms.values() for kind in one["faults"]})
    rows += [
        [f"of these {kind.replace('_', ' ')}", *(f"{one['faults'].get(kind, 0):,}" for one in arms.values())]
        for kind in kinds
    ]
    rows += [["mean words", *(f"{one['mean_words']:.1f}" for one in arms.values())]]
    return _table(["", *arms], rows)


def _changes(entries: Json, what: str) -> str:
    rows = []
    for key, entry in entries.items():
        metric = entry["metric"]
        if not entry["n"]:
            rows.append([key, "0", "\u2013", "\u2013", entry["verdict"], "\u2013", "\u2013"])
            continue
        delta = f"{difference(entry['delta'], metric)} {interval(entry['delta_ci95'], metric)}"
        before, after = number(entry["before"], metric), number(entry["after"], metric)
        rows.append([key, f"{entry['n']:,}", before, after, delta, p_value(entry["p"]), _verdict(entry)])
    return _table([what, "n", "before", "after", "difference [95 %]", "p", "verdict"], rows)


def _verdict(entry: Json) -> str:
    habit = entry.get("habit")
    beside = ["majority class"] if habit and habit["majority"] else []
    beside += ["not by Holm's p"] if alone(entry) else []
    return f"{entry['verdict']} ({', '.join(beside)})" if beside else str(entry["verdict"])


def _macros(result: Json) -> Iterator[str]:
    """The mean over tasks of each metric that has several."""
    for entry in result["metrics"].values():
        found = entry["macro"]
        if found:
            cells = (number(found["before"], entry["metric"]), number(found["after"], entry["metric"]))
            delta = f"{difference(found['delta'], entry['metric'])} {interval(found['delta_ci95'], entry['metric'])}"
            yield f"{entry['label']}, mean of {found['tasks']} tasks: {cells[0]} \u2192 {cells[1]}, {delta}"


def _arms(result: Json) -> str:
    rows = []
    for name in result["validity"]:
        cells = []
        for entry in result["metrics"].values():
            arm = entry["arms"].get(name)
            shown = number(arm["mean"], entry["metric"]) if arm else "\u2013"
            cells.append(
                f"{shown} {interval(arm['ci95'], entry['metric'], signed=False)}" if arm and arm["n"] else shown
            )
        rows.append([name, *cells])
    return _table(["arm", *(METRICS[entry["metric"]].label for entry in result["metrics"].values())], rows)


def _figures(entry: Json, key: str, figures: Mapping[str, Figure], counts: Sequence[str] = ()) -> str:
    """Each arm's figures of a metric, which stand under `key`, and the paired change between the first two."""
    rows = []
    for name, arm in entry["arms"].items():
        cells = [figure_cell(arm[key][figure], entry["metric"]) for figure in figures]
        rows.append([name, *cells, *(f"{arm[key][count]:,}" for count in counts)])
    changes = [change_cell(entry[key][figure], entry["metric"]) for figure in figures]
    rows.append(["after \u2212 before", *changes, *[""] * len(counts)])
    return _table(["", *(figure.label for figure in figures.values()), *counts], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """One line without markup, links or pictures: names are data."""
    line = one_visible_line(text).replace("\\", "\\\\")
    return line.replace("&", "&amp;").replace("<", "&lt;").replace("](", "]\\(")
