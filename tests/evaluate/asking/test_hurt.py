"""What is hurt or odd on disk is one counted row or one sentence, and never a traceback or a run that lacks a file."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from demitasse.chat.model import Capability, Outcome, Reply
from demitasse.chat.server import ChatServer
from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, read
from demitasse.errors import MediaError, OtherRunError
from demitasse.toyworld.render import render
from evaluate.asking.predict import predict
from evaluate.comparing.arm import load_arm

LONE = "\ud800"  # half of a pair, as JSON may hold it and UTF-8 may not


@dataclass
class Said:
    text: str
    finish: str = "stop"
    evidence: str = ""


class Model:
    """Answers with the question, behind an endpoint."""

    name, capability = "m", Capability()

    async def reply(self, request):
        return Reply(Outcome.SUCCESS, request.text, model="m")

    async def close(self):
        """Nothing to close."""


class Reader:
    """Answers with the question, if the file can be read."""

    def answer(self, items):
        for _, path in items:
            try:
                path.read_bytes()
            except OSError:
                raise MediaError(path, "not readable") from None
        return [Said(item.question) for item, _ in items]


@pytest.fixture
def file(tmp_path) -> TaskFile:
    (tmp_path / "a.mp4").write_bytes(b"a")
    return task_file(tmp_path, [Item("What?", "A", "a.mp4"), Item("Who?", "A", "a.mp4")])


def task_file(folder: Path, items: list[Item]) -> TaskFile:
    """The items, read from a file, as a run reads them."""
    value = {
        "format": "tao-vl-reason-v1.0",
        "metadata": {"type": "annotation", "task": "open_qa", "license": "x"},
        "items": [item.to_json() for item in items],
    }
    (folder / "x.json").write_text(json.dumps(value))
    return read(folder / "x.json")


def ask(file: TaskFile, out: Path, **settings):
    return predict(Reader, [file], out, "reader", {"model": "reader", **settings})


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"settings": {"mo', id="cut_short"),
        pytest.param(b"[]", id="a_list"),
        pytest.param(b"\xff\xfe", id="no_text"),
    ],
)
def test_a_damaged_header_is_a_sentence_and_costs_no_row(file, tmp_path, header):
    out = tmp_path / "out"
    ask(file, out)
    rows = (out / "predictions.jsonl").read_bytes()
    (out / "run.json").write_bytes(header)
    with pytest.raises(OtherRunError, match=r"run\.json is damaged, .* give another --out"):
        ask(file, out)
    assert (out / "predictions.jsonl").read_bytes() == rows


@pytest.mark.parametrize("left", [pytest.param(None, id="gone"), pytest.param(40, id="cut_short")])
def test_items_that_were_lost_from_a_finished_run_are_written_again(file, tmp_path, left):
    out = tmp_path / "out"
    ask(file, out)
    items, header = ((out / name).read_bytes() for name in ("items.jsonl", "run.json"))
    (out / "items.jsonl").unlink() if left is None else (out / "items.jsonl").write_bytes(items[:left])
    assert ask(file, out).asked == 0
    assert (out / "items.jsonl").read_bytes() == items
    assert (out / "run.json").read_bytes() == header, "it tells of the code that answered, not of the code that looked"


def test_other_settings_are_named_as_they_were(file, tmp_path):
    ask(file, tmp_path / "out", fps=1.0, mode="think")
    with pytest.raises(OtherRunError, match=r'folder \(fps was 1\.0, mcq was null, mode was "think"\)$'):
        ask(file, tmp_path / "out", fps=2.0, mcq="letters")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("x" * 300 + ".mp4", id="a_name_that_no_folder_takes"),
        pytest.param("folder.mp4", id="a_folder"),
        pytest.param("a.mp4/b.mp4", id="below_a_file"),
        pytest.param("", id="no_name"),
    ],
)
def test_a_medium_that_cannot_even_be_looked_at_is_a_row_and_stops_no_other(file, tmp_path, name):
    (tmp_path / "folder.mp4").mkdir()
    done = ask(task_file(tmp_path, [*file.items, Item("Where?", "A", name)]), tmp_path / "out")
    rows = list(load_arm(tmp_path / "out").predictions.values())
    assert sorted(row.finish for row in rows) == ["error", "stop", "stop"]
    why = f"{name}: not readable" if name else "not readable"
    assert (done.failed, done.why, done.exit_code) == (1, why, 3), "it says which"


def test_the_medium_that_was_to_be_shown_is_named_and_nothing_in_its_name_acts_on_a_terminal(tmp_path, capsys):
    render(tmp_path, range(1))
    (tmp_path / "bad\x1b[2J.mp4").write_bytes(b"no video")
    task_file(tmp_path, [Item("What?", "A", name) for name in ("00000.mp4", "bad\x1b[2J.mp4")])
    with ChatServer(Model()) as server:
        words = ["--endpoint", server.base_url, "--model", "m", "--out", str(tmp_path / "out")]
        words += ["--frames", "shuffled", "--cache", str(tmp_path / "cache")]
        assert main(["predict", "--data", str(tmp_path / "x.json"), *words]) == 3
    told = capsys.readouterr().err
    assert "the first: bad\\x1b[2J.mp4: not a media file" in told


def test_a_medium_that_may_not_be_read_is_a_row_and_stops_no_other(file, tmp_path, monkeypatch):
    (tmp_path / "shut.mp4").write_bytes(b"b")
    whole = Path.read_bytes

    def shut(path, *_):
        if str(path).endswith("shut.mp4"):
            raise MediaError(path, "not readable")
        return whole(Path(path)).hex()

    monkeypatch.setattr("evaluate.asking.work.content_hash", shut)
    ask(task_file(tmp_path, [*file.items, Item("Where?", "A", "shut.mp4")]), tmp_path / "out")
    media = {row.asked.video_id: row.media for row in load_arm(tmp_path / "out").predictions.values()}
    assert media == {"a.mp4": "61", "shut.mp4": ""}


def test_half_a_character_is_asked_and_kept_as_a_question_mark(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"a")
    note = {"note": [f"x{LONE}"], f"key{LONE}": {"deep": LONE}, "level": 3}
    file = task_file(tmp_path, [Item(f"What{LONE}?", f"A{LONE}", "a.mp4", extra=note)])
    assert ask(file, tmp_path / "out").exit_code == 0
    [row] = load_arm(tmp_path / "out").predictions.values()
    assert (row.response, row.asked.question, row.asked.reference) == ("What??", "What??", "A?")
    assert row.asked.extra == {"note": ["x?"], "key?": {"deep": "?"}, "level": 3}
    assert ask(file, tmp_path / "out").found == 1


def test_half_a_character_can_be_sent_to_an_endpoint(tmp_path):
    render(tmp_path, range(1))
    task_file(tmp_path, [Item(f"What{LONE}?", "A", "00000.mp4")])
    with ChatServer(Model()) as server:
        words = ["--endpoint", server.base_url, "--model", "m", "--out", str(tmp_path / "out")]
        assert main(["predict", "--data", str(tmp_path / "x.json"), *words, "--cache", str(tmp_path / "cache")]) == 0
    [row] = load_arm(tmp_path / "out").predictions.values()
    assert row.response.endswith("What??")


def test_half_a_character_in_a_mediums_name_is_one_row(tmp_path):
    """So Python spells a file's name that is not UTF-8."""
    task_file(tmp_path, [Item("What?", "A", "clip\udc80.mp4")])
    with ChatServer(Model()) as server:
        words = ["--endpoint", server.base_url, "--model", "m", "--out", str(tmp_path / "out")]
        assert main(["predict", "--data", str(tmp_path / "x.json"), *words, "--cache", str(tmp_path / "cache")]) == 3
    [row] = load_arm(tmp_path / "out").predictions.values()
    assert row.asked.video_id == "clip?.mp4" and row.finish == "error"
