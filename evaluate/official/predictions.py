"""Reading what a model answered, in the shapes in which benchmarks' prediction files are written.

A JSON object by question (`{"video_qid": …}`, or `{"video": {"qid": …}}` as NExT-OE has it), STAR's lists by type, a
JSON array, JSONL or CSV of rows, lmms-eval's samples among them, Video-MME's videos with their `questions`, either of
these under a name (`{"results": …}`), or a folder that `demitasse predict` wrote. What a value means is its
benchmark's to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demitasse.dataset.schema import shown
from demitasse.errors import DataError
from evaluate.official.files import load_csv, load_json
from evaluate.records import Asked, Json

# Where a row or object may hold the answer, the surest name first.
ANSWERS = (
    "prediction",
    "pred",
    "predicted",
    "predicted_answer",
    "pred_answer",
    "model_output",
    "model_answer",
    "response",
    "output",
    "filtered_resps",
    "resps",
)
SPANS = ("pred_span", "predicted_span", "glue", "span", "spans", "location", "ground")
# Names of a model's answer in some files and of something else in others: "answer" of the right one, "text" of the
# question. Either counts only in a row that holds nothing else but what says which question it is of.
UNSURE = ("answer", "text")
_KEYS = ("question_key", "question_id", "item_id", "id", "uid", "key", "qid")
_VIDEOS = ("video", "video_id", "vid", "video_name", "video_path")
NEEDED = f"one of {', '.join(_KEYS)}, or video and qid"  # to tell which question a row answers
_DESCRIBING = re.compile(
    r"type|task|question|prompt|frame_count|width|height|fps|duration|start|end|video|vid|(?:.*_)?(?:type|id|key|name|"
    r"path|model|metadata)|[qu]id"
)
# A question's key as some files have it: "CW_4010069381_6", "1101/4010069381.mp4_6", "4010069381.0_6.0".
_LOOSE_KEY = re.compile(r"(?:[A-Z]{2}_)?(?:.*/)?([^/_]+?)(?:\.(?:0|mp4|mkv|avi|webm))?_([^/_]+?)(?:\.0)?")
FINAL_STAGE = 5  # of CoTask items: the question itself

NameOf = Callable[[Mapping[str, Any]], str | None]
KeyOf = Callable[[Json], str | None]
ItemKey = Callable[[Asked], str | None]
Pairs = Callable[[Path], "Iterable[tuple[str, Given]]"]


@dataclass(frozen=True, slots=True)
class Given:
    """A model's answer as it stands in the file.

    Attributes:
        raw: an index, a text, a span: whatever the file holds.
        beside: the object that it stood in, for what a benchmark's script reads besides.
        finish: how the reply ended, where that is known: "stop", "length" or "error".
        error: why there is none, for "error".
    """

    raw: Any
    beside: Json = field(default_factory=dict)
    finish: str = "stop"
    error: str = ""


def read_given(
    paths: Sequence[Path],
    known: Iterable[str],
    name_of: NameOf | None = None,
    key_of: KeyOf | None = None,
    item_key: ItemKey | None = None,
    pairs_of: Pairs | None = None,
    needed: str = NEEDED,
) -> tuple[dict[str, Given], int]:
    """Answers by question key, and how many are of questions that are not `known`.

    Args:
        paths: the files; a question may be in one of them only.
        known: the keys of the questions that are to be scored.
        name_of: under which name a row holds what is wanted; `answer_name` by default.
        key_of: a row's key, where the benchmark's rows carry none of the usual names.
        item_key: the key of an item of a run; that of a CoTask item by default.
        pairs_of: what reads a file, for a benchmark whose files have a shape of their own.
        needed: the names in which `key_of` finds a row's key, as a message tells them.

    Raises:
        DataError: if a file cannot be read, has a question twice, or has none of the known ones.
    """
    wanted = set(known)
    found: dict[str, Given] = {}
    for path in paths:
        pairs: Iterable[tuple[str, Given]]
        if path.is_dir():
            pairs = _from_run(path, item_key or cotask_key)
        elif pairs_of is not None:
            pairs = pairs_of(path)
        else:
            pairs = _from_file(path, wanted, name_of or answer_name, key_of or row_key, needed)
        for told, given in pairs:
            key = _known_as(told, wanted)
            if key in found:
                raise DataError(f"{path}: question {key} is answered twice; remove one of the two")
            found[key] = given
    matched = {key: given for key, given in found.items() if key in wanted}
    if not matched:
        ours, theirs = next(iter(sorted(wanted)), "none"), next(iter(found), "none")
        raise DataError(
            f"{', '.join(map(str, paths))}: no prediction is of a question of the references, which are called as "
            f"'{ours}' and not as '{theirs}'; give the predictions of this benchmark and split"
        )
    return matched, len(found) - len(matched)


def row_key(row: Json) -> str | None:
    """The key of a row: its own, or `<video>_<qid>` where it has both parts; of lmms-eval's rows, their `doc`'s."""
    video = next((row[name] for name in _VIDEOS if name in row), None)
    if video is not None and "qid" in row:
        return str(row["qid"]) if "_" in str(row["qid"]) else f"{video}_{row['qid']}"
    key = next((str(row[name]) for name in _KEYS if name in row), None)
    return row_key(row["doc"]) if key is None and isinstance(row.get("doc"), dict) else key


def answer_name(row: Mapping[str, Any]) -> str | None:
    """Under which name a row holds the answer that a model gave; None where it does not say so."""
    if found := next((name for name in ANSWERS if name in row), None):
        return found
    others = [name for name in row if not _DESCRIBING.fullmatch(name)]
    return others[0] if len(others) == 1 and others[0] in UNSURE else None


def span_name(row: Mapping[str, Any]) -> str | None:
    """Under which name a row holds the span that a model gave; beside a prediction that is one, "span" is the truth."""
    predicted = [name for name in ("prediction", "pred") if _is_span(row.get(name))]
    return next((name for name in (*predicted, *SPANS) if name in row), None)


def _is_span(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and (len(value) > 1 or isinstance(value[0], list))


def _known_as(key: str, known: Collection[str]) -> str:
    """The key by which the references know a question; the key itself where they know none."""
    loose = None if key in known else _LOOSE_KEY.fullmatch(key)
    plain = f"{loose[1]}_{loose[2]}" if loose else key
    return plain if plain in known else key


def _from_file(path: Path, known: set[str], name_of: NameOf, key_of: KeyOf, needed: str) -> Iterator[tuple[str, Given]]:
    value = load_csv(path)[1] if path.suffix.casefold() == ".csv" else load_json(path)
    if isinstance(value, dict) and _is_row(value, name_of):
        value = [value]  # JSONL of one line
    if isinstance(value, list):
        yield from _from_rows(path, value, name_of, key_of, needed)
        return
    for key, one in value.items():
        here = _known_as(key, known) in known
        if not here and isinstance(one, list) and all(isinstance(row, dict) for row in one):
            # Else it is a table of figures, as Video-R1 adds one.
            if any(name_of(row) or _known_as(row_key(row) or "", known) in known for row in one):
                yield from _from_rows(path, one, name_of, key_of, needed)  # STAR: {"Interaction": [{"question_id", …}]}
        elif not here and isinstance(one, dict) and name_of(one) is None:
            for inner, raw in one.items():
                known_inner = _known_as(inner, known) in known
                yield inner if known_inner else f"{key}_{inner}", _given(path, inner, raw, name_of)
        else:
            yield key, _given(path, key, one, name_of)


def _is_row(value: Json, name_of: NameOf) -> bool:
    """Whether an object holds an answer itself, and not answers by question or rows."""
    name = name_of(value)
    held = None if name is None else value[name]
    rows = isinstance(held, dict) or (isinstance(held, list) and any(isinstance(one, dict) for one in held))
    return name is not None and not rows


def _from_rows(
    path: Path, rows: Sequence[Any], name_of: NameOf, key_of: KeyOf, needed: str
) -> Iterator[tuple[str, Given]]:
    for place, row in enumerate(unfolded(rows)):
        key = key_of(row) if isinstance(row, dict) else None
        if key is None:
            has = f"has {', '.join(map(str, row))}" if isinstance(row, dict) else f"is {shown(row)}"
            raise DataError(f"{path}: row {place} does not say which question it answers: it {has}; it needs {needed}")
        yield key, _given(path, f"row {place} ({key})", row, name_of)


def unfolded(rows: Iterable[Any]) -> Iterator[Any]:
    """The rows; of one that holds `questions`, as Video-MME's videos do, each of these with its video's fields."""
    for row in rows:
        inner = row.get("questions") if isinstance(row, dict) else None
        if not isinstance(inner, list) or not all(isinstance(one, dict) for one in inner):
            yield row
            continue
        video = {name: value for name, value in row.items() if name != "questions"}
        yield from (video | one for one in inner)


def _given(path: Path, where: str, value: Any, name_of: NameOf) -> Given:
    if not isinstance(value, dict):
        return Given(_alone(value))
    name = name_of(value)
    if name is None:
        names = ", ".join(SPANS if name_of is span_name else ANSWERS)
        raise DataError(
            f"{path}: {where} does not say what the model answered ({', '.join(map(str, value))} may each be something "
            f"else); call it one of {names}"
        )
    return Given(_alone(value[name]), value)


def _alone(value: Any) -> Any:
    """What a list holds that holds one text or list, as lmms-eval writes a single reply and VideoChat-R1 a span."""
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], (str, list)):
        value = value[0]
    return value


def cotask_key(asked: Asked) -> str | None:
    """The question's key of a final item that `demitasse annotate cotasks` wrote; None for any other item."""
    told = asked.extra.get("cotask")
    if not isinstance(told, dict) or told.get("stage") != FINAL_STAGE or "question_key" not in told:
        return None
    return str(told["question_key"])


def _from_run(folder: Path, item_key: ItemKey) -> Iterator[tuple[str, Given]]:
    """The replies of a run to those of its items that are the benchmark's."""
    from evaluate.comparing.arm import load_arm

    arm = load_arm(folder)
    keys = {item_id: key for item_id, asked in arm.items.items() if (key := item_key(asked)) is not None}
    if not keys:
        raise DataError(
            f"{folder}: no item of this run is known as a question of the benchmark; predict on the final items that "
            "`demitasse annotate cotasks` or `demitasse data convert` wrote, or give a prediction file"
        )
    for item_id, said in arm.predictions.items():
        if item_id in keys:
            yield keys[item_id], Given(said.response, finish=said.finish, error=said.error)
