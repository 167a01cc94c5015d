"""Asking a student every item of a dataset: journaled, resumable, and joined to the items by id only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from tqdm import tqdm

from demitasse.atomic import write_text
from demitasse.dataset import Item, TaskFile
from demitasse.dataset.item_id import storable
from demitasse.engine.budget import BudgetSpent
from demitasse.engine.journal import Journal
from demitasse.engine.lock import lock_results
from demitasse.errors import ConfigError, DataError, DemitasseError, MediaError
from demitasse.media.probe import content_hash
from demitasse.student.trained_on import TrainedOn
from evaluate.asking.provenance import provenance
from evaluate.asking.work import Preparation, Work, shuffled, work_of
from evaluate.comparing.arm import ITEMS, PREDICTIONS, RUN
from evaluate.records import Json, Prediction, read_predictions, read_rows, write_rows

PROGRESS_AFTER = 2.0  # seconds


class Generated(Protocol):
    """A raw reply; `finish` is "stop", or "length" when the token limit cut it."""

    @property
    def text(self) -> str:
        """The reply."""
        ...

    @property
    def finish(self) -> str:
        """How it ended."""
        ...

    @property
    def evidence(self) -> str:
        """What was written first, if there was to be evidence before the reply."""
        ...


@runtime_checkable
class Detailed(Protocol):
    """A reply of which more is known than its words."""

    @property
    def detail(self) -> Json:
        """What goes into its row, as JSON."""
        ...


class Student(Protocol):
    """Whoever is asked; `demitasse.student.generate.Answerer` is one."""

    def answer(self, items: Sequence[tuple[Item, Path]]) -> Sequence[Generated]:
        """Replies in the order of the items, each with its media file. MediaError or DataError for a bad one."""
        ...


@runtime_checkable
class Endpoint(Protocol):
    """Whoever is asked many items at once; `evaluate.asking.endpoint.EndpointStudent` is one."""

    def ask(self, items: Sequence[tuple[Item, Path]], take: Callable[[int, Generated | DemitasseError], None]) -> None:
        """Call `take` with each item's place and reply, or why there is none, as the replies come.

        Raises BudgetSpent when nothing more may be bought.
        """
        ...


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a run did: asked now, found done from before, how many of all could not be asked, and why the first.

    `halted` says why it ended with items left: the budget is spent. `trained_on` counts what the student had seen
    before, None where nobody knows.
    """

    asked: int
    found: int
    failed: int
    why: str = ""
    halted: str = ""
    trained_on: Json | None = None

    @property
    def exit_code(self) -> int:
        """0, or 3 when some items could not be asked."""
        return 3 if self.failed or self.halted else 0


def predict(
    open_student: Callable[[], Student | Endpoint],
    files: Sequence[TaskFile],
    out: Path,
    name: str,
    settings: Json,
    batch_size: int = 8,
    tasks: Collection[str] = (),
    command: str = "",
    prepare: Preparation | None = None,
    shuffle: int | None = None,
    seen: TrainedOn | None = None,
) -> Predicted:
    """Ask a student the items of `files` and write `items.jsonl`, `predictions.jsonl` and `run.json` to `out`.

    A second run asks only what is missing, failed, or was asked about media that have changed since. An item
    whose media cannot be read becomes a row with finish "error", and the others go on.

    Args:
        open_student: loads who is asked; not called when nothing is left to ask.
        files: the dataset.
        out: the run folder.
        name: what the student is called, such as its folder; it may change.
        settings: everything that decides the answers, as JSON: the model's hash, frames, generation.
        batch_size: items asked at once; an endpoint has limits of its own.
        tasks: the tasks to ask; all of them if empty.
        command: the command line, kept in `run.json`.
        prepare: what is put before and beside the questions; an item's id and its row stay those of the item itself.
        shuffle: a seed, to show each item another one's medium; its row says whose.
        seen: what the student learnt from and was chosen on; None if nobody knows.

    Raises:
        ConfigError: if `out` holds a run of other settings or other items.
        DemitasseError: if another process works on `out`.
        DataError: if an item is there twice, has no task, cannot be prepared, or none is left to ask.
    """
    work = work_of(files, tasks, prepare)
    trained_on = seen.counts({one.asked.item_id: one.media for one in work}) if seen else None
    if shuffle is not None:
        work = list(shuffled(work, shuffle))
    missing = prepare.missing if prepare else {}
    header = _header(work, settings, files) | {"student": name, "command": command, "missing": missing}
    header |= {"trained_on": trained_on, **provenance()}
    with lock_results(out):
        begun = _check_begun(out, header)
        done = _resume(out / PREDICTIONS, work)
        left = [one for one in work if one.asked.item_id not in done]
        student = open_student() if left else None
        if not begun:  # only now: a student that could not be loaded leaves no claim on the folder
            write_rows(out / ITEMS, [one.asked.to_json() for one in work])
            write_text(out / RUN, json.dumps(header, indent=2, ensure_ascii=False) + "\n")
        told = _ask(student, left, out, batch_size) if student else _Told()
    why = next(iter(told.reasons), "")
    return Predicted(told.asked, len(done), len(told.reasons), why, told.halted, trained_on)


def _header(work: Sequence[Work], settings: Json, files: Sequence[TaskFile]) -> Json:
    return {
        "format": "demitasse-predictions-v1",
        "settings": settings,
        "settings_sha256": _sha256(settings),
        "items_sha256": _sha256([one.asked.to_json() for one in work]),
        "items": len(work),
        "videos": len({one.asked.video_id for one in work}),
        "data": [{"file": str(file.path), "sha256": content_hash(file.path)} for file in files if file.path],
    }


def _check_begun(out: Path, header: Json) -> bool:
    """Whether `out` holds this very run already; another one is refused."""
    path = out / RUN
    if not path.is_file():
        if (out / PREDICTIONS).is_file() and (out / PREDICTIONS).stat().st_size:
            raise ConfigError(f"{out} holds predictions without a {RUN}, so nobody knows whose; give another --out")
        return False
    before = json.loads(path.read_text(encoding="utf-8"))
    for name, what in (("settings_sha256", "other settings"), ("items_sha256", "other items")):
        if before.get(name) != header[name]:
            raise ConfigError(f"{out} holds predictions made with {what}; give another --out, or delete that folder")
    return True


def _resume(path: Path, work: Sequence[Work]) -> set[str]:
    """Ids that need not be asked again; rows that do, and a line that a kill has torn, are taken out of the file."""
    Journal(path, lambda row: str(row["item_id"])).close()  # makes the file, and sets a torn line aside
    media = {one.asked.item_id: one.media for one in work}
    found = read_predictions(path, {one.asked.item_id: one.asked for one in work})
    good = {key for key, row in found.items() if row.finish != "error" and row.media == media[key]}
    if len(good) < len(found):
        write_rows(path, [row for _, row in read_rows(path) if row["item_id"] in good])
    return good


@dataclass(slots=True)
class _Told:
    """How many rows were written, why the failed ones failed, and why the run was ended early."""

    asked: int = 0
    reasons: list[str] = field(default_factory=list)
    halted: str = ""


def _ask(student: Student | Endpoint, work: Sequence[Work], out: Path, batch_size: int) -> _Told:
    """Ask, keeping what was answered before more is asked."""
    told = _Told()
    progress = tqdm(total=len(work), desc=f"predict {out.name}", unit="item", delay=PROGRESS_AFTER, disable=None)
    with Journal(out / PREDICTIONS, lambda row: str(row["item_id"])) as journal, progress:

        def keep(rows: Sequence[Prediction]) -> None:
            for row in rows:
                journal.append(row.to_json())
            journal.sync()
            told.asked += len(rows)
            told.reasons += [row.error for row in rows if row.finish == "error"]
            progress.update(len(rows))

        keep([_fault(one, one.fault) for one in work if one.fault])
        work = [one for one in work if not one.fault]
        if isinstance(student, Endpoint):
            told.halted = _ask_endpoint(student, work, keep)
            return told
        for start in range(0, len(work), batch_size):
            keep(list(_answer(student, work[start : start + batch_size])))
    return told


def _ask_endpoint(endpoint: Endpoint, work: Sequence[Work], keep: Callable[[Sequence[Prediction]], None]) -> str:
    """Ask all at once; returns why it ended early, empty if it did not."""

    def take(place: int, said: Generated | DemitasseError) -> None:
        one = work[place]
        keep([_fault(one, _reason(said)) if isinstance(said, DemitasseError) else _row(one, said)])

    try:
        endpoint.ask([(one.item, one.path) for one in work], take)
    except BudgetSpent as spent:
        return str(spent)
    return ""


def _fault(one: Work, reason: str) -> Prediction:
    return Prediction(one.asked, "", "error", storable(reason), one.media, detail=_detail(one))


def _detail(one: Work, said: Generated | None = None) -> Json:
    own: Json = said.detail if isinstance(said, Detailed) else {}
    return ({"shown": one.shown} if one.shown else {}) | own


def _reason(fault: DemitasseError) -> str:
    return fault.reason if isinstance(fault, MediaError) else str(fault)


def _row(one: Work, said: Generated) -> Prediction:
    question = storable(one.item.question)
    return Prediction(
        one.asked,
        storable(said.text),
        said.finish,
        media=one.media,
        evidence=storable(said.evidence),
        prompt=question if question != one.asked.question else "",
        detail=_detail(one, said),
    )


def _answer(student: Student, batch: Sequence[Work]) -> Iterator[Prediction]:
    """The batch's rows; a bad item is found by asking its batch one by one."""
    try:
        replies = student.answer([(one.item, one.path) for one in batch])
    except (MediaError, DataError) as fault:
        if len(batch) > 1:
            for one in batch:
                yield from _answer(student, [one])
            return
        yield _fault(batch[0], _reason(fault))
        return
    for one, reply in zip(batch, replies, strict=True):
        yield _row(one, reply)


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
