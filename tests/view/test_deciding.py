"""Decisions: on the disk at once, about one text only, by one person at a time."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from demitasse.cli import main
from demitasse.errors import DataError, DemitasseError
from demitasse.view.edits import Decision, Edit, merge, read_edits
from demitasse.view.folders import open_review
from demitasse.view.store import EditStore


def about(row, decision, **changes):
    return {"item": row["item"], "of": row["of"], "decision": decision, "changes": changes}


@pytest.mark.network
def test_a_decision_is_a_whole_row_on_the_disk_before_it_is_confirmed(dataset, serve):
    with serve(dataset) as client:
        row = client.json("/api/review")["items"][0]
        status, kept = client.decide(about(row, "edit", answer="C"))
        line = (dataset / "edits.jsonl").read_text()
        assert status == 200 and json.loads(line) == kept and line.endswith("\n")
        assert kept["who"] == "vera" and kept["task"] == "mcq" and kept["media"] == "a.mp4" and kept["time"]
        assert client.json("/api/edits") == [kept]


@pytest.mark.network
@pytest.mark.parametrize(
    ("edit", "says"),
    [
        pytest.param(
            {"decision": "edit", "changes": {"answer": "Z"}}, 'answer is "Z", but the options', id="no_option"
        ),
        pytest.param({"decision": "edit", "changes": {"question": " "}}, "question is empty", id="empty_question"),
        pytest.param({"decision": "edit", "changes": {"video_id": "x"}}, "changes.video_id", id="another_field"),
        pytest.param({"decision": "edit", "changes": {"answer": 3}}, "map fields to text", id="no_text"),
        pytest.param({"decision": "edit", "changes": {}}, "changes belong to", id="an_edit_without_changes"),
        pytest.param(
            {"decision": "accept", "changes": {"answer": "A"}}, "changes belong to", id="changes_without_edit"
        ),
        pytest.param({"decision": "perhaps"}, "must be one of accept, edit, reject, open", id="no_decision"),
        pytest.param({"decision": "accept", "of": "0" * 16}, "load it again", id="another_text"),
        pytest.param({"decision": "accept", "item": 3}, "item must be text", id="no_item"),
    ],
)
def test_what_would_make_no_sound_item_is_refused_in_a_sentence_and_not_kept(dataset, serve, edit, says):
    with serve(dataset) as client:
        row = client.json("/api/review")["items"][0]
        status, told = client.decide({"item": row["item"], "of": row["of"]} | edit)
        assert status == 422 and says in told["error"]
        assert (dataset / "edits.jsonl").read_bytes() == b""


@pytest.mark.network
@pytest.mark.parametrize("body", [b"", b"[1", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_decision_at_all_is_refused(dataset, serve, body):
    with serve(dataset) as client:
        origin = client.headers["Host"]
        status, _, _ = client.ask("/api/edits", "POST", body, Origin=f"http://{origin}")
        assert status == 422


@pytest.mark.network
def test_a_look_on_takes_no_decision(dataset, serve):
    with serve(dataset, decisions=False) as client:
        overview = client.json("/api/review")
        assert overview["decidable"] is False
        assert client.decide(about(overview["items"][0], "accept"))[0] == 404
    assert not (dataset / "edits.jsonl").exists()


def test_decisions_are_there_when_the_folder_is_opened_again(dataset):
    review = open_review(dataset)
    row = review.overview()["items"][0]
    for decision in ("reject", "accept"):
        with EditStore(review, dataset, "vera") as store:
            store.take(about(row, decision))
    with EditStore(review, dataset, "vera") as store:
        assert [edit["decision"] for edit in store.rows()] == ["accept"]


KILLED = """
import sys
from pathlib import Path
from demitasse.view.folders import open_review
from demitasse.view.store import EditStore
folder = Path(sys.argv[1])
review = open_review(folder)
rows = review.overview()["items"]
with EditStore(review, folder, "vera") as store:
    while True:
        for row in rows:
            store.take({"item": row["item"], "of": row["of"], "decision": "accept"})
            print(len(store.rows()), flush=True)
"""


def test_a_kill_loses_nothing_that_was_confirmed(dataset):
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(dataset)], stdout=subprocess.PIPE)
    confirmed = sum(1 for _ in zip(process.stdout, range(7), strict=False))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with (dataset / "edits.jsonl").open("a") as file:
        file.write('{"item": "torn')  # what a kill in the middle of a row would leave
    review = open_review(dataset)
    with EditStore(review, dataset, "vera") as store:
        assert len(store.rows()) == len(review.entries)
    assert len((dataset / "edits.jsonl").read_text().splitlines()) >= confirmed
    assert [path.read_text() for path in dataset.glob("edits.jsonl.torn-*")] == ['{"item": "torn']


def test_a_second_person_is_told_who_decides_and_can_look_on(dataset, capsys):
    ready = KILLED.replace("while True:", "print('ready', flush=True); sys.stdin.read()\n    while False:")
    first = subprocess.Popen(
        [sys.executable, "-c", ready, str(dataset)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout.readline() == "ready\n"
        assert main(["view", str(dataset), "--no-open"]) == 2
        error = capsys.readouterr().err
        assert f"process {first.pid}" in error and "--read-only" in error
        assert main(["data", "validate", str(dataset)]) == 0  # the lock is in nobody's way
    finally:
        first.communicate()


def test_another_process_may_annotate_while_a_person_decides(dataset):
    from demitasse.engine.lock import lock_results

    with EditStore(open_review(dataset), dataset, "vera"), lock_results(dataset):
        pass
    with pytest.raises(DemitasseError, match="choose another results folder"), lock_results(dataset):
        code = (
            "import sys; from pathlib import Path; from demitasse.engine.lock import lock_results\n"
            f"lock_results(Path({str(dataset)!r})).__enter__()"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        raise DemitasseError(found.stderr.strip().splitlines()[-1])


def edit(decision="accept", who="vera", time="2026-01-01T10:00:00+00:00", item="i", **changes):
    return Edit(item, "o", Decision(decision), changes, who=who, time=time)


@pytest.mark.parametrize(
    ("files", "winner", "overruled"),
    [
        pytest.param([[edit()], [edit("reject", "wim", "2026-01-01T10:00:01Z")]], "wim", 1, id="the_later_one_counts"),
        pytest.param(
            [[edit(time="2026-01-01T10:00:02Z")], [edit("reject", "wim")]], "vera", 1, id="whatever_the_order"
        ),
        pytest.param(
            [[edit()], [edit(who="wim", time="2026-01-02T00:00:00Z")]], "wim", 0, id="agreeing_is_no_conflict"
        ),
        pytest.param(
            [[edit(time="2026-01-01T11:30:00+02:00")], [edit("reject", "wim")]], "wim", 1, id="zones_are_heeded"
        ),
        pytest.param([[edit(time="yesterday")], [edit("reject", "wim")]], "wim", 1, id="no_time_is_oldest"),
    ],
)
def test_two_peoples_decisions_are_merged_by_time(files, winner, overruled):
    merged, lost = merge([{one.key: one for one in file} for file in files])
    assert [one.who for one in merged.values()] == [winner] and len(lost) == overruled


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param('{"item": "i", "of"', "line 2: not readable JSON", id="cut_short"),
        pytest.param("[1]", "line 2: is no JSON object", id="no_object"),
        pytest.param('{"item": "i", "of": "", "decision": "accept"}', "line 2: of must be text", id="no_hash"),
        pytest.param('{"item": "i", "of": "o", "decision": "x"}', "line 2: decision must be", id="no_decision"),
    ],
)
def test_a_line_that_is_no_decision_is_named(tmp_path, line, says):
    path = tmp_path / "edits.jsonl"
    path.write_text(json.dumps(edit().to_json()) + "\n" + line)
    with pytest.raises(DataError, match=says):
        read_edits(path)


def test_the_last_row_of_a_text_counts_even_without_a_line_end(tmp_path):
    rows = [edit("reject"), edit("edit", answer="A"), edit("open")]
    (tmp_path / "edits.jsonl").write_text("\n".join(json.dumps(one.to_json()) for one in rows))
    (found,) = read_edits(tmp_path / "edits.jsonl").values()
    assert found.decision is Decision.OPEN and found.changes == {}


def test_a_disk_that_is_full_is_said_and_nothing_is_counted_as_kept(dataset, monkeypatch):
    from demitasse.engine.step import Stop

    review = open_review(dataset)
    row = review.overview()["items"][0]
    with EditStore(review, dataset, "vera") as store:
        monkeypatch.setattr(os, "write", lambda fd, data: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(Stop, match="No space left"):
            store.take(about(row, "accept"))
        assert store.rows() == []
        monkeypatch.undo()
        store.take(about(row, "accept"))
    assert len(read_edits(Path(dataset) / "edits.jsonl")) == 1
