"""What a run keeps in its results folder: rows by step, outcomes, and the tracebacks of what went wrong."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from demitasse.engine.caller import now
from demitasse.engine.graph import PROVENANCE, Graph
from demitasse.engine.journal import Journal, Row, Rows
from demitasse.engine.outcomes import State
from demitasse.engine.step import Fields, Quarantine, Record, Skip, Step, Stop
from demitasse.errors import DemitasseError, MediaError

SKIPPED = "skipped.jsonl"
QUARANTINED = "quarantine.jsonl"
ERRORS = "errors.log"

RowKey = tuple[str, str]  # record id, part


class Results:
    """The open files of one run. The folder is locked by whoever opens this.

    Args:
        folder: the results folder.
        graph: whose steps' files are opened.
        id_field: the field of a row that holds the record's id.
        beneath: another results folder, whose rows are taken over where this one has none; it is only read.

    Raises:
        DataError: if a journal is damaged.
    """

    def __init__(self, folder: Path, graph: Graph, id_field: str, beneath: Path | None = None) -> None:
        self._folder = folder
        self._id_field = id_field
        self._journals: dict[str, Journal[RowKey]] = {}
        self._files = ExitStack()
        with self._files:  # closed if one of them cannot be opened
            for file in {step.file for step in graph.steps.values()}:
                lower = self._files.enter_context(Rows([beneath / file], self._row_key)) if beneath else None
                journal = Journal(folder / file, self._row_key, beneath=lower)
                self._journals[file] = self._files.enter_context(journal)
            self._outcomes = {
                state: self._files.enter_context(OutcomeFile(folder / name))
                for state, name in ((State.SKIPPED, SKIPPED), (State.QUARANTINED, QUARANTINED))
            }
            self._files = self._files.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._files.close()

    def find(self, step: Step, record: Record) -> Row | None:
        """The row that earlier runs left for this step and record."""
        return self._journals[step.file].find((record.id, step.part))

    def keep(self, step: Step, record: Record, key: str, fields: Fields) -> Row:
        """Write a step's new fields as a row; returns it as it will be read back.

        Raises:
            Stop: if the disk does not take it.
            TypeError: if a field is nothing that JSON can hold.
        """
        told = {"step": step.name, "part": step.part, "version": step.version, "key": key, "time": now()}
        named = {} if self._id_field in fields else {self._id_field: record.id}
        row = {**named, **fields, PROVENANCE: told | fields.get(PROVENANCE, {})}
        row[self._id_field] = record.id  # the index finds it by nothing else
        # Later steps must see the same in this run as in one that reads the row: lists for tuples, null for NaN.
        stored: Row = orjson.loads(orjson.dumps(row))
        self._journals[step.file].append(stored)
        return stored

    def leave_out(self, what: str, reason: str) -> None:
        """Write down an input that never became a record."""
        self._outcomes[State.SKIPPED].append({self._id_field: what, "step": "", "reason": reason, "time": now()})

    def fail(self, step: Step, record: Record, error: Exception) -> tuple[State, str]:
        """Write down why a step ended without a row; returns its state and the reason.

        What is not an error of ours for the person is a defect, and leaves its traceback in `errors.log`.
        """
        state = State.SKIPPED if isinstance(error, Skip) else State.QUARANTINED
        reason = _reason(error)
        row = {self._id_field: record.id, "step": step.name, "reason": reason}
        if not isinstance(error, Skip | Quarantine):
            row["error"] = type(error).__name__
        self._outcomes[state].append(row | {"time": now()})
        if not isinstance(error, DemitasseError):
            self._log(step, record, error)
        return state, reason

    def _log(self, step: Step, record: Record, error: Exception) -> None:
        text = "".join(traceback.format_exception(error))
        try:
            with (self._folder / ERRORS).open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"{now()} step {step.name}, record {record.id!r}\n{text}\n")
        except OSError as failure:
            raise Stop(f"{self._folder / ERRORS} could not be written ({failure.strerror})") from None

    def _row_key(self, row: Row) -> RowKey:
        return row[self._id_field], row.get(PROVENANCE, {}).get("part", "")


class OutcomeFile:
    """What was skipped or quarantined in the latest run: written as it happens, put in place when the run ends.

    A run that is killed leaves the file of the run before it. A run without such outcomes leaves no file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = partial_of(path)
        self._partial.unlink(missing_ok=True)
        self._journal: Journal[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._journal is None:
            self._path.unlink(missing_ok=True)
            return
        self._journal.close()
        os.replace(self._partial, self._path)

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one outcome.

        Raises:
            Stop: if the disk does not take it.
        """
        if self._journal is None:
            self._journal = Journal(self._partial, lambda _: None)
        self._journal.append(row)


def partial_of(path: Path) -> Path:
    """Where the outcomes of a run are until it ends; what a kill leaves there is the next run's to remove."""
    return path.with_name(f".{path.name}.partial")


def _reason(error: Exception) -> str:
    if isinstance(error, MediaError):
        return error.reason
    text = " ".join(str(error).split())
    return text if isinstance(error, DemitasseError) else f"{type(error).__name__}: {text}"
