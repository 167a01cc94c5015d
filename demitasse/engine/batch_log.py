"""Which batch jobs were sent, and for which requests: `batches.jsonl` of a results folder.

A row is written before a job is sent, when it is there and when it is over; the last one of a job counts. So a run
that is started again finds the jobs of one that was killed, whenever that was, and buys nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from demitasse.engine.journal import Journal, read_rows
from demitasse.engine.places import Places

BATCHES = "batches.jsonl"
SENDING, RUNNING, OVER = "sending", "running", "over"


@dataclass(frozen=True, slots=True)
class LoggedJob:
    """A job as it was last noted.

    Attributes:
        token: ours, which the endpoint holds as well.
        asked: name of the model.
        keys: of the requests whose replies it holds or will hold.
        state: `SENDING`, `RUNNING` or `OVER`.
        job: the endpoint's name for it; "" until it is there.
        began: when it was noted first.
    """

    token: str
    asked: str
    keys: frozenset[str]
    state: str
    job: str
    began: datetime


class BatchLog:
    """The jobs of a results folder, which whoever asks has locked. Nothing is opened before it is needed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / BATCHES
        self._journal: Journal[str] | None = None
        self._earlier = Places()  # request key -> number of its latest job; only of what was there on opening
        self._tokens: list[str] = []

    def find(self, key: str) -> LoggedJob | None:
        """The job of an earlier run that holds or will hold the reply to a request.

        Raises:
            DataError: if the file is damaged.
        """
        journal = self._open()
        number = self._earlier.get(key)
        row = journal.find(self._tokens[number]) if number is not None else None
        if row is None or key not in row["keys"]:
            return None
        began = datetime.fromisoformat(row["began"])
        return LoggedJob(row["batch"], row["asked"], frozenset(row["keys"]), row["state"], row["job"], began)

    def note(self, token: str, asked: str, keys: Iterable[str], state: str, job: str, began: datetime) -> None:
        """Note how a job stands.

        Raises:
            Stop: if the disk does not take it.
        """
        row = {"batch": token, "asked": asked, "job": job, "state": state, "began": began.isoformat()}
        journal = self._open()
        journal.append(row | {"time": datetime.now(UTC).isoformat(timespec="seconds"), "keys": list(keys)})
        journal.sync()  # there are few, and each stands for much money

    def close(self) -> None:
        """Close the file."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _open(self) -> Journal[str]:
        if self._journal is None:
            self._journal = Journal(self._path, lambda row: str(row["batch"]), grows=True)
            for row in read_rows(self._path):
                for key in row["keys"]:
                    self._earlier.put(key, len(self._tokens))
                self._tokens.append(row["batch"])
        return self._journal
