"""What a stage cost and what came of it, read from the files that it wrote.

Costs are in the ledgers that every paid run keeps: `calls.jsonl`, a row for each reply, and `attempts.jsonl`, one for
each request that may have been billed without one. Results are in a training's `log.jsonl`, a report's `report.json`,
a judge's `judge.json`, the `split.json` of a split, and what `score --json` writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from demitasse.recipe.digest import Stamp
from demitasse.recipe.words import Words

LEDGERS = ("calls.jsonl", "attempts.jsonl")
METRIC = ("n", "before", "after", "delta", "delta_ci95", "p", "p_holm", "verdict")
STEP = ("step", "loss")
JUDGED = ("model", "rubric", "items", "scored", "unscored")
SCRIPTED = "scripted"  # the stand-in, which costs nothing
LONGEST = 64 << 10  # bytes of a table that is taken over whole

Json = dict[str, Any]


def cost_of(run: Path, before: Mapping[str, Stamp], after: Mapping[str, Stamp]) -> Json:
    """Requests and dollars of what was added to ledgers between two looks at the run; {} if nothing was.

    Dollars are None if a reply's price was not known.
    """
    rows = [row for file in after if PurePosixPath(file).name in LEDGERS for row in _added(run, file, before)]
    if not rows:
        return {}
    costs = [row.get("cost", 0.0 if row.get("asked") == SCRIPTED else None) for row in rows]
    known = [cost for cost in costs if cost is not None]
    dollars = round(sum(known), 6) if len(known) == len(rows) else None
    return {"requests": sum(row.get("attempts", 1) for row in rows), "dollars": dollars}


def _added(run: Path, file: str, before: Mapping[str, Stamp]) -> Iterator[Json]:
    import orjson

    with open(run / file, "rb") as lines:
        lines.seek(before[file][0] if file in before else 0)
        for line in lines:
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:  # what a kill left of a last line
                continue


def results_of(run: Path, words: Words, wrote: Iterable[str]) -> Json:
    """The main figures that a stage left."""
    found: Json = {}
    for file in wrote:
        read = _READERS.get((words.name, PurePosixPath(file).name))
        if read is not None:
            found[file] = read(run / file)
    if words.name == "score" and "--json" in words.words[:-1]:
        table = Path(words.words[words.words.index("--json") + 1])
        if table.is_file() and table.stat().st_size <= LONGEST:
            found[table.name] = _json(table)
    return found


def _report(path: Path) -> Json:
    report = _json(path)
    metrics = {name: _only(METRIC, entry) for name, entry in report.get("metrics", {}).items()}
    return {"sentence": report.get("verdict", {}).get("sentence", ""), "metrics": metrics}


def _last_step(path: Path) -> Json:
    steps = [row for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()) if "loss" in row]
    return _only(STEP, steps[-1]) if steps else {}


def _judged(path: Path) -> Json:
    return _only(JUDGED, _json(path))


def _split(path: Path) -> Json:
    return {side: len(ids) for side, ids in _json(path).items() if isinstance(ids, list)}


_READERS = {
    ("compare", "report.json"): _report,
    ("train", "log.jsonl"): _last_step,
    ("judge", "judge.json"): _judged,
    ("data", "split.json"): _split,
}


def _only(names: tuple[str, ...], entry: Mapping[str, Any]) -> Json:
    return {name: entry[name] for name in names if name in entry}


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
