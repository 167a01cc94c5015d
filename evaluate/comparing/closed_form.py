"""What a task with closed answers is besides its mean: figures that no judge gives, over the scored rows of one arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from demitasse.figure import Figure
from evaluate.comparing.ratios import figure_value
from evaluate.comparing.wording import interval, number
from evaluate.metric import BINARY, CLOSED, GRADED, MCQ, MULTI, TEMPORAL, Metric
from evaluate.records import Json, Scored
from evaluate.score.grounding import reaches
from evaluate.stats import (
    Agreement,
    Estimate,
    balanced_accuracy,
    class_error,
    class_kappa,
    clustered_mean,
    confusion,
    proportion,
)

CLASSES = (MCQ, BINARY, CLOSED, GRADED)
RECALLS = (0.3, 0.5, 0.7)  # IoU at which a span counts as found: Charades-STA's R@1
LABEL_FIGURES = {
    "exact": Figure("exact sets", lambda one: one["exact"], lambda _: 1),
    "jaccard": Figure("Jaccard", lambda one: one["jaccard"], lambda _: 1),
    "precision": Figure("precision of labels", lambda one: one["shared"], lambda one: one["given"]),
    "recall": Figure("recall of labels", lambda one: one["shared"], lambda one: one["gold"]),
}


def closed_form(rows: Sequence[Scored], metric: Metric) -> Json:
    """The figures of one task's rows, each `{"value", "ci95", "n"}`, by name; empty for a metric that has none.

    Of classes: `balanced_accuracy`, `constant` (always giving the commonest reference), `gold` and `given` (how often
    each class was right, and was answered; "" where nothing could be read) and `confusion`; of graded ones also
    `mean_off` (classes) and `kappa` (quadratic weights). Of sets of labels: `LABEL_FIGURES`. Of time spans: `r_at_0.3`
    and so on, and how far starts and ends are off in seconds, over the replies that could be read.
    """
    if not rows:
        return {}
    if metric in CLASSES:
        return _of_classes(rows) | (_of_grades(rows) if metric is GRADED else {})
    details, videos = [row.detail for row in rows], [row.asked.video_id for row in rows]
    if metric is MULTI:
        return {name: figure_value(figure, details, videos) for name, figure in LABEL_FIGURES.items()}
    return _of_spans(rows) if metric is TEMPORAL else {}


def _of_classes(rows: Sequence[Scored]) -> Json:
    gold, given, videos = _columns(rows)
    counts, answers = Counter(gold), Counter(one or "" for one in given)
    return {
        "balanced_accuracy": _told(balanced_accuracy(gold, given, videos)),
        "constant": max(counts.values()) / len(rows),
        "gold": dict(sorted(counts.items())),
        "given": dict(sorted(answers.items())),
        "confusion": confusion(gold, given),
    }


def _of_grades(rows: Sequence[Scored]) -> Json:
    """By the order of the classes; None where the items declare different ones."""
    orders = {tuple(row.detail["order"]) for row in rows}
    if len(orders) > 1:
        return {"mean_off": None, "kappa": None}
    columns = _columns(rows)
    order = orders.pop()
    return {
        "mean_off": _agreed(class_error(columns[0], columns[1], order, columns[2])),
        "kappa": _agreed(class_kappa(columns[0], columns[1], order, columns[2])),
    }


def _of_spans(rows: Sequence[Scored]) -> Json:
    videos = [row.asked.video_id for row in rows]
    found: Json = {
        f"r_at_{threshold}": _told(proportion([reaches(row.score or 0.0, threshold) for row in rows], videos))
        for threshold in RECALLS
    }
    read = [row for row in rows if row.value is not None]
    for name, place in (("start_off", 0), ("end_off", 1)):
        off = [abs(row.value[place] - row.gold[place]) for row in read]
        found[name] = _told(clustered_mean(off, [row.asked.video_id for row in read])) if read else None
        if found[name] and found[name]["ci95"]:
            found[name]["ci95"][0] = max(0.0, found[name]["ci95"][0])
    return found


def _columns(rows: Sequence[Scored]) -> tuple[list[str], list[str | None], list[str]]:
    return [str(row.gold) for row in rows], [row.value for row in rows], [row.asked.video_id for row in rows]


def _told(estimate: Estimate | None) -> Json | None:
    if estimate is None:
        return None
    return {"value": estimate.mean, "ci95": list(estimate.interval) if estimate.interval else None, "n": estimate.n}


def _agreed(found: Agreement) -> Json:
    interval = list(found.interval) if found.interval else None
    return {"value": found.value, "ci95": interval, "n": found.n} | ({"why": found.reason} if found.reason else {})


def closed_form_lines(found: Json, metric: str) -> Iterator[str]:
    """The figures as lines for the terminal."""
    if "confusion" in found:
        balanced = found["balanced_accuracy"]
        told = _cell(balanced, metric) if balanced else "none, for the references are all one class"
        yield f"balanced accuracy {told}; the commonest reference alone {number(found['constant'], metric)}"
        yield f"answered {_counts(found['given'])}; right is {_counts(found['gold'])}"
    if found.get("kappa"):
        off, kappa = found["mean_off"], found["kappa"]
        weighted = _cell(kappa, "judge") if kappa["value"] is not None else f"none ({kappa['why']})"
        yield f"classes off, mean {_cell(off, 'judge')}; quadratic weighted kappa {weighted}"
    if "jaccard" in found:
        yield ", ".join(f"{figure.label} {_cell(found[name], 'multi')}" for name, figure in LABEL_FIGURES.items())
    if "start_off" in found:
        yield ", ".join(f"R@{threshold} {_cell(found[f'r_at_{threshold}'], 'mcq')}" for threshold in RECALLS)
        sides = [(name, found[f"{name}_off"]) for name in ("start", "end")]
        yield ", ".join(f"{name} off by {_cell(one, 'judge')} s" for name, one in sides if one)


def _cell(found: Json, metric: str) -> str:
    bounds = f" {interval(found['ci95'], metric, signed=False)}" if found["ci95"] else ""
    return f"{number(found['value'], metric)}{bounds}"


def _counts(counts: Json) -> str:
    return ", ".join(f"{name or 'nothing readable'}: {count}" for name, count in counts.items())
