"""VideoEspresso's files: the training set about videos and about pictures, and the benchmark.

    {"video_path": "all_video/CUVA/3/00728.mp4", "task": "Causal Inference", "question": "…", "answer": "…",
     "options": ["(A): …", …], "correct_answer": "(A)", "core_frames_paths": ["CUVA/2_image/00728/480.jpg", …],
     "core_frames_captions": ["…", …],
     "evidence": "The <obj_start>car<obj_end><box_start>[50.1, 40.0, 20.5, 10.0]<box_end> …"}

A row with options is an `mcq` item, and the free answer beside them its `reference_answer`; one without is `open_qa`.
The training files call core frames key frames, and one of them has pictures and no video: its item is about the first
picture, or about a video that is made of them (`picture_videos`). Boxes are GroundingDINO's centre and size times a
constant that is not published and that differs between files (issue 15 of its repository): it is found for the file as
a whole, or told. What is written declares it, row by row. The time of a key frame is not published either, unless a
derived file has `core_frames_timestamps`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from demitasse.dataset import Item, TaskFile
from demitasse.dataset.dialect import mcq_answer, question_text, read_choice, read_question
from demitasse.dataset.evidence import (
    CORE_FRAMES,
    EVIDENCE,
    SUB_TASK,
    CoreFrame,
    Evidence,
    Mention,
    PlacedBox,
    core_frames_of,
    evidence_of,
    with_evidence_fields,
)
from demitasse.dataset.evidence_tags import Numbers, parse_tags, with_boxes_read
from demitasse.dataset.schema import shown
from demitasse.errors import DataError
from demitasse.geometry import Box, Convention, check_box, from_canonical
from demitasse.interchange.frame_names import frame_number, in_order
from demitasse.interchange.lens import LABEL, Row
from demitasse.interchange.lettered import read_letter, read_options
from demitasse.interchange.picture_videos import count_pictures, with_picture_videos
from demitasse.interchange.row_files import Read, load_rows, read_rows, save, to_rows

BOX_SCALES = (1, 100, 1000)
BOX_SCALE = "box_scale"
REFERENCE = "reference_answer"
TIMES = "core_frames_timestamps"
BOX_DECIMALS = 6  # of a frame: far below a pixel, and what is written reads back the same
VIDEO_KEYS = ("video_path", "video")
PICTURE = "image"  # where the picture that an item is about is none of its core frames
_STEMS = [(name, ending) for name in ("core_frame", "core_frames", "keyframe", "keyframes") for ending in ("", "s")]
FRAME_KEYS = tuple(
    dict.fromkeys(
        [f"{name}_path{ending}" for name, ending in _STEMS]
        + [name for name, _ in _STEMS]
        + ["images", "image_paths", "image_path", PICTURE]
    )
)
CAPTION_KEYS = tuple(dict.fromkeys([f"{name}_caption{ending}" for name, ending in _STEMS] + ["captions", "caption"]))


class VideoEspresso:
    """Rows of one file; `scale` is what the width of a frame counts in its boxes."""

    name = "videoespresso"
    row_keys = frozenset(
        {"task", "question", "answer", "options", "correct_answer", "evidence", BOX_SCALE, TIMES}
        | {*VIDEO_KEYS, *FRAME_KEYS, *CAPTION_KEYS}
    )
    item_fields = frozenset({SUB_TASK, REFERENCE, EVIDENCE, CORE_FRAMES, BOX_SCALE, LABEL})

    def __init__(self, scale: int = 1000) -> None:
        self.scale = scale

    def task(self, row: Mapping[str, Any]) -> str:
        """`mcq` with options, `open_qa` without."""
        return "mcq" if row.get("options") else "open_qa"

    def item(self, row: Mapping[str, Any]) -> Item:
        """The item of a row; a box that cannot be one is left out of its evidence."""
        frames = _read_frames(row)
        extra: dict[str, Any] = {}
        if isinstance(row.get("task"), str):
            extra[SUB_TASK] = row["task"]
        question, answer = _text(row, "question"), row.get("answer")
        if row.get("options"):
            options = read_options(row["options"])
            if isinstance(answer, str):
                extra[REFERENCE] = answer
            question = question_text("mcq", question.strip(), "tao", options)
            answer = mcq_answer(read_letter(row.get("correct_answer"), options), options)
        item = Item(question, answer if isinstance(answer, str) else _text(row, "answer"), extra=extra)
        item.video_id, item.image_id = _media(row, frames)
        scale = _read_scale(row.get(BOX_SCALE), self.scale)
        evidence = _read_evidence(row.get("evidence"), scale, len(frames))
        if evidence and _boxes(evidence):
            item.extra[BOX_SCALE] = scale
        return with_evidence_fields(item, evidence, frames)

    def row(self, item: Item, task: str) -> Row:
        """A row in the benchmark's form if the item has options, otherwise in that of the training files."""
        frames, evidence = core_frames_of(item), evidence_of(item)
        scale = _read_scale(item.extra.get(BOX_SCALE), self.scale)
        row: Row = {} if item.video_id is None else {"video_path": item.video_id}
        row |= {"task": item.extra[SUB_TASK]} if isinstance(item.extra.get(SUB_TASK), str) else {}
        is_mcq = task == "mcq"
        row |= _choices(item) if is_mcq else {"question": item.question, "answer": item.answer}
        if evidence:
            row["evidence"] = _write_evidence(evidence, scale)
            row |= {BOX_SCALE: scale} if _boxes(evidence) else {}
        return row | _frame_rows(item, frames, "core_frames" if is_mcq else "keyframes")


def read(path: Path, box_scale: int | None = None, pictures_to_videos: Path | None = None) -> Read:
    """Read a file of any of the three kinds.

    Args:
        path: a JSON list or JSON Lines.
        box_scale: what the width of a frame counts; found in the file's own boxes if it is not given.
        pictures_to_videos: a folder for videos that are made of rows' pictures, as `with_picture_videos` takes it.

    Raises:
        DataError: if the file cannot be read, none of its rows fits an item, or as `with_picture_videos`.
    """
    rows = load_rows(path)
    largest = [] if box_scale else list(_largest(rows))
    scale = box_scale or _scale_of(largest)
    read = read_rows(path, VideoEspresso(scale or 1000), rows)
    if scale:
        beyond = sum(number > BOX_SCALES[-2] for number in largest)
        found = f"found in the numbers: {beyond} of {len(largest)} boxes reach beyond {BOX_SCALES[-2]}"
        how = "as told" if box_scale else f"{found}; --box-scale tells otherwise"
        read.notes.append(f"boxes are centre and size, 0 to {scale} over the frame ({how})")
    if lost := sum(_unread(row, scale or 1000) for row in rows):
        read.notes.append(f"{lost} boxes are none in that scale: no item's evidence has them, its as_read does")
    pictures = [count for file in read.files for item in file.items if (count := count_pictures(item))]
    if pictures and pictures_to_videos:
        read.files, read.without_video = with_picture_videos(read.files, pictures_to_videos)
        made = len(pictures) - len(read.without_video)
        read.notes.append(f"{made} of {len(pictures)} rows of pictures are about videos in {pictures_to_videos}")
    elif pictures_to_videos:
        read.notes.append("no row has pictures and no video: --pictures-to-videos makes none")
    elif several := sum(count > 1 for count in pictures):
        read.notes.append(
            f"{several} rows have several pictures and no video: each item is about its first picture, which is all "
            "that a student is shown of it; --pictures-to-videos FOLDER makes a video of them all"
        )
    return read


def write(files: Sequence[TaskFile], path: Path) -> Path:
    """Write dataset files as one file; boxes count as they did where they were read, or 0 to 1000.

    Returns:
        The folder that the paths in it count from.

    Raises:
        DataError: as `to_rows`.
    """
    told = Counter(scale for file in files for item in file.items if (scale := item.extra.get(BOX_SCALE)) in BOX_SCALES)
    scale = told.most_common(1)[0][0] if told else 1000
    rows = to_rows(files, path, VideoEspresso(scale))
    if found_scale(rows.rows) not in (scale, None):  # what told it was edited away
        rows.rows = [row | {BOX_SCALE: scale} if any(_boxes_in(row)) else row for row in rows.rows]
    return save(rows, path)


def found_scale(rows: Iterable[Any]) -> int | None:
    """What the frame's width counts in the boxes of a whole file: 1, 100 or 1000; None if it has no box.

    Nothing in a frame lies beyond its width, so one number above 100 tells 1000, and if none is above 1, it is 1. A box
    that reaches beyond 1000 fits no scale, and tells none.
    """
    return _scale_of(list(_largest(rows)))


def _scale_of(largest: Sequence[float]) -> int | None:
    return next((scale for scale in BOX_SCALES if max(largest) <= scale), None) if largest else None


def _largest(rows: Iterable[Any]) -> Iterator[float]:
    """The largest number of each box that fits a scale."""
    for row in rows:
        for numbers in _boxes_in(row):
            if (largest := max(map(abs, numbers))) <= BOX_SCALES[-1]:
                yield largest


def _boxes_in(row: Any) -> Iterator[Numbers]:
    """The boxes of a row that tells no scale itself."""
    if isinstance(row, dict) and isinstance(row.get("evidence"), str) and BOX_SCALE not in row:
        for name in parse_tags(row["evidence"]).names:
            yield from (box.numbers for box in name.boxes if box.numbers)


def _unread(row: Any, scale: int) -> int:
    if not isinstance(row, dict) or not isinstance(row.get("evidence"), str):
        return 0
    written = sum(len(name.boxes) for name in parse_tags(row["evidence"]).names)
    return written - _boxes(_evidence(row["evidence"], scale))


def _boxes(evidence: Evidence) -> int:
    return sum(len(mention.boxes) for mention in evidence.mentions)


def _media(row: Mapping[str, Any], frames: Sequence[CoreFrame]) -> tuple[str | None, str | None]:
    for key in VIDEO_KEYS:
        if isinstance(row.get(key), str) and row[key]:
            return row[key], None
    own = row.get(PICTURE)
    picture = own if isinstance(own, str) and own else next((frame.path for frame in frames if frame.path), None)
    if picture is None:
        raise DataError("video_path is missing, and there is no picture; a row names a video or its key frames")
    return None, picture


def _text(row: Mapping[str, Any], key: str) -> str:
    if not isinstance(row.get(key), str):
        raise DataError(f"{key} is {shown(row.get(key))}, not a text")
    return str(row[key])


def _read_frames(row: Mapping[str, Any]) -> list[CoreFrame]:
    paths, captions, times = (_list(row, keys) for keys in (FRAME_KEYS, CAPTION_KEYS, (TIMES,)))
    frames = [_frame(*one) for one in zip_longest(paths, captions, times)]
    return in_order(frames)


def _list(row: Mapping[str, Any], keys: Sequence[str]) -> list[Any]:
    """What stands under the first of the keys that holds something, as a list."""
    value: Any = next((row[key] for key in keys if row.get(key) not in (None, "", [])), [])
    return value if isinstance(value, list) else [value]


def _frame(place: Any, caption: Any, time: Any) -> CoreFrame:
    path = place if isinstance(place, str) else None
    number = place if isinstance(place, int) and not isinstance(place, bool) else frame_number(path or "")
    seconds = float(time) if isinstance(time, int | float) and not isinstance(time, bool) else None
    return CoreFrame(seconds, number, path, caption if isinstance(caption, str) else None)


def _frame_rows(item: Item, frames: Sequence[CoreFrame], name: str) -> Row:
    is_first = bool(frames) and frames[0].path == item.image_id
    rows: Row = {} if item.image_id is None or is_first else {PICTURE: item.image_id}
    if any(frame.path is not None or frame.frame is not None for frame in frames):
        rows[f"{name}_path{'s' * (name == 'core_frames')}"] = [
            frame.frame if frame.path is None else frame.path for frame in frames
        ]
    if any(frame.caption is not None for frame in frames):
        rows[f"{name}_captions"] = [frame.caption for frame in frames]
    if any(frame.time is not None for frame in frames):
        rows[TIMES] = [frame.time for frame in frames]
    return rows


def _choices(item: Item) -> Row:
    question = read_question(item.question, "mcq")
    letter = read_choice(item.answer, question.options).value
    options = [f"({name}): {text}" for name, text in question.options.items()]
    reference = item.extra.get(REFERENCE)
    return (
        {"question": question.stem}
        | ({"answer": reference} if isinstance(reference, str) else {})
        | {"options": options, "correct_answer": f"({letter})"}
    )


def _read_scale(value: Any, otherwise: int) -> int:
    if value is None:
        return otherwise
    if value not in BOX_SCALES:
        raise DataError(f"{BOX_SCALE} is {shown(value)}; there are {', '.join(map(str, BOX_SCALES))}")
    return int(value)


def _convention(scale: int) -> Convention:
    return Convention(f"VideoEspresso, centre and size, 0-{scale}", "cxcywh", scale, whole=False)


def _read_evidence(value: Any, scale: int, frames: int) -> Evidence | None:
    if not isinstance(value, str) or not value.strip():
        return None
    evidence = _evidence(value, scale)
    if frames != 1:
        return evidence
    return Evidence(evidence.text, tuple(_on_only_frame(mention) for mention in evidence.mentions))


def _on_only_frame(mention: Mention) -> Mention:
    return Mention(mention.name, mention.start, mention.end, tuple(PlacedBox(box.bbox, 0) for box in mention.boxes))


def _evidence(text: str, scale: int) -> Evidence:
    return with_boxes_read(parse_tags(text), lambda numbers: _within_frame(numbers, scale))[0]


def _within_frame(numbers: Numbers, scale: int) -> Box:
    """Corners of a detector's box, whose edges may lie a little outside the frame: they are cut off there."""
    cx, cy, width, height = (number / scale for number in numbers)
    sides = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
    x1, y1, x2, y2 = (round(min(max(side, 0.0), 1.0), BOX_DECIMALS) for side in sides)
    return check_box((x1, y1, x2, y2))


def _write_evidence(evidence: Evidence, scale: int) -> str:
    parts, reached = [], 0
    for mention in evidence.mentions:
        words = evidence.text[mention.start : mention.end]
        boxes = "".join(f"<box_start>{_numbers(box.bbox, scale)}<box_end>" for box in mention.boxes)
        parts += [evidence.text[reached : mention.start], f"<obj_start>{words}<obj_end>"]
        parts.append(boxes or "<box_start>[]<box_end>")
        reached = mention.end
    return "".join(parts) + evidence.text[reached:]


def _numbers(box: Box, scale: int) -> list[float]:
    return [round(float(number), BOX_DECIMALS) for number in from_canonical(box, _convention(scale))]
