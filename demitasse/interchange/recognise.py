"""What a file is, told by its keys: so that one in the wrong format is refused with the name of the right one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from demitasse.dataset.schema import is_dataset, load_object
from demitasse.errors import DataError
from demitasse.interchange.row_files import is_lines
from demitasse.interchange.videoespresso import CAPTION_KEYS, FRAME_KEYS, TIMES

OWN = "tao-vl-reason"
LOOKED_AT = 50  # rows at the start of a file: the first that tells anything tells it for all
_LONGEST_LINE = 2**20

_Row = Mapping[str, Any]


class Kind(NamedTuple):
    """A kind of file. `advice` says what to do with one; the names of formats are those of `--from`."""

    name: str
    what: str
    advice: str


def _format(name: str, what: str) -> Kind:
    return Kind(name, what, f"`demitasse data convert` reads it with --from {name}")


COTASKS = Kind(
    "cotasks", "CoTasks as `demitasse annotate cotasks` writes them", "the items to train on lie in items/ beside it"
)
PREDICTIONS = Kind("predictions", "predictions of a student", "`demitasse score` and `demitasse compare` take them")
PICTURES = Kind(
    "annotations", "annotated images", "`demitasse data export` takes the folder, with --to coco, refcoco and others"
)
RESULTS = Kind("results", "a folder of results of `demitasse annotate`", "its datasets lie in items/: name that")
NEXTQA = Kind("nextqa", "NExT-QA's questions", "`demitasse annotate cotasks source=nextqa questions=FILE` takes them")
SPANS = Kind("nextgqa", "NExT-GQA's spans", "`demitasse annotate cotasks source=nextqa spans=FILE` takes them")
VIDOR = Kind("vidor", "a VidOR annotation", "`demitasse annotate cotasks source=nextqa vidor=DIR` takes its folder")
STAR = Kind("star", "STAR's questions", "`demitasse annotate cotasks source=star items=FILE` takes them")
OWN_KIND = _format(OWN, "a tao-vl-reason-v1.0 dataset")
HUGGING_FACE = _format("hugging-face", "a `datasets` folder of JSON Lines")
STGR = _format("stgr", "Open-o3-Video's STGR file")
VIDEO_R1 = _format("video-r1", "Video-R1's file")
QWEN = _format("qwen-messages", "a file of messages")
LLAVA_COT = _format("llava-cot", "LLaVA-CoT's file")
LLAVA = _format("llava", "LLaVA's or ShareGPT's file")
ESPRESSO = _format("videoespresso", "VideoEspresso's file")

KINDS = (OWN_KIND, HUGGING_FACE, LLAVA, LLAVA_COT, QWEN, VIDEO_R1, STGR, ESPRESSO)  # what is converted

_ESPRESSO_KEYS = {*FRAME_KEYS, *CAPTION_KEYS, TIMES, "evidence", "correct_answer"}


def _is_talk(row: _Row) -> bool:
    return isinstance(row.get("conversations"), list)


def _has_conclusion(row: _Row) -> bool:
    said = [turn.get("value") for turn in row["conversations"] if isinstance(turn, dict)] if _is_talk(row) else []
    return any(isinstance(text, str) and "<CONCLUSION>" in text for text in said)


def _is_stgr(row: _Row) -> bool:
    return "reasoning_process" in row or {"key_frames", "key_items"} & row.keys() != set()


def _is_espresso(row: _Row) -> bool:
    return "question" in row and ("video_path" in row or bool(_ESPRESSO_KEYS & row.keys()))


# The first that holds is the kind: what says more stands before what says less.
_ROWS: tuple[tuple[Kind, Callable[[_Row], bool]], ...] = (
    (COTASKS, lambda row: {"question_key", "sampled", "frames"} <= row.keys()),
    (PREDICTIONS, lambda row: {"item_id", "response"} <= row.keys()),
    (PICTURES, lambda row: {"image_path", "boxes"} <= row.keys()),
    (STAR, lambda row: {"question_id", "situations"} <= row.keys()),
    (HUGGING_FACE, lambda row: {"question", "answer"} <= row.keys() and bool({"video_id", "image_id"} & row.keys())),
    (STGR, _is_stgr),
    (VIDEO_R1, lambda row: "problem" in row and bool({"problem_type", "solution"} & row.keys())),
    (QWEN, lambda row: isinstance(row.get("messages"), list)),
    (LLAVA_COT, _has_conclusion),
    (LLAVA, _is_talk),
    (ESPRESSO, _is_espresso),
)


def recognise(path: Path) -> Kind | None:
    """The kind of a file, or of what a folder holds; None if nothing tells it, or it cannot be read."""
    try:
        if path.is_dir():
            return _of_folder(path)
        if path.suffix.lower() == ".csv":
            return NEXTQA if {"qid", "question"} <= set(_header(path)) else None
        for row in _rows(path):
            found = _of_object(row) or next((kind for kind, holds in _ROWS if holds(row)), None)
            if found:
                return found
    except (OSError, ValueError, RecursionError, DataError):  # the reader that was asked for says what is wrong
        pass
    return None


def _of_folder(folder: Path) -> Kind | None:
    if (folder / "cotasks.jsonl").is_file():
        return COTASKS
    if (folder / "annotations.jsonl").is_file():
        return PICTURES
    if (folder / "predictions.jsonl").is_file():
        return PREDICTIONS
    if _holds_datasets(folder):
        return OWN_KIND
    if _holds_datasets(folder / "items"):
        return RESULTS
    return HUGGING_FACE if any(folder.glob("*.jsonl")) else None


def _holds_datasets(folder: Path) -> bool:
    return any(is_dataset(load_object(path)) for path in sorted(folder.glob("*.json")))


def _of_object(value: _Row) -> Kind | None:
    """What a file that holds one object is."""
    if is_dataset(value):
        return OWN_KIND
    if {"trajectories", "subject/objects"} & value.keys():
        return VIDOR
    first = next(iter(value.values()), None)
    return SPANS if isinstance(first, dict) and {"duration", "location"} <= first.keys() else None


def _rows(path: Path) -> Iterator[_Row]:
    """The first rows of a file, whether it is JSON Lines, a list or one object, and whatever its ending."""
    if is_lines(path):
        with path.open(encoding="utf-8-sig") as lines:
            yield from (row for row in map(json.loads, _first(lines)) if isinstance(row, dict))
        return
    value = load_object(path, "utf-8-sig")
    rows = value[:LOOKED_AT] if isinstance(value, list) else [value]
    yield from (row for row in rows if isinstance(row, dict))


def _first(lines: Any) -> Iterator[str]:
    for _ in range(LOOKED_AT):
        line = lines.readline(_LONGEST_LINE)
        if not line:
            return
        if line.strip():
            yield line


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig") as lines:
        return [name.strip().strip('"') for name in lines.readline(4096).split(",")]
