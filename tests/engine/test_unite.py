"""Several folders become one: nothing lost, nothing twice, and the same however often it is done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from demitasse.engine.journal import Rows, read_rows
from demitasse.engine.lock import lock_results
from demitasse.engine.unite import unite
from demitasse.errors import DemitasseError

FILE = "step_1/rows.jsonl"


def row(video: str, key: str, part: str = "", **fields: str) -> dict:
    return {"video": video, **fields, "provenance": {"part": part, "key": key}}


def put(path: Path, *rows: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.writelines(orjson.dumps(one) + b"\n" for one in rows)


def keys(path: Path) -> list[tuple[str, str]]:
    return [(one["video"], one["provenance"]["key"]) for one in read_rows(path)]


def test_rows_and_replies_of_all_folders_come_together_once(tmp_path: Path) -> None:
    one, two, out = tmp_path / "1", tmp_path / "2", tmp_path / "out"
    put(one / FILE, row("a", "k1"), row("b", "k2"))
    put(two / FILE, row("c", "k3", "x"), row("c", "k4", "y"))
    put(one / "calls.jsonl", {"key": "p", "reply": 1}, {"key": "q", "reply": 2})
    put(two / "calls.jsonl", {"key": "q", "reply": 3}, {"key": "r", "reply": 4})
    put(one / "attempts.jsonl", {"key": "p", "cost": 0.1})
    first, again = unite([one, two], out), unite([one, two], out)
    assert (first.rows, first.replies) == (4, 3) and (again.rows, again.replies) == (0, 0)
    assert keys(out / FILE) == [("a", "k1"), ("b", "k2"), ("c", "k3"), ("c", "k4")]
    assert [one["key"] for one in read_rows(out / "calls.jsonl")] == ["p", "q", "r"]
    assert len(list(read_rows(out / "attempts.jsonl"))) == 1


def test_the_row_that_counts_in_a_folder_counts_afterwards(tmp_path: Path) -> None:
    """Settings that were changed and changed back leave three rows, of which the first and the last are alike."""
    put(tmp_path / "1" / FILE, row("a", "old", said="1"), row("a", "new", said="2"), row("a", "old", said="3"))
    put(tmp_path / "out" / FILE, row("a", "old", said="1"), row("a", "new", said="2"))
    unite([tmp_path / "1"], tmp_path / "out")
    assert keys(tmp_path / "out" / FILE) == [("a", "old"), ("a", "new"), ("a", "old")]


def test_what_the_results_folder_has_of_other_records_stays(tmp_path: Path) -> None:
    put(tmp_path / "out" / FILE, row("z", "k0"))
    put(tmp_path / "1" / FILE, row("a", "k1"))
    unite([tmp_path / "1"], tmp_path / "out")
    assert keys(tmp_path / "out" / FILE) == [("z", "k0"), ("a", "k1")]


def test_outcomes_are_those_of_the_folders_and_no_others(tmp_path: Path) -> None:
    one, two, out = tmp_path / "1", tmp_path / "2", tmp_path / "out"
    put(out / "quarantine.jsonl", {"video": "was bad", "step": "1", "reason": "long ago"})
    put(one / "quarantine.jsonl", {"video": "a", "step": "1", "reason": "bad"})
    put(two / ".quarantine.jsonl.partial", {"video": "b", "step": "2", "reason": "bad, and then it was killed"})
    put(two / "skipped.jsonl", {"video": "c", "step": "0", "reason": "too long"})
    for _ in range(2):
        unite([one, two], out, left_out=[("d.txt", "no video")])
    assert [told["video"] for told in read_rows(out / "quarantine.jsonl")] == ["a", "b"]
    assert [told["video"] for told in read_rows(out / "skipped.jsonl")] == ["d.txt", "c"]
    unite([], out)
    assert not (out / "quarantine.jsonl").exists() and not (out / "skipped.jsonl").exists()


def test_a_torn_line_of_a_killed_shard_is_left_where_it_is(tmp_path: Path) -> None:
    put(tmp_path / "1" / FILE, row("a", "k1"))
    with (tmp_path / "1" / FILE).open("ab") as file:
        file.write(b'{"video": "b", "prov')
    before = (tmp_path / "1" / FILE).read_bytes()
    unite([tmp_path / "1"], tmp_path / "out")
    assert keys(tmp_path / "out" / FILE) == [("a", "k1")]
    assert (tmp_path / "1" / FILE).read_bytes() == before


def test_tracebacks_are_kept_once(tmp_path: Path) -> None:
    for name, text in (("1", "Traceback one\n"), ("2", "Traceback two\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "errors.log").write_text(text)
    for _ in range(2):
        unite([tmp_path / "1", tmp_path / "2"], tmp_path / "out")
    assert (tmp_path / "out" / "errors.log").read_text() == "Traceback one\nTraceback two\n"


def test_a_folder_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    put(tmp_path / "1" / FILE, row("a", "k1"))
    script = f"""
from pathlib import Path
from demitasse.engine.lock import lock_results
with lock_results(Path({str(tmp_path / "1")!r})):
    print("held", flush=True)
    input()
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(DemitasseError, match=f"is being written by process {other.pid} on"):
            unite([tmp_path / "1"], tmp_path / "out")
        other.kill()
        other.wait()
        assert unite([tmp_path / "1"], tmp_path / "out", patience=5).rows == 1, "the lock of a dead process is free"
    with lock_results(tmp_path / "1"):
        pass


def test_rows_of_several_files_are_found_in_the_last_one_that_has_them(tmp_path: Path) -> None:
    put(tmp_path / "1.jsonl", {"id": "a", "n": 1}, {"id": "b", "n": 2})
    put(tmp_path / "2.jsonl", {"id": "b", "n": 3}, {"id": "b", "n": 4})
    paths = [tmp_path / "1.jsonl", tmp_path / "none.jsonl", tmp_path / "2.jsonl"]
    with Rows(paths, lambda found: str(found["id"])) as rows:
        assert list(rows) == [{"id": "a", "n": 1}, {"id": "b", "n": 4}] and "b" in rows and "c" not in rows
        assert rows.find("a") == {"id": "a", "n": 1} and rows.find("b") == {"id": "b", "n": 4}
        assert rows.find("c") is None
