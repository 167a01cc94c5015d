"""lmms-eval's samples of a task of ours, as a run: replies are joined to the dataset's items by id, never by place.

The id is the one in the metric's dictionary, which our tasks and our own sample files hold. Scores are not taken over:
`demitasse score` and `demitasse judge` give the replies theirs, from the references of the dataset.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from demitasse.atomic import write_text
from demitasse.config.source import may_be_secret
from demitasse.errors import DataError
from demitasse.media.probe import content_hash
from evaluate.asking.provenance import provenance
from evaluate.comparing.arm import ITEMS, PREDICTIONS, RUN, read_header
from evaluate.interop.dataset_items import Placed
from evaluate.interop.lmms_doc import lmms_task
from evaluate.interop.scoring import read_reply
from evaluate.records import FINISHES, Asked, Fault, Json, Prediction, read_rows, write_rows

NAMED = 3  # ids that a message shows
_OWN = tuple(field.name for field in fields(Prediction) if field.name != "asked")
_SAMPLES = re.compile(r"(.+)_samples_.+\.jsonl")
_UNKEPT = "lmms-eval does not keep it: a reply that a limit cut is taken as if it had ended"


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of an import: replies that were taken, and ids of items of the samples' tasks that have none."""

    predictions: int
    missing: tuple[str, ...]


def import_samples(paths: Sequence[Path], placed: Mapping[str, Placed], out: Path, command: str) -> Imported:
    """Write a run folder from sample files.

    The run's items are those of the tasks that the samples are of, so that a run of a part is seen to be one.

    Args:
        paths: sample files, each of one task or several.
        placed: the dataset's items by id.
        out: the run folder; it must hold no run.
        command: the command line, for the header.

    Raises:
        DataError: for a line that is no sample of a task of ours, an id that the dataset does not have, or one that is
            there twice, and if `out` holds a run.
    """
    if any((out / name).exists() for name in (ITEMS, PREDICTIONS, RUN)):
        raise DataError(f"{out} holds a run already; give another --out")
    replies = _read(paths, {key: one.asked for key, one in placed.items()})
    tasks = {placed[key].asked.task for key in replies}
    of_tasks = [one for one in placed.values() if one.asked.task in tasks]
    wanted = [one.asked for one in of_tasks]
    given = _with_media([one for one in replies.values() if one is not None], placed)
    write_rows(out / ITEMS, [asked.to_json() for asked in wanted])
    write_rows(out / PREDICTIONS, [one.to_json() for one in given])
    header = _header(paths, wanted, sorted({one.source for one in of_tasks})) | {"command": command, **provenance()}
    write_text(out / RUN, json.dumps(header, indent=2, ensure_ascii=False) + "\n")
    answered = {one.asked.item_id for one in given}
    return Imported(len(given), tuple(asked.item_id for asked in wanted if asked.item_id not in answered))


def _with_media(given: Sequence[Prediction], placed: Mapping[str, Placed]) -> list[Prediction]:
    """Each reply with the hash of its medium, by which `demitasse gaps` knows what was evaluated."""
    files = {one.path for one in placed.values() if one.path.is_file()}
    hashes = {path: content_hash(path) for path in files}
    return [replace(one, media=one.media or hashes.get(placed[one.asked.item_id].path, "")) for one in given]


def _read(paths: Sequence[Path], items: Mapping[str, Asked]) -> dict[str, Prediction | None]:
    """Each sample's reply by item id; None where the sample says that there was none."""
    replies: dict[str, Prediction | None] = {}
    unknown: list[str] = []
    for path in paths:
        if not path.is_file():
            fault = "is a folder" if path.is_dir() else "is not there"
            raise DataError(f"{path} {fault}; give the sample files that lmms-eval wrote with --log_samples")
        for number, row in read_rows(path):
            where = f"{path}, line {number}"
            record = _record(where, row)
            item_id = record["item_id"]
            if item_id in replies:
                raise DataError(f"{where}: item_id {item_id} is there twice; give the samples of one run")
            if item_id not in items:
                unknown.append(f"{where}: item_id {item_id}")
                continue
            replies[item_id] = _prediction(where, items[item_id], row, record)
    if unknown:
        raise DataError(f"{_some(unknown)}: not in the dataset; give the --data that the task was made of")
    if not replies:
        raise DataError(f"{', '.join(map(str, paths))}: no sample")
    return replies


def _record(where: str, row: Json) -> Json:
    """The metric's dictionary."""
    for value in row.values():
        if isinstance(value, dict) and isinstance(value.get("item_id"), str):
            return value
    raise DataError(
        f"{where}: no item_id, so this is no sample of a task that `demitasse results --to lmms-task` wrote"
    )


def _prediction(where: str, asked: Asked, row: Json, record: Json) -> Prediction | None:
    own = record.get("prediction")
    if record.get("fault") == Fault.MISSING.value and not own:
        return None
    text = _reply(where, row)
    if not isinstance(own, dict):
        return read_reply(asked, text)
    known = {name: own.get(name, "") for name in _OWN} | {"response": text}
    if not all(isinstance(value, str) for value in known.values()) or known["finish"] not in FINISHES:
        raise DataError(f"{where}: 'prediction' is not what `demitasse results --to lmms` wrote there; write it again")
    return Prediction(asked, **known)


def _reply(where: str, row: Json) -> str:
    """The whole reply, its reasoning included: `filtered_resps` stands for both where both are the same."""
    value: Any = row.get("resps", row.get("filtered_resps"))
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        count = len(value) if isinstance(value, list) else "no"
        raise DataError(f"{where}: {count} replies, where one is needed; run lmms-eval with --repeats 1")
    return value


def _header(paths: Sequence[Path], wanted: Sequence[Asked], data: Sequence[Path]) -> Json:
    told = _told(paths)
    settings = {"lmms_eval": told, "samples": [content_hash(path) for path in paths]}
    rows = [asked.to_json() for asked in wanted]
    return {
        "format": "demitasse-predictions-v1",
        "student": str(told.get("model_name") or told.get("model") or "lmms-eval"),
        "settings": settings,
        "settings_sha256": _sha256(settings),
        "items_sha256": _sha256(rows),
        "items": len(rows),
        "videos": len({asked.video_id for asked in wanted}),
        "data": [{"file": str(path), "sha256": content_hash(path)} for path in data],
        "finish": _UNKEPT,
        "lmms_eval_tasks": sorted({lmms_task(asked.task) for asked in wanted}),
    }


def _told(paths: Sequence[Path]) -> Json:
    """What the results beside the samples say of the model, without what could be a secret."""
    for path in paths:
        match = _SAMPLES.fullmatch(path.name)
        results = read_header(path.with_name(f"{match[1]}_results.json")) if match else {}
        config = results.get("config")
        if isinstance(config, dict):
            kept = {name: config[name] for name in ("model", "gen_kwargs") if config.get(name) is not None}
            words = config.get("model_args")
            arguments = {"model_args": _without_secrets(words)} if isinstance(words, str) else {}
            named = {name: results[name] for name in ("model_name", "lmms_eval_version") if results.get(name)}
            return kept | arguments | named
    return {}


def _without_secrets(words: str) -> str:
    words = re.sub(r"//[^/@,]*@", "//(hidden)@", words)  # a name and a password in an address
    parts = (word.partition("=") for word in words.split(","))
    return ",".join(
        f"{name}=(hidden)" if may_be_secret(name) else f"{name}{sign}{value}" for name, sign, value in parts
    )


def _some(lines: Sequence[str]) -> str:
    more = f", and {len(lines) - NAMED} more" if len(lines) > NAMED else ""
    return "; ".join(lines[:NAMED]) + more


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
