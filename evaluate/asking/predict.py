"""Asking a student every item of a dataset: journaled, resumable, and joined to the items by id only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from demitasse.atomic import write_text
from demitasse.dataset import TaskFile
from demitasse.engine.budget import Ledger
from demitasse.engine.journal import Journal
from demitasse.engine.lock import lock_results
from demitasse.engine.outcomes import Summary
from demitasse.engine.ray_executor import take_over_workers
from demitasse.engine.shard import Shard, begin_shard, refuse_unmerged_shards
from demitasse.engine.share import Share
from demitasse.errors import OtherRunError
from demitasse.media.probe import content_hash
from demitasse.student.trained_on import TrainedOn
from evaluate.asking.answering import ID, Endpoint, Student, ask_share, id_of_row, records_of
from evaluate.asking.provenance import provenance
from evaluate.asking.spread import ALONE, Spread, ask_on_cluster, part_of, unite_shards
from evaluate.asking.work import Preparation, Work, shuffled, with_media, work_of
from evaluate.comparing.arm import ITEMS, PREDICTIONS, RUN
from evaluate.records import Json, read_predictions, read_rows, write_rows

KIND = "predict"  # of a shard


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a run did: asked now, found done from before, how many of all could not be asked, and why the first.

    `halted` says why it ended with items left: the budget is spent. Items are `unasked` where the run was interrupted
    or shards are missing. `trained_on` counts what the student had seen before, None where nobody knows.
    """

    asked: int
    found: int
    failed: int
    why: str = ""
    halted: str = ""
    trained_on: Json | None = None
    unasked: int = 0
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0; 3 when some items could not be asked, or are left; 130 when it was interrupted."""
        if self.interrupted:
            return 130
        return 3 if self.failed or self.halted or self.unasked else 0


def no_purse(_: Shard | None) -> Ledger | None:
    """The default of `predict`: nothing is counted."""
    return None


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
    purse: Callable[[Shard | None], Ledger | None] = no_purse,
    spread: Spread = ALONE,
) -> Predicted:
    """Ask a student the items of `files` and write `items.jsonl`, `predictions.jsonl` and `run.json` to `out`.

    A second run asks only what is missing, failed, or was asked about media that have changed since. An item
    whose media cannot be read becomes a row with finish "error", and the others go on.

    Args:
        open_student: loads who is asked; not called when nothing is left to ask. What a cluster's workers call can be
            pickled, and holds no secret.
        files: the dataset.
        out: the run folder.
        name: what the student is called, such as its folder; it may change.
        settings: everything that decides the answers, as JSON: the model's hash, frames, generation.
        batch_size: items asked at once; 1 for an endpoint, which has limits of its own.
        tasks: the tasks to ask; all of them if empty.
        command: the command line, kept in `run.json`.
        prepare: what is put before and beside the questions; an item's id and its row stay those of the item itself.
        shuffle: a seed, to show each item another one's medium; its row says whose.
        seen: what the student learnt from and was chosen on; None if nobody knows.
        purse: the money of the run, or of one of its shards.
        spread: which processes do it. A shard writes its rows in a folder of its own, and a merge the three files.

    Raises:
        OtherRunError: if `out` holds a run of other settings or other items.
        DemitasseError: if another process works on `out`.
        DataError: if an item is there twice, has no task, cannot be prepared, or none is left to ask.
    """
    work = work_of(files, tasks, prepare)
    header = _header(work, settings, files) | {"missing": prepare.missing if prepare else {}}
    if spread.shard is None or shuffle is not None:  # else a shard's own media will do
        work = with_media(work)
    trained_on = seen.counts({one.asked.item_id: one.media for one in work}) if seen else None
    if shuffle is not None:
        work = list(shuffled(work, shuffle))
    header |= {"student": name, "command": command, "trained_on": trained_on, **provenance()}
    take_over_workers(out, ID)
    run = _Run(open_student, work, out, batch_size, header, purse)
    if spread.shard is not None:
        return run.ask_shard(spread.shard)
    if spread.merge:
        return run.merge(spread.partial)
    return run.ask(spread)


@dataclass(frozen=True)
class _Run:
    """A run folder and what is to be asked."""

    open_student: Callable[[], Student | Endpoint]
    work: Sequence[Work]
    out: Path
    batch_size: int
    header: Json
    purse: Callable[[Shard | None], Ledger | None]

    def ask(self, spread: Spread) -> Predicted:
        """Ask what is left, in this process or on a cluster."""
        out = self.out
        refuse_unmerged_shards(out)
        with lock_results(out):
            begun = _check_begun(out, self.header)
            done, failed = _resume(out / PREDICTIONS, self.work)
            left = _left(self.work, done, failed)
            purse, summary, open_student = self.purse(None), Summary(), self.open_student
            if left and spread.cluster is None:
                student = open_student()  # only now: one that could not be loaded leaves no claim on the folder
                open_student = lambda: student  # noqa: E731
            self._write(begun)
            if left:
                records = records_of(left, self.batch_size)
                if spread.cluster is not None:
                    summary = ask_on_cluster(open_student, records, out, spread.cluster, purse)
                else:
                    summary = ask_share(open_student, Share(out, records, purse=purse), len(left))
            return self._told(out, self.work, len(done), summary)

    def ask_shard(self, shard: Shard) -> Predicted:
        """Ask what is left of a shard, in its folder."""
        folder = shard.folder(self.out)
        mine = part_of(self.work, self.batch_size, shard)
        if not all(one.media for one in mine):
            mine = with_media(mine)
        with lock_results(folder):
            _check_begun(self.out, self.header)
            state = begin_shard(shard, self.out, KIND, self._decides(), self.header["command"])
            done, failed = _resume(folder / PREDICTIONS, mine)
            done |= self._merged(mine)
            left = _left(mine, done, failed)
            share = Share(folder, records_of(left, self.batch_size), paid=self.out, purse=self.purse(shard))
            summary = ask_share(self.open_student, share, len(left)) if left else Summary()
            if not summary.cut_off:
                state.summary = Summary(done=len(mine))
                state.save(folder)
            return self._told(folder, mine, len(done), summary)

    def _merged(self, mine: Sequence[Work]) -> set[str]:
        """Ids of a shard's questions that an earlier merge has brought an answer to."""
        path = self.out / PREDICTIONS
        return _sorted_out(path, mine, self.work)[0] if path.is_file() else set()

    def merge(self, partial: bool) -> Predicted:
        """Take over what the shards hold; nobody is asked."""
        with lock_results(self.out):
            begun = _check_begun(self.out, self.header)
            known = len(_resume(self.out / PREDICTIONS, self.work)[0])
            unite_shards(self.out, self._decides(), len(self.work), partial)
            self._write(begun)
            return self._told(self.out, self.work, known, Summary())

    def _decides(self) -> str:
        """Hash of what must be the same in all shards, what is dealt to each included."""
        return _sha256([self.header["settings_sha256"], self.header["items_sha256"], self.batch_size])

    def _write(self, begun: bool) -> None:
        """The items each time, for a file that is lost or cut short is nowhere else; the header once."""
        write_rows(self.out / ITEMS, [one.asked.to_json() for one in self.work])
        if begun:
            return
        write_text(self.out / RUN, json.dumps(self.header, indent=2, ensure_ascii=False) + "\n")

    def _told(self, folder: Path, work: Sequence[Work], found: int, summary: Summary) -> Predicted:
        """What came of it, as the rows tell."""
        path = folder / PREDICTIONS
        rows = [_why(row) if row["finish"] == "error" else "" for _, row in read_rows(path)]
        reasons = [why for why in rows if why]
        return Predicted(
            max(0, len(rows) - found), found, len(reasons), next(iter(reasons), ""), summary.halted,
            self.header["trained_on"], max(0, len(work) - max(len(rows), found)), summary.interrupted,
        )  # fmt: skip


def _why(row: Json) -> str:
    """Why an item could not be asked, and which medium it was to be shown."""
    medium = row.get("detail", {}).get("shown") or row["video_id"]
    reason: str = row["error"]
    return reason if reason.startswith(medium) else f"{medium}: {reason}"


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
            raise OtherRunError(f"{out} holds predictions without a {RUN}, so nobody knows whose; give another --out")
        return False
    before = _read_header(path)
    for name, what in (("settings_sha256", "other settings"), ("items_sha256", "other items")):
        if before.get(name) != header[name]:
            differing = _differing(before.get("settings"), header["settings"])
            raise OtherRunError(
                f"{out} holds predictions made with {what}; give another --out, or delete that folder{differing}"
            )
    return True


def _read_header(path: Path) -> Json:
    """Raises OtherRunError if it is damaged: nobody knows any more how the rows beside it were asked."""
    try:
        header = json.loads(path.read_bytes())
    except ValueError:  # of JSON, and of UTF-8
        header = None
    if not isinstance(header, dict):
        raise OtherRunError(
            f"{path} is damaged, so nobody knows how the predictions beside it were made; give another --out, or put "
            "the file back"
        )
    return header


def _differing(before: object, now: Json) -> str:
    """Which settings differ, as they were, in brackets; nothing if that cannot be told."""
    if not isinstance(before, dict):
        return ""
    names = [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
    told = ", ".join(f"{name} was {json.dumps(before.get(name), ensure_ascii=False)}" for name in names)
    return f" ({told})" if told else ""


def _left(work: Sequence[Work], done: Collection[str], failed: Collection[str]) -> list[Work]:
    """What is to be asked; what failed before comes last, or it would end each run before the others are asked."""
    return sorted((one for one in work if one.asked.item_id not in done), key=lambda one: one.asked.item_id in failed)


def _resume(path: Path, work: Sequence[Work]) -> tuple[set[str], set[str]]:
    """Ids that need not be asked again, and those that do though they were asked.

    The latter's rows, and a line that a kill has torn, are taken out of the file.
    """
    Journal(path, id_of_row).close()  # makes the file, and sets a torn line aside
    good, failed = _sorted_out(path, work, work)
    if failed:
        write_rows(path, [row for _, row in read_rows(path) if row[ID] in good])
    return good, failed


def _sorted_out(path: Path, work: Sequence[Work], everyone: Sequence[Work]) -> tuple[set[str], set[str]]:
    """Ids of `work` that have an answer about their media as they are now, and ids of all other rows of the file.

    There may be rows about any item of `everyone`.
    """
    media = {one.asked.item_id: one.media for one in work}
    found = read_predictions(path, {one.asked.item_id: one.asked for one in everyone})
    good = {key for key, row in found.items() if row.finish != "error" and row.media == media.get(key)}
    return good, found.keys() - good


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
