"""The folders that the page understands: results of annotation, dataset files, and a student's predictions."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from demitasse.dataset import Item, TaskFile, read, read_folder, read_parts
from demitasse.dataset.schema import TASKS
from demitasse.engine.journal import read_rows
from demitasse.errors import DataError
from demitasse.labels import OF_ITEM
from demitasse.view.contents import Entry, Mark, MediaTable, Medium, Review, Tone, boxes_of
from demitasse.view.pictures import add_pictures, is_picture_results
from demitasse.view.timeline import add_captions, is_results

STEP_4 = "step_4_output"  # TAO's name
QUALITY = "quality"  # the extra field with the filters' verdicts
_TONES: dict[str, Tone] = {
    **dict.fromkeys(("pass", "passed", "keep", "kept", "ok", "good", "right", "true"), "good"),
    **dict.fromkeys(("fail", "failed", "drop", "dropped", "reject", "bad", "wrong", "false"), "bad"),
}
_EXACT = 1.0
_DIGITS = re.compile(r"([0-9]+)")


def open_review(path: Path, media: Path | None = None, captions: Path | None = None) -> Review:
    """Read what there is to look at.

    Args:
        path: a results folder of `annotate video`, a dataset file, a folder of them (or of train/ and eval/), or a
            run folder of `demitasse predict`, or a results folder of `annotate image`.
        media: the folder of the media, if it is not the one that the data name.
        captions: a results folder of `annotate video` whose captions are shown with the same videos.

    Raises:
        DataError: if it is none of these, or something in it is damaged.
    """
    if not path.exists():
        raise DataError(f"{path} is not there; give a folder of annotations, dataset files or predictions")
    review = Review(Path(os.path.abspath(path)).name)
    table = MediaTable(review, media)
    if path.is_dir() and (path / "predictions.jsonl").is_file():
        _add_predictions(review, table, path)
    elif is_picture_results(path):
        add_pictures(review, table, path)
    elif path.is_dir() and is_results(path):
        _add_results(review, table, path)
    else:
        _add_files(review, table, [file for files in dataset_parts(path).values() for file in files])
    if captions is not None:
        _add_foreign_captions(review, captions)
    _put_in_order(review)
    return review


def _add_foreign_captions(review: Review, folder: Path) -> None:
    if not is_results(folder):
        raise DataError(f"--captions {folder} is no results folder of `annotate video`; name the one of these videos")
    known = {medium.name: medium for medium in review.media}
    add_captions(folder, lambda name: known.get(name) or Medium(name))


def _put_in_order(review: Review) -> None:
    """Media by name, numbers in it by value; items by medium and task. Journals are in the order of finishing."""
    order = sorted(range(len(review.media)), key=lambda index: _by_number(review.media[index].name))
    places = {index: place for place, index in enumerate(order)}
    review.media[:] = [review.media[index] for index in order]
    for entry in review.entries:
        entry.medium = places[entry.medium]
    review.entries.sort(key=lambda entry: (entry.medium, _task_place(entry.task)))


def _by_number(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in _DIGITS.split(name)]


def dataset_parts(path: Path) -> dict[str, list[TaskFile]]:
    """The dataset files of a file, of a folder, or of the folders in it, by folder; of results, those of step 4.

    Raises:
        DataError: if there are none, or one cannot be read.
    """
    if not path.is_dir():
        return {"": [read(path)]}
    if is_results(path):
        return {"": read_folder(path / STEP_4)}
    return read_parts(path)


def _add_results(review: Review, table: MediaTable, folder: Path) -> None:
    written = folder / STEP_4
    files = read_folder(written) if any(written.glob("*.json")) else []  # the run may not have come so far
    root = files[0].media_folder if files else _video_root(folder)

    def medium_of(name: str) -> Medium:
        return review.media[table.index(name, root)]

    add_captions(folder, medium_of)
    _add_files(review, table, files)


def _video_root(folder: Path) -> Path | None:
    """The videos' folder, by the configuration that `annotate video` saved beside its results."""
    try:
        spec = yaml.safe_load((folder / "annotate.yaml").read_text(encoding="utf-8"))
        data = spec["video_reasoning_annotation"]["data"]
        return Path(data["video_root"] or Path(data["input_jsonl_files"][0]).parent)
    except (OSError, yaml.YAMLError, KeyError, TypeError, IndexError, UnicodeDecodeError):
        return None


def _add_files(review: Review, table: MediaTable, files: Iterable[TaskFile]) -> None:
    for file in files:
        for item in file.items:
            index = table.index(item.media_id, file.media_folder)
            entry = Entry(item, file.task_of(item), index, _quality_marks(item.extra), boxes=boxes_of(item.extra))
            review.entries.append(entry)
            length = item.extra.get("provenance", {})
            if review.media[index].length is None and isinstance(length, dict):
                review.media[index].length = _number(length.get("video_length"))


def _add_predictions(review: Review, table: MediaTable, run: Path) -> None:
    review.decidable = False
    review.notes.append("These are predictions, to be looked at. Decisions are taken about the dataset itself.")
    replies = {row.get("item_id"): row for row in read_rows(run / "predictions.jsonl")}
    scores: defaultdict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for row in read_rows(run / "scores.jsonl") if _has(run, "scores.jsonl") else ():
        scores[(row.get("extra") or {}).get(OF_ITEM) or row.get("item_id")].append(row)
    if not scores:
        review.notes.append(f"They are not scored yet: `demitasse score {review.title}` does that.")
    asked = read_rows(run / "items.jsonl") if _has(run, "items.jsonl") else iter(replies.values())
    folders = _predicted_media(run)
    for row in asked:
        name = str(row.get("video_id", ""))
        extra = row.get("extra")
        reply = replies.get(row.get("item_id"), {"response": "", "finish": "missing"})
        item = Item(str(row.get("question", "")), str(row.get("reference", "")), video_id=name)
        item.extra |= extra if isinstance(extra, dict) else {}
        index = table.index(name, folders.get(name))
        marks = _score_marks(reply, scores[row.get("item_id")])
        review.entries.append(Entry(item, str(row.get("task", "")), index, marks, str(reply.get("response", ""))))


def _predicted_media(run: Path) -> dict[str, Path]:
    """The media folder of each id that was asked about, by the dataset files that the run names, where they are."""
    found: dict[str, Path] = {}
    if not _has(run, "run.json"):
        return found
    header = yaml.safe_load((run / "run.json").read_text(encoding="utf-8"))
    for entry in header.get("data", ()):
        path = Path(str(entry.get("file")))
        if path.is_file():
            file = read(path)
            found |= {item.media_id: file.media_folder for item in file.items}
    return found


def _has(run: Path, name: str) -> bool:
    return (run / name).is_file()


def _quality_marks(extra: Mapping[str, Any]) -> list[Mark]:
    """The filters' verdicts; a filter says of an item what it likes, and only its words are shown."""
    quality = extra.get(QUALITY)
    marks = []
    for name, said in quality.items() if isinstance(quality, dict) else ():
        told = said if isinstance(said, dict) else {"verdict": said}
        verdict = str(told.get("verdict", ""))
        marks.append(Mark(str(name), verdict, _TONES.get(verdict.lower(), "unsure"), str(told.get("reason") or "")))
    return marks


def _score_marks(reply: Mapping[str, Any], scores: Iterable[Mapping[str, Any]]) -> list[Mark]:
    finish = str(reply.get("finish", ""))
    marks = [] if finish in ("", "stop") else [Mark("reply", finish, "bad", str(reply.get("error", "")))]
    return [*marks, *map(_score_mark, scores)]


def _score_mark(score: Mapping[str, Any]) -> Mark:
    """What a score says; one of a reply to several keys goes by its key."""
    metric, worth, reason = str(score.get("metric", "score")), score.get("score"), str(score.get("reason") or "")
    name = str(score.get("task")) if (score.get("extra") or {}).get(OF_ITEM) else metric
    if score.get("fault"):
        return Mark(name, str(score["fault"]), "bad" if worth is not None else "unsure", reason)
    if worth is None:
        return Mark(name, "unscored", "unsure", reason)
    return Mark(name, *_worth(metric, float(worth)), reason)


def _worth(metric: str, worth: float) -> tuple[str, Tone]:
    """A score in words, by its metric: a judge's 1 to 5, right or wrong, or a share."""
    if metric == "judge":
        return f"{worth:.0f} of 5", "good" if worth >= 4 else "bad" if worth <= 2 else "unsure"
    if worth in (0.0, _EXACT):
        return ("right", "good") if worth else ("wrong", "bad")
    return f"{worth:.2f}", "good" if worth >= 0.5 else "unsure"


def _task_place(task: str) -> int:
    return TASKS.index(task) if task in TASKS else len(TASKS)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
