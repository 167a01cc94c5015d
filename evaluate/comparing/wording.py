"""Numbers as a person reads them, the same in the page, the Markdown and the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from demitasse.figure import Figure
from evaluate.metric import METRICS
from evaluate.records import Json
from evaluate.stats.power import ALPHA

MINUS = "\u2212"
MOST_SENTENCES = 6  # of the same kind; beyond, one says it of all
WITHOUT = {"blank": "blank frames", "none": "no video", "shuffled": "other items' videos"}  # `predict --frames`


def number(value: float | None, metric: str) -> str:
    """A mean: per cent for hits and misses, two decimals otherwise."""
    if value is None:
        return "\u2013"
    return f"{value:.1%}" if METRICS[metric].is_share else f"{value:.2f}"


def difference(value: float | None, metric: str) -> str:
    """A signed difference, in percentage points for hits and misses."""
    if value is None:
        return "\u2013"
    scaled = f"{100 * value:+.1f}" if METRICS[metric].is_share else f"{value:+.2f}"
    return scaled.replace("-", MINUS)


def interval(bounds: Sequence[float] | None, metric: str, signed: bool = True) -> str:
    """An interval in square brackets, "no interval" where there is none."""
    if bounds is None:
        return "[no interval]"
    write = difference if signed else number
    return f"[{', '.join(write(bound, metric) for bound in bounds)}]"


def p_value(p: float | None) -> str:
    """A p-value, never as zero."""
    if p is None:
        return "\u2013"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def alone(entry: Json) -> bool:
    """Whether a task's or metric's verdict holds for it alone: of so many, one as clear as that comes by chance."""
    p = entry.get("p_holm")
    return entry["verdict"] in ("improved", "worse") and p is not None and p >= ALPHA


def change(entry: Json) -> str:
    """One metric in a phrase: from, to, difference with interval, and what it rests on."""
    metric = entry["metric"]
    if not entry["n"]:
        return f"{entry['label']}: not judged"
    unit = " points" if METRICS[metric].is_share else ""
    return (
        f"{entry['label']}: {number(entry['before'], metric)} \u2192 {number(entry['after'], metric)}, "
        f"{difference(entry['delta'], metric)}{unit} {interval(entry['delta_ci95'], metric)}, "
        f"p {p_value(entry['p'])}, {entry['n']:,} items"
    )


def readings(result: Json) -> list[str]:
    """What a reader would get wrong: habits that look like skill, differences not seen, gains that need no video."""
    of_tasks = [sentence for task, entry in result["tasks"].items() for sentence in _readings(task, entry)]
    return [*of_tasks, *_unclear(result["tasks"]), *_unseen(result)]


def _unclear(tasks: Json) -> Iterator[str]:
    """Where a difference can be chance: a sentence a task, and of many tasks of a metric one for all of them."""
    unclear: dict[str, dict[str, float]] = {}
    for task, entry in tasks.items():
        if entry["verdict"] == "inconclusive" and entry.get("mde80") is not None:
            unclear.setdefault(entry["metric"], {})[task] = entry["mde80"]
    for metric, seen in unclear.items():
        for names in [[name] for name in seen] if len(seen) <= MOST_SENTENCES else [list(seen)]:
            told = sorted({difference(seen[name], metric)[1:] for name in names}, key=float)
            unit = " points" if METRICS[metric].is_share else ""
            bound = f"{told[0]}{unit}" if len(told) == 1 else f"{told[0]} to {told[-1]}{unit}, by task,"
            what = "difference can" if len(names) == 1 else "differences can each"
            yield (
                f"{_listed(names)}, inconclusive: the {what} be chance; one of {bound} or "
                "more would have been seen four times in five"
            )


def _unseen(result: Json) -> Iterator[str]:
    """Gains that the same student has without the video, as far as an arm that was asked so lies beside."""
    runs = {name: arm["run"] for name, arm in result["arms"].items()}
    student = runs[result["after"]].get("student")
    for name, run in runs.items():
        settings = run.get("settings")  # of another tool's header, whatever that means by it
        shown = str(settings.get("frames")) if isinstance(settings, dict) else ""
        if shown not in WITHOUT or name == result["after"] or run.get("student") != student:
            continue
        for entry in result["metrics"].values():
            beside = entry["after_against"].get(name)
            if entry["verdict"] == "improved" and beside and beside["verdict"] != "improved":
                yield (
                    f"{entry['label']}: nothing shows that {result['after']} does better than {name}, the same student "
                    f"with {WITHOUT[shown]}; so what it gained need not come from seeing"
                )


def _readings(task: str, entry: Json) -> Iterator[str]:
    habit = entry.get("habit")
    if habit and habit["majority"]:
        told = habit["arms"]
        given = " and ".join(f"{name} ({told[name]['given']:.0%})" for name in habit["no_better"])
        shares = {name: one["balanced_accuracy"] for name, one in told.items()}
        balanced = ", ".join(f"{name} {share:.0%}" for name, share in shares.items() if share is not None)
        yield (
            f"{task}, majority class: {habit['share']:.0%} of the references are \u201c{habit['answer']}\u201d, and "
            f"nothing shows that {given} does better than always saying so; balanced accuracy: {balanced}"
        )


def box_counts(boxes: Json) -> str:
    """How many boxes were given and what became of them."""
    given, wanted = boxes["predicted"], boxes["gold"]
    fates = ", ".join(f"{boxes[name]:,} {name}" for name in ("found", "invented", "missed", "malformed"))
    return f"{given:,} boxes for the references' {wanted:,}: {fates} (at IoU 0.5)"


def figures_line(found: Json, figures: Mapping[str, Figure], metric: str) -> str:
    """The figures of a metric besides its mean, with their intervals."""
    return ", ".join(f"{figure.label} {figure_cell(found[name], metric)}" for name, figure in figures.items())


def figure_cell(found: Json, metric: str) -> str:
    """One figure of an arm: its value and interval."""
    bounds = f" {interval(found['ci95'], metric, signed=False)}" if found["ci95"] else ""
    return f"{number(found['value'], metric)}{bounds}"


def change_cell(found: Json, metric: str) -> str:
    """One figure's paired change and its interval."""
    bounds = f" {interval(found['delta_ci95'], metric)}" if found["delta_ci95"] else ""
    return f"{difference(found['delta'], metric)}{bounds}"


def media(metrics: Iterable[str], many: bool = True) -> str:
    """What the metrics' items are about: "videos and images", or "video or image" of one."""
    named = set(metrics)
    kinds = dict.fromkeys(metric.medium for metric in METRICS.values() if metric.name in named)
    return " and ".join(f"{kind}s" for kind in kinds) if many else " or ".join(kinds)


def extent(items: int, clusters: int, metrics: Iterable[str]) -> str:
    """What scores are about, counted: "1,200 items of 100 videos", "1 item of 1 image"."""
    return f"{items:,} item{'s' if items != 1 else ''} of {clusters:,} {media(metrics, clusters != 1)}"


def verdict_sentence(entries: Sequence[Json], invalid: bool = False) -> str:
    """Which metrics improved, which got worse, and on which no difference can be told from chance."""
    if invalid:
        return "Nothing can be concluded from this comparison."
    by_chance = "{}, but not by Holm's p over the metrics"
    phrases = {
        ("improved", False): "better at {}",
        ("worse", False): "worse at {}",
        ("improved", True): f"perhaps better at {by_chance}",
        ("worse", True): f"perhaps worse at {by_chance}",
        ("inconclusive", False): "no difference to be told from chance in {}",
        ("one video", False): "one video is too few to tell for {}",
    }
    parts = []
    for verdict, phrase in phrases.items():
        named = [METRICS[entry["metric"]].short for entry in entries if (entry["verdict"], alone(entry)) == verdict]
        if named:
            parts.append(phrase.format(_listed(named)))
    sentence = "; ".join(parts) or "nothing was scored"
    return f"{sentence[0].upper()}{sentence[1:]}."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
