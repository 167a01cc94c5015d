"""What the filters found, counted: `quality.json` for a script, `quality.md` for a person.

Every chosen filter accounts for every item: keep, drop and unknown add up to all of them. Nothing in either file
tells the time or what a run happened to pay, so that the same data and replies make the same files.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from annotate.quality.config import FILTERS, Quality
from annotate.quality.entry import Entry
from annotate.quality.letters import letter_balance
from annotate.quality.option_length import length_balance
from annotate.quality.pipeline import Filtered, is_dropped
from annotate.quality.verdict import Verdict
from demitasse.atomic import write_text
from demitasse.prompts import Pack

REPORT, SUMMARY = "quality.json", "quality.md"
FORMAT = "demitasse-quality-v1"
WORDS = ("keep", "drop", "unknown")


def summarise(filtered: Filtered, config: Quality, pack: Pack | None) -> dict[str, Any]:
    """All counts, JSON-able. `pack` is given where a model was asked."""
    entries, verdicts = filtered.entries, filtered.verdicts
    rejected = {entry.id for entry in entries if is_dropped(verdicts[entry.id], config)}
    kept = [entry for entry in entries if entry.id not in rejected]
    unjudged = [entry for entry in kept if any(one.word == "unknown" for one in verdicts[entry.id].values())]
    chosen = [name for name in FILTERS if name in config.filters]
    return {
        "format": FORMAT,
        "total": len(entries),
        "kept": len(kept),
        "rejected": len(rejected),
        "kept_unjudged": len(unjudged),
        "flag_only": [name for name in chosen if name in config.flag_only],
        "drop_unknown": config.drop_unknown,
        "filters": {name: _of_filter(name, entries, verdicts) for name in chosen},
        "tasks": _by_task(entries, rejected),
        "balance": {"before": _balance(filtered.before, config), "after": _balance(kept, config)},
        "models": filtered.models,
        "prompts": {"pack": pack.name, "hashes": {key: pack.hash(key) for key in pack.prompts}} if pack else {},
    }


def write_report(report: Mapping[str, Any], out: Path) -> None:
    """Write both files."""
    write_text(out / REPORT, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    write_text(out / SUMMARY, "\n".join(_markdown(report)) + "\n")


def last_line(report: Mapping[str, Any], out: Path) -> str:
    """All of it in one line."""
    dropped = [f"{name} {of['drop']}" for name, of in report["filters"].items() if of["drop"]]
    line = f"{report['total']} items: {report['kept']} kept, {report['rejected']} rejected"
    line += f" ({', '.join(dropped)})" if dropped else ""
    if report["kept_unjudged"]:
        line += f"; {report['kept_unjudged']} of the kept could not be judged by every filter"
    return f"{line}: {out}"


def _of_filter(name: str, entries: Sequence[Entry], verdicts: Mapping[str, Mapping[str, Verdict]]) -> dict[str, Any]:
    words: Counter[str] = Counter()
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    tasks: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        verdict = verdicts[entry.id][name]
        words[verdict.word] += 1
        tasks[entry.task][verdict.word] += 1
        if verdict.kind:
            kinds[verdict.word][verdict.kind] += 1
    return {
        **{word: words[word] for word in WORDS},
        "kinds": {word: dict(kinds[word].most_common()) for word in WORDS if kinds[word]},
        "tasks": {task: {word: tasks[task][word] for word in WORDS} for task in sorted(tasks)},
    }


def _by_task(entries: Sequence[Entry], rejected: set[str]) -> dict[str, dict[str, int]]:
    total = Counter(entry.task for entry in entries)
    lost = Counter(entry.task for entry in entries if entry.id in rejected)
    return {
        task: {"total": total[task], "kept": total[task] - lost[task], "rejected": lost[task]} for task in sorted(total)
    }


def _balance(entries: Sequence[Entry], config: Quality) -> dict[str, dict[str, Any]]:
    """By file the balance of letters and of options' lengths, where it has options."""
    found = {}
    for source in sorted({entry.source for entry in entries}):
        mine = [entry for entry in entries if entry.source == source]
        letters, lengths = letter_balance(mine, config.letters.tolerance), length_balance(mine)
        if letters:
            found[source] = {"letters": letters, "option_length": lengths}
    return found


def _markdown(report: Mapping[str, Any]) -> list[str]:
    lines = ["# Quality", "", f"{report['total']} items: {report['kept']} kept, {report['rejected']} rejected."]
    lines += [f"{report['kept_unjudged']} of the kept could not be judged by every filter.", ""]
    if report["flag_only"]:
        lines += [f"Only flagged, never rejected, by: {', '.join(report['flag_only'])}.", ""]
    if report["models"]:
        lines += ["Asked: " + ", ".join(f"{name} {_cell(model)}" for name, model in report["models"].items()) + ".", ""]
    lines += ["| filter | keep | drop | unknown |", "|---|---:|---:|---:|"]
    lines += [f"| {name} | {of['keep']} | {of['drop']} | {of['unknown']} |" for name, of in report["filters"].items()]
    lines += ["", "| task | items | kept | rejected |", "|---|---:|---:|---:|"]
    lines += [
        f"| {_cell(task)} | {of['total']} | {of['kept']} | {of['rejected']} |" for task, of in report["tasks"].items()
    ]
    lines += ["", "## Why", "", "| filter | verdict | reason | items |", "|---|---|---|---:|"]
    lines += list(_reasons(report["filters"]))
    return lines + _balance_lines(report["balance"])


def _reasons(filters: Mapping[str, Any]) -> list[str]:
    return [
        f"| {name} | {word} | {_cell(kind)} | {count} |"
        for name, of in filters.items()
        for word in ("drop", "unknown", "keep")
        for kind, count in of["kinds"].get(word, {}).items()
    ]


def _balance_lines(balance: Mapping[str, Any]) -> list[str]:
    if not balance["before"]:
        return []
    lines = ["", "## Options", ""]
    lines += ["| file | | options | items | right letters | balanced | longest is right | by chance |"]
    lines += ["|---|---|---:|---:|---|---|---:|---:|"]
    for source, when, found in (
        (source, when, balance[when].get(source)) for source in balance["before"] for when in ("before", "after")
    ):
        for size, letters in found["letters"].items() if found else ():
            counts = " ".join(f"{letter} {count}" for letter, count in letters["counts"].items())
            length = found["option_length"]
            lines.append(
                f"| {_cell(source)} | {when} | {size} | {letters['items']} | {counts} | "
                f"{'yes' if letters['balanced'] else 'no'} | {length['longest_is_right']:.2f} | "
                f"{length['chance']:.2f} ± {length['error']:.2f} |"
            )
    return lines


def _cell(text: str) -> str:
    """Text in a table of Markdown: on one line, and never a bar or a tag."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
