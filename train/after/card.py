"""The model card of an exported student: what it is, what it was made from and with, how it is asked, what it scored.

Everything in it is read from what training and evaluation wrote; what they did not write is said to be unknown.
Absolute paths stay out of it: they name machines and people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from demitasse.errors import DataError
from demitasse.student.family import TELLS_TIME
from demitasse.student.positions import servers
from demitasse.student.record import HowTrained

Json = dict[str, Any]
NOT_METRICS = ("step", "items", "seconds")
TRAINED, ROUNDS = "train.json", "validation.jsonl"
_DESCRIBED = {"file", "sha256", "license", "items"}
_LIMITS = """\
It is meant for questions like those it was trained on, about short videos and pictures. It was tuned to one way of
asking and to these frames: other frame rates, resolutions, prompts or languages cost accuracy. Its reasoning is text
that it learnt to write, not a record of how the answer came about. It repeats the mistakes and the leanings of its
base and of the models that wrote its training data; where a wrong answer does harm, a person has to look."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card tells.

    Attributes:
        name: of the student.
        family: transformers' model type.
        dtype: of the exported weights.
        asked: how it is to be asked; None if nobody wrote it down.
        training: `train.json` of its run; empty if it is not there.
        rounds: rows of the run's `validation.jsonl`.
        report: `report.json` of a comparison; empty for none.
        checks: sentences about what the export verified.
    """

    name: str
    family: str
    dtype: str
    asked: HowTrained | None = None
    training: Json = field(default_factory=dict)
    rounds: Sequence[Json] = ()
    report: Json = field(default_factory=dict)
    checks: Sequence[str] = ()


def read_report(path: Path | None) -> Json:
    """The report of `demitasse compare` at `path`, its folder or its `report.json`; empty for None.

    Raises:
        DataError: if it is none.
    """
    if path is None:
        return {}
    file = path / "report.json" if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["metrics"] and all(map(_is_compared, content["metrics"].values())):
            return dict(content)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass
    raise DataError(f"{file}: not a report.json with metrics in it; name a folder that `demitasse compare` wrote")


def _is_compared(metric: Json) -> bool:
    return metric.get("delta_ci95") is None or len(metric["delta_ci95"]) == 2


def read_run(run: Path) -> tuple[Json, list[Json]]:
    """What the run beside the student's folder wrote of itself, and its rounds of validation; empty where it did not.

    Raises:
        DataError: if its `train.json` is none.
    """
    from train.track.ledger import read_ledger  # not above: it brings torch, and the arguments are read without

    return _read_training(run / TRAINED), read_ledger(run / ROUNDS)


def _read_training(path: Path) -> Json:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if {"model", "data"} <= content["config"].keys() and all(file.keys() >= _DESCRIBED for file in content["data"]):
            return dict(content)
    except (ValueError, LookupError, TypeError, AttributeError):
        pass
    raise DataError(f"{path}: damaged; copy it there again, or delete it and the card will know nothing of the run")


def card(facts: Facts) -> str:
    """The card, in Markdown with the Hub's YAML before it."""
    from huggingface_hub import ModelCard

    front = yaml.safe_dump(_front(facts), sort_keys=False, allow_unicode=True)
    parts = (_opening(facts), _asking(facts), _data(facts), _training(facts), _results(facts), _checks(facts))
    text = f"---\n{front}---\n\n" + "\n".join(part for part in parts if part)
    return str(ModelCard(text))  # reads the YAML as the Hub would, and refuses what it cannot


def _front(facts: Facts) -> Json:
    tags = [
        "demitasse",
        "video-reasoning",
        facts.family,
        facts.training.get("config", {}).get("model", {}).get("method", ""),
    ]
    front: Json = {
        "library_name": "transformers",
        "pipeline_tag": "video-text-to-text",
        "tags": [tag for tag in tags if tag],
    }
    if base := _hub_name(facts):
        front |= {"base_model": base, "base_model_relation": "finetune"}
    return front


def _hub_name(facts: Facts) -> str:
    """The base's name at the Hub; empty where its folder did not tell it."""
    base = facts.asked.base if facts.asked else ""
    return base if "/" in base else ""


def _opening(facts: Facts) -> str:
    base = (facts.asked.base if facts.asked else "") or "an unknown base"
    items = sum(sum(file["items"].values()) for file in facts.training.get("data", []))
    learnt = f" on {items:,} items" if items else ""
    tasks = f" Its tasks: {', '.join(map(_cell, facts.asked.tasks))}." if facts.asked and facts.asked.tasks else ""
    return (
        f"# {_cell(facts.name)}\n\n"
        f"A `{facts.family}` student, trained from {_cell(base)}{learnt} to answer questions about videos and "
        f"pictures. The weights are {facts.dtype}.{tasks} Made with Demitasse.\n\n"
        f"## Intended use and limits\n\n{_LIMITS}\n"
    )


def _asking(facts: Facts) -> str:
    if facts.asked is None:
        return "## How it is asked\n\nNobody wrote down what frames and prompts it was trained with.\n"
    frames = facts.asked.frames
    rows: list[tuple[str, object]] = [("frames a second", frames.fps), ("most frames of a video", frames.max_frames)]
    rows += [("fewest frames of a video", frames.min_frames)]
    bounds = {"most pixels of a frame": frames.max_pixels, "fewest pixels of a frame": frames.min_pixels}
    bounds["most pixels of a video's frames together"] = frames.video_pixels
    rows += [(name, value or "the processor's own") for name, value in bounds.items()]
    rows += [("response mode", facts.asked.response_mode)]
    rows += [("positions behind a video", facts.asked.positions)] if facts.family in TELLS_TIME else []
    commands, others = servers(facts.family, facts.asked.positions)
    shown = "\n".join([*commands, "demitasse predict --model MODEL --data DATA --out RUN"])
    prompt = facts.asked.system_prompt
    system = f"The system prompt, before every question:\n\n{_fenced(prompt)}\n" if prompt else "No system prompt.\n"
    return (
        "## How it is asked\n\nAs it was trained; `demitasse.json` says the same, and `demitasse predict` reads it.\n\n"
        f"{_table(('setting', 'value'), rows)}\n\n{system}\n"
        f"```\n{shown}\n```\n" + (f"\n{others}\n" if others else "")
    )


def _data(facts: Facts) -> str:
    files = facts.training.get("data")
    if not files:
        return "## Training data\n\nUnknown: the run's `train.json` was not beside the student.\n"
    rows = [
        (
            _public(file["file"]),
            sum(file["items"].values()),
            ", ".join(f"{task} {count:,}" for task, count in sorted(file["items"].items())),
            file["license"] or "not given",
            file["sha256"][:16],
        )
        for file in files
    ]
    return f"## Training data\n\n{_table(('file', 'items', 'by task', 'licence', 'sha256'), rows)}\n"


def _training(facts: Facts) -> str:
    config = facts.training.get("config")
    if not config:
        return ""
    versions = ", ".join(f"{name} {number}" for name, number in facts.training.get("versions", {}).items())
    text = yaml.safe_dump({"train": _published(config)}, sort_keys=False, allow_unicode=True, width=110)
    return (
        f"## Training\n\nWith {versions}. The whole configuration:\n\n"
        f"<details><summary>train</summary>\n\n{_fenced(text.rstrip(), 'yaml')}\n\n</details>\n"
    )


def _published(value: Any) -> Any:
    """The configuration with absolute paths cut to their last name, and no tuples."""
    if isinstance(value, dict):
        return {name: _published(content) for name, content in value.items()}
    if isinstance(value, list | tuple):
        return [_published(content) for content in value]
    return _public(value) if isinstance(value, str) else value


def _public(path: str) -> str:
    return Path(path).name if Path(path).is_absolute() else path


def _results(facts: Facts) -> str:
    parts = [part for part in (_validation(facts), _report(facts.report)) if part]
    return "## Results\n\n" + ("\n\n".join(parts) or "None were found beside the run.") + "\n"


def _validation(facts: Facts) -> str:
    """The first round on held-out items, and the one at the step that the student is of."""
    if not facts.rounds:
        return ""
    first, step = facts.rounds[0], facts.training.get("step")
    own = [row for row in facts.rounds[1:] if row.get("step") == step]
    shown = [first, *own[-1:]]
    names = [name for name in shown[-1] if name not in NOT_METRICS and isinstance(shown[-1][name], int | float)]
    rows = [(name, *(_figure(row.get(name)) for row in shown)) for name in names]
    head = ("held-out items, while training", *(f"step {row.get('step')}" for row in shown))
    return _table(head, rows)


def _report(report: Json) -> str:
    if not report:
        return ""
    rows = [
        (row.get("label", name), row.get("n"), *map(_figure, (row.get("before"), row.get("after"))), _change(row))
        for name, row in report["metrics"].items()
    ]
    before, after = _cell(report.get("before", "before")), _cell(report.get("after", "after"))
    sentence = _cell(report.get("verdict", {}).get("sentence", ""))
    return _table(("metric", "items", before, after, "change, 95 % interval"), rows) + f"\n\n{sentence}"


def _change(row: Json) -> str:
    ends = row.get("delta_ci95")
    interval = f" ({_figure(ends[0])} to {_figure(ends[1])})" if ends else ""
    return f"{_figure(row.get('delta'))}{interval}"


def _checks(facts: Facts) -> str:
    return "## What was checked\n\n" + "\n".join(f"- {line}" for line in facts.checks) + "\n" if facts.checks else ""


def _figure(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, int | float) else "–"


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    """Text as it stands in a table or a sentence: data, never Markdown or HTML."""
    return re.sub(r"([\\`*_|<>\[\]#])", r"\\\1", " ".join(str(value).split()))


def _fenced(text: str, language: str = "") -> str:
    """The text in a fence that is longer than any within it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
