"""Open-o3-Video's STGR files: questions whose reasoning says of each thing where it is and when.

    {"task": "temporal-spatial free-form QA", "source": "STR_plm_rdcap", "video_path": "a.mp4", "question": "…",
     "answer": "…", "reasoning_process": "The <obj>man</obj><box>[0.1,0.2,0.5,0.9]</box>at<t>3.0</t>s waves.",
     "key_frames": [{"idx": 1, "time": 3.0, "path": "a_1.jpg"}], "key_items": {"1": {"man": [[0.1, 0.2, 0.5, 0.9]]}}}

The reasoning without tags is the item's; with its things and boxes it is the item's evidence, and key frames are its
core frames. Boxes are corners as fractions of the frame, but for images, where they are pixels of `image_size`. The
row's task is the item's `sub_task`, unless it is one of the two general ones; a `sub_task` that is none of STGR's is
carried, because its trainer refuses others. What the rows for reinforcement learning
have in `key_items` is carried as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from demitasse.dataset import Item, TaskFile
from demitasse.dataset.dialect import read_choice, read_question
from demitasse.dataset.evidence import (
    CORE_FRAMES,
    EVIDENCE,
    SUB_TASK,
    CoreFrame,
    Evidence,
    PlacedBox,
    core_frames_of,
    evidence_of,
    with_evidence_fields,
)
from demitasse.dataset.evidence_tags import Numbers, parse_tags, with_boxes_read
from demitasse.dataset.schema import shown
from demitasse.errors import DataError
from demitasse.geometry import Box, check_box
from demitasse.interchange.frame_names import in_order
from demitasse.interchange.lens import LABEL, Row
from demitasse.interchange.row_files import Read, read_rows, save, to_rows

IMAGE_SIZE = "image_size"
FREE = "General video QA Free-form"
CHOICE = "General video QA MCQ"
IMAGE = "visual QA"
# Its loader refuses a row of any other task.
TASKS = (FREE, CHOICE, IMAGE, "temporal-spatial free-form QA", "temporal QA", "temporal QA (MCQ)")
_DECIMALS = 6  # of a frame or a pixel: what is written reads back the same
_SAME_FRAME = 0.5  # seconds: key frames are told in whole or half ones, and a claim further off is of another frame
_Size = tuple[float, float]


class Stgr:
    """Rows of one question."""

    name = "stgr"
    row_keys = frozenset({"task", "video_path", "image_path", "question", "answer", "reasoning_process", "key_frames"})
    item_fields = frozenset({SUB_TASK, EVIDENCE, CORE_FRAMES, LABEL})

    def task(self, row: Mapping[str, Any]) -> str:
        """`mcq` where options and letter can be read; answers of the other tasks are free text, spans among them."""
        try:
            read_choice(_text(row, "answer"), read_question(_text(row, "question"), "mcq").options)
        except DataError:
            return "open_qa"
        return "mcq" if row.get("task") == CHOICE else "open_qa"

    def item(self, row: Mapping[str, Any]) -> Item:
        """The item of a row; a box that cannot be one is left out of its evidence."""
        frames = _frames(row.get("key_frames"))
        item = Item(_text(row, "question"), _text(row, "answer"))
        if isinstance(row.get("task"), str) and row["task"] not in (FREE, CHOICE):
            item.extra[SUB_TASK] = row["task"]
        item.video_id, item.image_id = _media(row)
        process = row.get("reasoning_process")
        if not isinstance(process, str):
            return with_evidence_fields(item, None, frames)
        evidence = _evidence(process, _size(item, row.get(IMAGE_SIZE)), frames)
        item.reasoning = evidence.text
        return with_evidence_fields(item, evidence if evidence.mentions else None, frames)

    def row(self, item: Item, task: str) -> Row:
        """A row; the reasoning has its tags as long as it says what the evidence says."""
        frames, evidence = core_frames_of(item), evidence_of(item)
        told = item.extra.get(SUB_TASK)
        general = IMAGE if item.video_id is None else CHOICE if task == "mcq" else FREE
        row: Row = {"task": told if told in TASKS else general}
        row |= {"image_path": item.image_id} if item.video_id is None else {"video_path": item.video_id}
        row |= {"question": item.question, "answer": item.answer}
        if evidence and evidence.text == item.reasoning:
            row["reasoning_process"] = _tagged(evidence, _size(item, item.extra.get(IMAGE_SIZE)), frames)
        elif item.reasoning is not None:
            row["reasoning_process"] = item.reasoning
        if frames:
            row["key_frames"] = [
                {"idx": place + 1, "time": frame.time, "path": frame.path} for place, frame in enumerate(frames)
            ]
        return row


def read(path: Path) -> Read:
    """Read an STGR file.

    Raises:
        DataError: if it cannot be read, or none of its rows fits an item.
    """
    return read_rows(path, Stgr())


def write(files: Sequence[TaskFile], path: Path) -> Path:
    """Write dataset files as one STGR file.

    Returns:
        The folder that the paths in it count from.

    Raises:
        DataError: if the dataset has several media folders.
    """
    return save(to_rows(files, path, Stgr()), path)


def _frames(value: Any) -> list[CoreFrame]:
    frames = []
    for one in value if isinstance(value, list) else []:
        if not isinstance(one, dict):
            raise DataError(f"key_frames has {shown(one)}, not an object with idx, time and path")
        time, path = one.get("time"), one.get("path")
        seconds = float(time) if isinstance(time, int | float) and not isinstance(time, bool) else None
        frames.append(CoreFrame(seconds, None, path if isinstance(path, str) else None, None))
    return in_order(frames)


def _evidence(process: str, size: _Size | None, frames: Sequence[CoreFrame]) -> Evidence:
    width, height = size or (1.0, 1.0)
    return with_boxes_read(parse_tags(process), lambda numbers: _box(numbers, width, height), frames, _SAME_FRAME)[0]


def _box(numbers: Numbers, width: float, height: float) -> Box:
    x1, y1, x2, y2 = numbers
    sides = (x1 / width, y1 / height, x2 / width, y2 / height)
    a, b, c, d = (round(side, _DECIMALS) for side in sides)
    return check_box((a, b, c, d))


def _tagged(evidence: Evidence, size: _Size | None, frames: Sequence[CoreFrame]) -> str:
    parts, reached = [], 0
    for mention in evidence.mentions:
        words = evidence.text[mention.start : mention.end]
        boxes = "".join(_box_text(box, size, frames) for box in mention.boxes)
        parts += [evidence.text[reached : mention.start], f"<obj>{words}</obj>{boxes}"]
        reached = mention.end
    return "".join(parts) + evidence.text[reached:]


def _box_text(box: PlacedBox, size: _Size | None, frames: Sequence[CoreFrame]) -> str:
    width, height = size or (1.0, 1.0)
    sides = [side * length for side, length in zip(box.bbox, (width, height, width, height), strict=True)]
    written = ",".join(_short(side) for side in sides)
    time = frames[box.core_frame].time if box.core_frame is not None else None
    return f"<box>[{written}]</box>" + (f"at<t>{_short(time)}</t>s" if time is not None else "")


def _short(number: float) -> str:
    return f"{number:.{_DECIMALS}f}".rstrip("0").rstrip(".")


def _size(item: Item, value: Any) -> _Size | None:
    """Width and height that an image's boxes count in; None for a video, whose are fractions."""
    match value if item.video_id is None else None:
        case [int() | float() as width, int() | float() as height] if width > 0 and height > 0:
            return float(width), float(height)
    return None


def _media(row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The video or the image; the other is missing, null or empty, as a table of both kinds has it."""
    video, image = row.get("video_path"), row.get("image_path")
    if isinstance(video, str) and video:
        return video, None
    if isinstance(image, str) and image:
        return None, image
    raise DataError("video_path is missing, and so is image_path; a row is about one of them")


def _text(row: Mapping[str, Any], key: str) -> str:
    if not isinstance(row.get(key), str):
        raise DataError(f"{key} is {shown(row.get(key))}, not a text")
    return str(row[key])
