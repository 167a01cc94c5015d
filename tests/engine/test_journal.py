"""The journal: whole rows or none, whatever happens to the process or the disk."""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from demitasse.engine import journal as journal_module
from demitasse.engine.journal import SYNC_ROWS, Journal, read_rows
from demitasse.engine.lock import lock_results
from demitasse.engine.step import Stop
from demitasse.errors import DataError, DemitasseError


def open_journal(path: Path) -> Journal[str]:
    return Journal(path, lambda row: row["key"])


def test_rows_are_found_again_by_key(tmp_path: Path) -> None:
    with open_journal(tmp_path / "deep" / "rows.jsonl") as journal:
        journal.append({"key": "a", "text": "é\n😀"})
        journal.append({"key": "b", "text": ""})
    with open_journal(tmp_path / "deep" / "rows.jsonl") as journal:
        assert journal.find("a") == {"key": "a", "text": "é\n😀"}
        assert journal.find("c") is None
        assert len(journal) == 2


def test_of_rows_with_equal_keys_the_last_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"key":"a","n":1}\n{"key":"b","n":2}\n{"key":"a","n":3}\n')
    with open_journal(path) as journal:
        assert journal.find("a") == {"key": "a", "n": 3}


def test_the_index_does_not_grow_with_what_is_appended(tmp_path: Path) -> None:
    with open_journal(tmp_path / "rows.jsonl") as journal:
        for number in range(10):
            journal.append({"key": str(number)})
        assert len(journal) == 0


@pytest.mark.parametrize(
    ("tail", "kept"),
    [
        pytest.param(b"", 2, id="a_whole_file_is_left_alone"),
        pytest.param(b'{"key":"c","te', 2, id="half_a_row_is_set_aside"),
        pytest.param(b'{"key":"c"}', 2, id="a_row_without_its_newline_is_set_aside"),
        pytest.param(b"\0" * 200_000, 2, id="zeros_longer_than_a_block_are_set_aside"),
    ],
)
def test_a_torn_tail_never_damages_the_next_row(tmp_path: Path, tail: bytes, kept: int) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"key":"a"}\n{"key":"b"}\n' + tail)
    with open_journal(path) as journal:
        assert (journal.torn, len(journal)) == (len(tail), kept)
        journal.append({"key": "next"})
    assert [row["key"] for row in read_rows(path)] == ["a", "b", "next"]
    aside = list(tmp_path.glob("rows.jsonl.torn-*"))
    assert b"".join(file.read_bytes() for file in aside) == tail


def test_a_file_that_is_nothing_but_a_torn_row_becomes_empty(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"key":')
    with open_journal(path) as journal:
        assert journal.torn == 7
    assert path.read_bytes() == b""


def test_reading_leaves_a_torn_row_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"key":"a"}\n{"key":')
    assert list(read_rows(path)) == [{"key": "a"}]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        pytest.param("{broken}", "line 2: not a JSON object", id="not_json"),
        pytest.param("[1]", "line 2: not a JSON object", id="not_an_object"),
        pytest.param('{"other":1}', "line 2: the field 'key' is missing", id="no_key"),
    ],
)
def test_a_damaged_line_in_the_middle_is_an_error_that_names_it(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"key":"a"}}\n{line}\n{{"key":"b"}}\n')
    with pytest.raises(DataError, match=told):
        open_journal(path)


def test_a_row_the_disk_takes_half_of_is_taken_back(tmp_path: Path) -> None:
    script = f"""
import resource
from pathlib import Path
from demitasse.engine.journal import Journal
from demitasse.engine.step import Stop
journal = Journal(Path({str(tmp_path / "rows.jsonl")!r}), lambda row: row["key"])
journal.append({{"key": "a"}})
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
for size in (2000, 2000, 10):
    try:
        journal.append({{"key": "b" * size}})
        print("kept", size)
    except Stop as error:
        print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.close()
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "the disk took 988 of a row's 2011 bytes, which were taken back" in told
    assert "kept 10" in told
    assert [row["key"] for row in read_rows(tmp_path / "rows.jsonl")] == ["a", "b" * 10]


def test_a_full_disk_stops_with_the_file_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with open_journal(tmp_path / "rows.jsonl") as journal:
        monkeypatch.setattr(journal_module.os, "write", full)
        with pytest.raises(Stop, match=r"rows\.jsonl: a row could not be written \(No space left on device\)"):
            journal.append({"key": "a"})


def test_rows_reach_the_disk_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(journal_module.os, "fsync", synced.append)
    with open_journal(tmp_path / "rows.jsonl") as journal:
        for number in range(2 * journal_module.SYNC_ROWS + 1):
            journal.append({"key": str(number)})
        assert len(synced) == 2
    assert len(synced) == 3


def test_a_lonely_row_reaches_the_disk_within_the_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(journal_module.os, "fsync", synced.append)
    monkeypatch.setattr(journal_module, "SYNC_SECONDS", 0.02)

    async def write(journal: Journal[str]) -> int:
        before = len(synced)
        journal.append({"key": "a"})
        async with asyncio.timeout(60):
            while len(synced) == before:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # were there another, it would come now
        return len(synced)

    with open_journal(tmp_path / "rows.jsonl") as journal:
        assert asyncio.run(write(journal)) == 1
        assert asyncio.run(write(journal)) == 2, "a second event loop has a timer of its own"


def test_a_second_process_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from demitasse.engine.lock import lock_results\n"
        f"with lock_results(Path({str(tmp_path)!r})): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DemitasseError, match=f"is being written by process {holder.pid} on .* since "):
            lock_results(tmp_path).__enter__()
    finally:
        holder.kill()
        holder.communicate()
    with lock_results(tmp_path):  # SIGKILL has let go of it
        owner = json.loads((tmp_path / "LOCK.json").read_text())
    assert owner["pid"] == os.getpid()


def test_a_process_may_take_its_own_lock_again(tmp_path: Path) -> None:
    with lock_results(tmp_path):
        with lock_results(tmp_path):
            pass
        script = (
            "from pathlib import Path; from demitasse.engine.lock import lock_results\n"
            f"lock_results(Path({str(tmp_path)!r})).__enter__()"
        )
        inner = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert "is being written by" in inner.stderr, "leaving the inner block must not let go of the folder"


def test_a_slow_disk_holds_up_nobody_who_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, written = [], threading.Event()

    def slowly(fd: int) -> None:
        assert written.wait(60), "a row waited for the disk"
        synced.append(fd)

    monkeypatch.setattr(os, "fsync", slowly)

    async def write(journal: Journal[int]) -> None:
        for number in range(3 * SYNC_ROWS):
            journal.append({"n": number})
            await asyncio.sleep(0)

    with Journal(tmp_path / "rows.jsonl", lambda row: row["n"]) as journal:
        asyncio.run(write(journal))
        written.set()
    assert len(synced) == 2, "one beside the rows, and what came after it when the journal is closed"


def test_a_disk_that_fails_beside_the_rows_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)

    async def write(journal: Journal[int]) -> None:
        async with asyncio.timeout(60):
            for number in itertools.count():
                journal.append({"n": number})
                await asyncio.sleep(0.0001)

    journal = Journal(tmp_path / "rows.jsonl", lambda row: row["n"])
    with pytest.raises(Stop, match="rows.jsonl: the last rows may not be on the disk \\(Input/output error\\)"):
        asyncio.run(write(journal))
    with pytest.raises(Stop):
        journal.close()
