"""Putting the results of several folders into one, as a single run would have written them.

What is written is appended or replaced whole, and what is there already is left alone: a unification that was cut
off is begun again, and one that is repeated changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import orjson

from demitasse.atomic import write_text
from demitasse.engine.batch_log import BATCHES
from demitasse.engine.budget import ATTEMPTS, CALLS
from demitasse.engine.caller import now
from demitasse.engine.graph import PROVENANCE
from demitasse.engine.journal import Journal, Row, Rows, read_rows
from demitasse.engine.lock import lock_results
from demitasse.engine.results import ERRORS, QUARANTINED, SKIPPED, partial_of

_STEPS = ("[!.]*.jsonl", "[!.]*/*.jsonl")
_OWN = (CALLS, ATTEMPTS, BATCHES, SKIPPED, QUARANTINED)


@dataclass(slots=True)
class United:
    """What came in: new rows of steps, and new replies."""

    rows: int = 0
    replies: int = 0


def unite(
    folders: Sequence[Path],
    results_dir: Path,
    id_field: str = "video",
    left_out: Iterable[tuple[str, str]] = (),
    patience: float = 0.0,
) -> United:
    """Take over what other results folders hold; they are only read, but locked meanwhile, as is the results folder.

    Of a step's rows for a record the last one in the folders counts; it becomes the last one here. Outcomes
    (`skipped.jsonl`, `quarantine.jsonl`) are the folders' together and take the place of those that were here.

    Args:
        folders: where from. No two of them worked on the same record, or else the later one counts.
        results_dir: where to.
        id_field: the row's field that holds the record's id.
        left_out: inputs that never became records, as (what, why).
        patience: seconds to wait for the folders' locks.

    Raises:
        DemitasseError: if another process holds one of the folders, or a journal is damaged.
        Stop: if the disk does not take it.
    """
    united = United()

    def row_key(row: Row) -> Hashable:
        return row[id_field], row.get(PROVENANCE, {}).get("part", "")

    with ExitStack() as locks:
        for folder in (results_dir, *folders):
            locks.enter_context(lock_results(folder, patience=patience))
        united.replies = _take_over(CALLS, folders, results_dir, lambda row: row["key"])
        _take_over(ATTEMPTS, folders, results_dir, orjson.dumps)
        for file in _journals(folders):
            united.rows += _take_over(file, folders, results_dir, row_key)
        for name in (SKIPPED, QUARANTINED):
            told = [{id_field: what, "step": "", "reason": why, "time": now()} for what, why in left_out]
            _write_outcomes(results_dir / name, told if name == SKIPPED else [], folders, id_field)
        _append_errors(results_dir / ERRORS, folders)
    return united


def _journals(folders: Sequence[Path]) -> list[str]:
    """The steps' journals, each beside the engine's own files or in a folder below."""
    found = ((folder, path) for folder in folders for name in _STEPS for path in folder.glob(name))
    return sorted({path.relative_to(folder).as_posix() for folder, path in found if path.name not in _OWN})


def _take_over(file: str, folders: Sequence[Path], results_dir: Path, key: Callable[[Row], Hashable]) -> int:
    taken = 0
    paths = [folder / file for folder in folders]
    if not any(path.exists() for path in paths):
        return 0
    with Rows(paths, key) as theirs, Journal(results_dir / file, key) as ours:
        for row in theirs:
            known = ours.find(key(row))
            if known is None or _version(known) != _version(row):
                ours.append(row)
                taken += 1
    return taken


def _version(row: Row) -> str | None:
    """What tells two rows of one place apart: the key of a step's row. Replies of one key are equal."""
    version: str | None = row.get(PROVENANCE, {}).get("key")
    return version


def _write_outcomes(path: Path, rows: list[Row], folders: Sequence[Path], id_field: str) -> None:
    """Each step's last outcome for each record. Of a run that was killed, what it had written so far counts too."""
    found = {(row[id_field], row["step"]): row for row in rows}
    for folder in folders:
        for source in (folder / path.name, partial_of(folder / path.name)):
            for row in read_rows(source) if source.exists() else ():
                found[row[id_field], row["step"]] = row
    if found:
        write_text(path, "".join(orjson.dumps(row).decode() + "\n" for row in found.values()))
    else:
        path.unlink(missing_ok=True)


def _append_errors(path: Path, folders: Sequence[Path]) -> None:
    known = path.read_text(encoding="utf-8") if path.exists() else ""
    for folder in folders:
        source = folder / ERRORS
        text = source.read_text(encoding="utf-8") if source.exists() else ""
        known += text if text not in known else ""
    if known:
        write_text(path, known)
