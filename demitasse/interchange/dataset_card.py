"""The dataset card: what is in a published dataset, who wrote it, what it was filtered by, under which licence.

Everything in it is counted from the items or taken from the files. A licence is only what the files say. Names of
models, prompts and tasks are data, and escaped.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from demitasse.dataset import Item, TaskFile

Splits = Mapping[str, Sequence[TaskFile]]

# Licences that the hub knows by these names; any other is `other` with its name beside it.
_HUB_LICENSES = {
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "odc-by", "odbl", "pddl", "cdla-permissive-2.0"),
    *(
        f"cc-by{terms}-{version}"
        for terms in ("", "-sa", "-nc", "-nd", "-nc-sa", "-nc-nd")
        for version in ("3.0", "4.0")
    ),
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_CATEGORIES = {"video-folder": "video-text-to-text", "image-folder": "visual-question-answering"}
_ORIGINS = ("teacher asked", "teacher that answered", "prompt pack", "prompt and its hash", "none given")
_ABSOLUTE = re.compile(r"(?:/|[A-Za-z]:\\)[^\s/\\][^\n]*[\\/][^\n]+")
_MARKUP = re.compile(r"([\\`*_\[\]|#~])")


def card(splits: Splits, media: int, title: str, layout: str) -> str:
    """The text of README.md for a dataset whose rows lie in `<split>/metadata.jsonl`."""
    items = [item for files in splits.values() for file in files for item in file.items]
    kind = "videos" if layout == "video-folder" else "images"
    blocks = [
        f"---\n{yaml.safe_dump(_header(splits, len(items), title, layout), sort_keys=False, allow_unicode=True)}---",
        f"# {_text(title)}",
        f"{len(items):,} questions about {media:,} {kind}, each with its answer and the reasoning that leads to it.",
        *_descriptions(splits),
        "## Contents",
        _table(("task", *splits), _task_rows(splits)),
        "Each row of `metadata.jsonl` is one item: `file_name` (the medium beside it), `task`, `question`, `answer`, "
        "`reasoning`, `item_index`, and `extra`, JSON text with everything else that is known of the item.",
        '```python\nfrom datasets import load_dataset\n\ndata = load_dataset("path/or/name/of/this/dataset")\n```',
        "## Where it comes from",
        _table(("what", "which", "items"), _origin_rows(items)),
        *_filters(items),
        *_review(items),
        "## Licence",
        _license_text(splits),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def portable(value: Any) -> Any:
    """A JSON value in which a text that is an absolute path is the path's last part: a teacher's folder, say."""
    if isinstance(value, dict):
        return {key: portable(content) for key, content in value.items()}
    if isinstance(value, list):
        return [portable(content) for content in value]
    if isinstance(value, str) and _ABSOLUTE.fullmatch(value):
        return re.split(r"[\\/]", value.rstrip("\\/"))[-1]
    return value


def _header(splits: Splits, items: int, title: str, layout: str) -> dict[str, Any]:
    data_files = [{"split": split, "path": f"{split}/**"} for split in splits]
    return {
        **_license_header(_licenses(splits)),
        "pretty_name": title,
        "task_categories": [_CATEGORIES[layout]],
        "size_categories": [next((name for limit, name in _SIZES if items < limit), "n>1M")],
        "configs": [{"config_name": "default", "data_files": data_files}],
    }


def _license_header(licenses: Sequence[str]) -> dict[str, Any]:
    """Empty if none is given: the hub then shows none, which is the truth."""
    known = [name.lower() for name in licenses if name.lower() in _HUB_LICENSES]
    if not licenses:
        return {}
    if len(known) == len(licenses):
        return {"license": known[0] if len(known) == 1 else known}
    return {"license": "other", "license_name": ", ".join(licenses)}


def _license_text(splits: Splits) -> str:
    licenses = _licenses(splits)
    if not licenses:
        return "No licence is given. That is no permission: ask whoever made the dataset before you use it."
    without = sorted({file.task for files in splits.values() for file in files if not file.license})
    told = ", ".join(_text(name) for name in licenses)
    return told + (f". Not given for: {', '.join(_text(task) for task in without)}." if without else "")


def _licenses(splits: Splits) -> list[str]:
    return sorted({file.license for files in splits.values() for file in files} - {""})


def _descriptions(splits: Splits) -> Iterator[str]:
    """What the files say of themselves, each sentence once."""
    told = {file.description: file.task for files in splits.values() for file in files if file.description}
    lines = [f"- {_text(task)}: {_text(text)}" for text, task in told.items()]
    if lines:
        yield "\n".join(lines)


def _task_rows(splits: Splits) -> Iterator[tuple[str, ...]]:
    counts = {split: Counter(f.task_of(item) for f in files for item in f.items) for split, files in splits.items()}
    tasks = sorted({task for of_split in counts.values() for task in of_split})
    for task in tasks:
        yield (task or "(none)", *(f"{of_split[task]:,}" for of_split in counts.values()))
    yield ("all", *(f"{of_split.total():,}" for of_split in counts.values()))


def _origin_rows(items: Iterable[Item]) -> Iterator[tuple[str, ...]]:
    """Teachers, packs and prompts by the items' provenance; those without are counted too."""
    found: Counter[tuple[str, str]] = Counter()
    for item in items:
        told = item.extra.get("provenance")
        if not isinstance(told, dict):
            found["none given", "-"] += 1
            continue
        found.update(set(_origins(told)))
    for (what, which), count in sorted(found.items(), key=lambda one: (_ORIGINS.index(one[0][0]), one[0][1])):
        yield what, which, f"{count:,}"


def _origins(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, what in (("asked", "teacher asked"), ("answered", "teacher that answered")):
        names = told.get(key)
        yield from ((what, portable(str(name))) for name in (names if isinstance(names, list) else ()))
    if told.get("pack"):
        yield "prompt pack", portable(str(told["pack"]))
    templates = told.get("templates")
    for key, digest in templates.items() if isinstance(templates, dict) else ():
        yield "prompt and its hash", f"{key} {digest}"


def _filters(items: Iterable[Item]) -> Iterator[str]:
    found: Counter[tuple[str, str]] = Counter()
    for item in items:
        quality = item.extra.get("quality")
        for name, said in quality.items() if isinstance(quality, dict) else ():
            verdict = said.get("verdict", "") if isinstance(said, dict) else said
            found[str(name), str(verdict)] += 1
    if found:
        yield "## Filters"
        yield "What the filters said of the items that are here."
        yield _table(("filter", "verdict", "items"), ((*key, f"{count:,}") for key, count in sorted(found.items())))


def _review(items: Sequence[Item]) -> Iterator[str]:
    marks = [item.extra["review"] for item in items if isinstance(item.extra.get("review"), dict)]
    if marks:
        counts = Counter(str(mark.get("decision")) for mark in marks)
        yield "## Review"
        yield (
            f"A person looked at {len(marks):,} of the {len(items):,} items: {counts['accept']:,} were accepted as "
            f"they were, {counts['edit']:,} were corrected. Rejected ones are not here."
        )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(_text(cell) for cell in row)} |" for row in (header, *rows)]
    return "\n".join((lines[0], "|" + " --- |" * len(header), *lines[1:]))


def _text(text: str) -> str:
    """Text as Markdown shows it: on one line, no markup of its own."""
    return _MARKUP.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))
