"""How long each lesson is, before anything is decoded: what packing, limits and plans are made by.

A lesson is measured by encoding it, with a clip that has the right shape and times and no pixels, so the count cannot
differ from what the encoder makes. Only the run of pads that stands for a temporal patch is written as one pad and
multiplied, as each pad is one token wherever it stands. Lengths are remembered in the cache folder under the content of
item and medium, the frames, the tokenizer and the code that writes prompts: change one, and they are measured again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import orjson
from tqdm import tqdm

from demitasse.atomic import replacing, write_text
from demitasse.dataset.item_id import id_of
from demitasse.dataset.schema import shown
from demitasse.dataset.shown_frames import shown_frames
from demitasse.errors import DataError, MediaError
from demitasse.media.probe import content_hash
from demitasse.student import encode
from demitasse.student.encode import Encoder
from demitasse.student.sight import Sight
from train.config import DataConfig
from train.data.lessons import Lesson

OVER_LONG = "over_long.jsonl"
FOLDER = "lengths"  # in the cache folder
THREADS = 8  # that read headers: mostly waiting for the disk
PROGRESS_AFTER = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Length:
    """What a lesson takes.

    Attributes:
        tokens: of prompt and target, as the language model reads them.
        labels: of these, the target's.
        patches: that the vision tower reads, before they are merged.
        frames: shown of a video; 1 for an image.
        fault: why its medium cannot be read; all counts are then 0, as nothing is learnt from it.
    """

    tokens: int
    labels: int
    patches: int
    frames: int
    fault: str = ""


def measure(lessons: Sequence[Lesson], encoder: Encoder, sight: Sight) -> list[Length]:
    """The lessons' lengths, in their order.

    Raises:
        DataError: for a lesson that nothing could be learnt from, whatever its medium holds: an empty answer, boxes of
            another size. The first is named.
    """
    path = sight.cache.folder / FOLDER / f"{_settings_key(encoder, sight)}.json"
    known = _remembered(path)
    keys = _keys(lessons)
    todo = [place for place, key in enumerate(keys) if key not in known]
    _read_headers([lessons[place] for place in todo], sight)
    faults: dict[int, str] = {}
    for place in tqdm(todo, desc="measuring", unit="item", delay=PROGRESS_AFTER):
        try:
            known[keys[place]] = length_of(lessons[place], encoder, sight)
        except MediaError as fault:
            faults[place] = str(fault)
    if len(todo) > len(faults):
        _remember(path, known)
    return [Length(0, 0, 0, 0, faults[place]) if place in faults else known[key] for place, key in enumerate(keys)]


def length_of(lesson: Lesson, encoder: Encoder, sight: Sight) -> Length:
    """One lesson's length, measured now.

    Raises:
        MediaError: if its medium cannot be read.
        DataError: as `measure`.
    """
    clip = sight.outline(lesson.item, lesson.media)
    if clip is None:
        encoded = encoder.example(lesson.item, None, lesson.way)
        return Length(len(encoded.input_ids), encoded.label_count, 0, 0)
    merge = encoder.vision.merge_size
    t, h, w = clip.pixels.grid
    encoded = encoder.example(
        lesson.item, replace(clip, pixels=replace(clip.pixels, grid=(t, merge, merge))), lesson.way
    )
    tokens = len(encoded.input_ids) + t * (h * w // merge**2 - 1)
    return Length(tokens, encoded.label_count, t * h * w, len(clip.times))


def keep_fitting(
    lessons: Sequence[Lesson], lengths: Sequence[Length], data: DataConfig, output: Path, writes: bool = True
) -> tuple[list[Lesson], list[Length]]:
    """The lessons within `data.max_tokens`; the others are named in `over_long.jsonl` in `output`. None is ever cut.

    Of several processes only the one that `writes` does so, and tells.

    Raises:
        DataError: if there are others and `data.over_long` says "error", or if none is left.
    """
    most = data.max_tokens
    over = [place for place, one in enumerate(lengths) if most is not None and one.tokens > most]
    if writes:
        _name(over, lessons, lengths, output / OVER_LONG)
    if not over:
        return list(lessons), list(lengths)
    longest = max(over, key=lambda place: lengths[place].tokens)
    told = (
        f"{len(over)} of {len(lessons)} items take more than data.max_tokens={most}, the longest "
        f"{lengths[longest].tokens} ({shown(lessons[longest].item.question)} of {lessons[longest].media}); "
        f"{output / OVER_LONG} names them"
    )
    if data.over_long == "error":
        raise DataError(f"{told}. Show fewer frames or pixels, raise the limit, or leave them out: data.over_long=drop")
    if len(over) == len(lessons):
        raise DataError(f"{told}, and nothing is left to learn")
    if writes:
        print(f"{told}; they are left out", flush=True)
    left = sorted(set(range(len(lessons))) - set(over))
    return [lessons[place] for place in left], [lengths[place] for place in left]


def _name(over: Sequence[int], lessons: Sequence[Lesson], lengths: Sequence[Length], path: Path) -> None:
    """A row for each item that is too long; no file where there is none."""
    rows = [json.dumps(_row(lessons[place], lengths[place]), ensure_ascii=False) for place in over]
    if rows:
        write_text(path, "\n".join(rows) + "\n")
    else:
        path.unlink(missing_ok=True)


def _row(lesson: Lesson, length: Length) -> dict[str, object]:
    item = id_of(lesson.item, lesson.task)
    counts = {name: count for name, count in asdict(length).items() if name != "fault"}
    return {"item": item, "task": lesson.task, "way": lesson.way, "media": str(lesson.media), **counts}


def _read_headers(lessons: Sequence[Lesson], sight: Sight) -> None:
    """Have `sight` know the outline of each medium: many are read at once. What goes wrong is met again, and told."""
    first = {lesson.media: lesson for lesson in lessons}

    def look(lesson: Lesson) -> None:
        try:
            sight.outline(lesson.item, lesson.media)
        except (MediaError, DataError):
            return

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in tqdm(pool.map(look, first.values()), "reading headers", len(first), unit="file", delay=PROGRESS_AFTER):
            pass


def _keys(lessons: Sequence[Lesson]) -> list[str]:
    """What tells lessons apart: content, wherever it lies."""
    keys = []
    for lesson in lessons:
        try:
            media = "" if shown_frames(lesson.item) == [] else content_hash(lesson.media)
        except (MediaError, DataError):
            media = ""  # told when it is measured
        known = orjson.dumps([media, lesson.item.to_json(), lesson.way], option=orjson.OPT_SORT_KEYS)
        keys.append(hashlib.sha256(known).hexdigest())
    return keys


def _settings_key(encoder: Encoder, sight: Sight) -> str:
    """All that decides lengths but the lessons."""
    tokenizer = encoder.tokenizer
    core = getattr(tokenizer, "backend_tokenizer", None)
    words = core.to_str() if core is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
    parts = [words, str(tokenizer.chat_template), encoder.system_prompt, encoder.family.name]
    parts += [repr(encoder.vision), repr(sight.settings), _code()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def _code() -> str:
    """The code that writes prompts and counts frames: a mended one counts anew."""
    folder = Path(encode.__file__).parent
    sources = sorted([*folder.glob("*.py"), Path(__file__)])
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def _remembered(path: Path) -> dict[str, Length]:
    try:
        return {key: Length(*counts) for key, counts in orjson.loads(path.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):  # not there, or torn: measured again
        return {}


def _remember(path: Path, known: dict[str, Length]) -> None:
    rows = {key: [one.tokens, one.labels, one.patches, one.frames] for key, one in known.items()}
    with replacing(path, durable=False) as partial:
        partial.write_bytes(orjson.dumps(rows))
