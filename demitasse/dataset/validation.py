"""What is wrong with a dataset: all that `tao-daft validate` refuses, and what it lets pass.

It skips a file that is not readable JSON, so a truncated task file makes a smaller dataset that still passes; it
knows no tasks, so an answer may be none of the options. Here both are problems.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from demitasse import timecode
from demitasse.dataset.dialect import GROUNDING, read_choice, read_question, read_span, read_verdict
from demitasse.dataset.grounding import grounding_faults
from demitasse.dataset.schema import FORMAT, Problem, is_dataset, item_faults, load_object, problems, shown
from demitasse.dataset.shown_frames import SHOWN_FRAMES
from demitasse.errors import DataError
from demitasse.labels.check import is_object, label_faults

_Items = Iterator[tuple[int, dict[str, Any]]]
_Loaded = list[tuple[Path, Any]]


def validate(path: Path | str) -> list[Problem]:
    """Everything that is wrong with a dataset file, or with the datasets in and below a folder.

    In a folder, every `.json` that lies directly in it counts, except readable JSON that is something else (it
    declares another format, or lacks `metadata` and `items`: a resolved configuration, say). One that cannot be
    read is a problem, whatever it was meant to be. Folders below are searched where a folder holds no dataset
    file itself, as `tao-daft` does. Duplicates are looked for among all files of one folder.

    Returns:
        Problems in the order of files and items; empty if the dataset is good.
    """
    path = Path(path)
    if path.is_dir():
        datasets, unreadable = _find(path, set())
        found = unreadable + [problem for dataset in datasets for problem in _check(dataset)]
        nothing = Problem(path, None, "", f"holds no dataset file (a .json whose format is '{FORMAT}')")
        return found if datasets else [*found, nothing]
    loaded, unreadable = _load([path])
    return unreadable + _check(loaded)


def _find(folder: Path, seen: set[Path]) -> tuple[list[_Loaded], list[Problem]]:
    """Datasets at or below a folder, with the files that could not be read. A loop of links is walked once."""
    real = folder.resolve()
    if real in seen:
        return [], []
    seen.add(real)
    loaded, unreadable = _load(sorted(folder.glob("*.json")))
    dataset = [(path, value) for path, value in loaded if is_dataset(value)]
    if dataset:
        return [dataset], unreadable
    below = [_find(child, seen) for child in sorted(folder.iterdir()) if child.is_dir()]
    return [one for found, _ in below for one in found], unreadable + [one for _, lost in below for one in lost]


def _load(paths: list[Path]) -> tuple[_Loaded, list[Problem]]:
    loaded: _Loaded = []
    unreadable: list[Problem] = []
    for path in paths:
        try:
            loaded.append((path, load_object(path)))
        except DataError as fault:
            unreadable.append(Problem(path, None, "", str(fault).removeprefix(f"{path} ")))
    return loaded, unreadable


def _check(dataset: _Loaded) -> list[Problem]:
    found: list[Problem] = []
    seen: dict[tuple[str, str, str], str] = {}
    for path, value in dataset:
        found.extend(problems(path, value))
        for index, item in _sound_items(value):
            faults = content_faults(_task(value, item), item)
            found.extend(Problem(path, index, field, message) for field, message in faults)
            found.extend(_media(path, index, value, item))
            found.extend(_repeats(path, index, value, item, seen))
    return found


def _sound_items(value: Any) -> _Items:
    """Items whose shape is right, so that their content can be looked at."""
    items = value.get("items") if isinstance(value, dict) else None
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if next(item_faults(item), None) is None:
            yield index, item


def content_faults(task: str, item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Field and fault of what is wrong with the texts of one item whose shape is right."""
    empty = [
        key for key in ("video_id", "image_id", "question", "answer", "item_index") if not item.get(key, "x").strip()
    ]
    for key in empty:
        yield key, "is empty"
    if is_object(item) and "answer" not in empty:
        yield from label_faults(item)
    check = _CHECKS.get(task)
    if task == GROUNDING and "answer" not in empty:
        yield from grounding_faults(item)
    if check and not {"question", "answer"} & set(empty):
        try:
            check(item["question"], item["answer"])
        except DataError as fault:
            field, _, message = str(fault).partition(" ")
            yield field, message


def _task(value: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    """The task of an item: its own label, as files of mixed tasks have it, or else the file's."""
    metadata = value.get("metadata")
    of_file = metadata.get("task") if isinstance(metadata, dict) else None
    return str(item.get("task_type") or item.get("task") or of_file or "")


def _media(path: Path, index: int, value: Mapping[str, Any], item: Mapping[str, Any]) -> Iterator[Problem]:
    key = "video_id" if "video_id" in item else "image_id"
    root = value.get("media_root")
    if item[key].strip() and (root is None or isinstance(root, str)):
        media = path.parent / (root or "") / item[key]
        if not _is_file(media):
            yield Problem(path, index, key, f"is {shown(item[key])}, but there is no file {media}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file system can have
        return False


def _repeats(
    path: Path, index: int, value: Mapping[str, Any], item: Mapping[str, Any], seen: dict[tuple[str, str, str], str]
) -> Iterator[Problem]:
    root = value.get("media_root")
    media = item.get("video_id") or item.get("image_id") or ""
    place = os.path.normpath(path.parent / (root if isinstance(root, str) else "") / media)
    place += str(item.get(SHOWN_FRAMES, ""))  # the same question about other frames of a video is another one
    first = seen.setdefault((place, item["question"], item["answer"]), f"{path.name}: items[{index}]")
    if first != f"{path.name}: items[{index}]":
        yield Problem(path, index, "question", f"repeats {first}: the same media, question and answer; remove one")


def _check_mcq(question: str, answer: str) -> None:
    read_choice(answer, read_question(question, "mcq").options)


def _check_mcq_openended(question: str, answer: str) -> None:
    options = read_question(question, "mcq_openended").options
    if answer.lstrip("( ")[:1] not in options or answer.lstrip("( ")[1:2] not in (".", ")", ":"):
        raise DataError(f"answer is {shown(answer)}; it must begin with the letter of an option ({', '.join(options)})")


def _check_bcq(_: str, answer: str) -> None:
    read_verdict(answer)


def _check_bcq_openended(_: str, answer: str) -> None:
    words = answer.split(maxsplit=1)
    if words[0].rstrip(".,;:!-–—").lower() not in ("yes", "no"):
        raise DataError(f"answer is {shown(answer)}; it must begin with Yes or No")


def _check_span(_: str, answer: str) -> None:
    span = read_span(answer)
    start, end = (_seconds(span[key]) for key in ("start", "end"))
    if start is None or end is None:
        raise DataError(f"answer is {shown(answer)}, whose start or end is no time such as 01:05")
    if end < start:
        raise DataError(f"answer is {shown(answer)}, which ends before it starts")


def _seconds(value: Any) -> float | None:
    """A time as text, or as a number of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if value >= 0 else None
    return timecode.parse(value) if isinstance(value, str) else None


_CHECKS: dict[str, Callable[[str, str], None]] = {
    "mcq": _check_mcq,
    "mcq_openended": _check_mcq_openended,
    "bcq": _check_bcq,
    "bcq_openended": _check_bcq_openended,
    "temporal_localization": _check_span,
}
