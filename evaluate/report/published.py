"""Published figures of the same tasks, beside ours: what somebody else's judge or metric gave on somebody else's data.

    source: "Cosmos cookbook, SFT for AV video captioning and VQA (48a30c0)"
    what: judge's mean, 1 to 5, 1,000 clips
    tasks:
      weather: [4.22, 4.46]      # before, after

They are never compared with ours: the table only lays them side by side, and the mean over tasks is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from demitasse.config.source import NUMBER, Source, read_file
from demitasse.errors import ConfigError
from demitasse.prompts.file import nearest
from evaluate.comparing.wording import MINUS, difference, number
from evaluate.metric import METRICS
from evaluate.records import Json

HEAD = ("task", "published before", "after", "difference", "ours is", "before", "after", "difference")
_FIELDS = {"source", "page", "what", "tasks"}
_NONE = "\u2013"


def read_published(path: Path) -> Json:
    """A file of published figures: `source`, `page`, `what`, `tasks` as `[before, after]`, and `mean` over the tasks.

    Raises:
        ConfigError: naming the place and what is wrong there.
    """
    content = read_file(path).content
    fields = content if isinstance(content, dict) else {}
    for name, source in fields.items():
        if name not in _FIELDS:
            raise ConfigError(f"{source.place}: unknown field '{name}'{nearest(name, _FIELDS)}")
    tasks = fields["tasks"].content if "tasks" in fields else None
    if not isinstance(tasks, dict) or not tasks:
        raise ConfigError(f"{path} has no 'tasks'; write each as `weather: [4.22, 4.46]`, before and after")
    found = {task: _pair(task, source) for task, source in tasks.items()}
    told = {name: str(fields[name].content) if name in fields else "" for name in ("source", "page", "what")}
    return told | {"tasks": found, "mean": [fmean(pair[side] for pair in found.values()) for side in (0, 1)]}


def published_rows(published: Json, tasks: Json) -> list[list[str]]:
    """Cells by `HEAD`: a row a published task, and the mean of them all; `tasks` are the comparison's."""
    rows = [[task, *_theirs(pair), *_ours(tasks.get(task))] for task, pair in published["tasks"].items()]
    ours = _our_mean([tasks.get(task) for task in published["tasks"]])
    return [*rows, [f"mean of {len(rows)}", *_theirs(published["mean"]), *ours]]


def _pair(task: str, source: Source) -> list[float]:
    parts = source.content if isinstance(source.content, list) else []
    texts = [part.content for part in parts if isinstance(part.content, str)]
    if len(texts) != 2 or len(parts) != 2 or not all(NUMBER.fullmatch(text) for text in texts):
        raise ConfigError(f"{source.place}: '{task}' is {source.shown()}, but must be [before, after], two numbers")
    return [float(text) for text in texts]


def _theirs(pair: list[float]) -> list[str]:
    before, after = pair
    return [f"{before:.2f}", f"{after:.2f}", f"{after - before:+.2f}".replace("-", MINUS)]


def _our_mean(entries: Sequence[Json | None]) -> list[str]:
    """Our mean over the same tasks; none where one was not asked or not judged, or their metrics differ."""
    found = [entry for entry in entries if entry is not None and entry["n"]]
    if len(found) < len(entries) or len({entry["metric"] for entry in found}) > 1:
        return [_NONE] * 4
    means = {name: fmean(entry[name] for entry in found) for name in ("before", "after", "delta")}
    return _ours({**found[0], **means})


def _ours(entry: Json | None) -> list[str]:
    if entry is None:
        return ["not asked", *[_NONE] * 3]
    metric = entry["metric"]
    if not entry["n"]:
        return [METRICS[metric].short, *[_NONE] * 3]
    sides = [number(entry[side], metric) for side in ("before", "after")]
    return [METRICS[metric].short, *sides, difference(entry["delta"], metric)]
