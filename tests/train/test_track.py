"""Following a run: what each row says, what a resumed run cuts off, and trackers that may not be there or may fail."""

import json
import math
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from demitasse.errors import ConfigError
from train import packages
from train.config import TrackConfig, TrainConfig
from train.data.lessons import read_lessons
from train.loop.step import Stepped
from train.planning.utilisation import Utilisation
from train.track import Track, learning_rates, lesson_names, sinks
from train.track.ledger import Ledger, read_ledger
from train.track.markdown import table
from train.track.meter import figures, line, measure
from train.track.run_name import run_id, run_name

RATES = {"language": 1e-4, "vision": 1e-5}
NAMES = [f"item{place}:answer" for place in range(40)]


def stepped(loss: float = 2.0, **given) -> Stepped:
    usual = {"tokens": 900, "positions": 1000, "labels": 100, "samples": 4, "grad_norm": 1.5, "taken": True}
    return Stepped(loss=loss, **usual | {"faults": [], "data_seconds": 0.1, "seconds": 0.5} | given)


def config_of(folder: Path, **track) -> TrainConfig:
    return TrainConfig(output_dir=str(folder), track=TrackConfig(**track))


def follow(folder: Path, steps: int, start: int = 0, upto: int | None = None, **track) -> None:
    with Track(config_of(folder, **track), NAMES, steps, start, writes=True) as run:
        for step in range(start + 1, (upto or steps) + 1):
            run.begins(step, range(step, step + 4))
            run.step(step, stepped(1 / step), RATES, range(step, step + 4))


def rows(folder: Path, name: str = "log.jsonl") -> list[dict]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def test_every_step_has_a_row_with_all_there_is_to_see(tmp_path):
    follow(tmp_path, 7, log_every=3)
    assert [row["step"] for row in rows(tmp_path)] == [1, 2, 3, 4, 5, 6, 7]
    row = rows(tmp_path)[3]
    assert row.pop("memory_gib") > 0.01
    assert row == {
        "step": 4, "loss": 0.25, "learning_rate": RATES, "grad_norm": 1.5, "items": 4, "tokens": 900,
        "label_tokens": 100, "fill": 0.9, "tokens_per_second": 1800, "label_tokens_per_second": 200,
        "items_per_second": 8, "seconds": 0.5, "data_seconds": 0.1, "skipped": 0,
    }  # fmt: skip


def test_a_step_that_ends_the_run_has_named_its_items(tmp_path):
    with Track(config_of(tmp_path), NAMES, 3, 0, writes=True) as run:
        run.begins(1, range(4))
    assert rows(tmp_path, "items.jsonl") == [{"step": 1, "items": NAMES[:4]}]
    assert rows(tmp_path) == []


def test_every_step_names_its_items(tmp_path):
    follow(tmp_path, 3)
    assert rows(tmp_path, "items.jsonl")[1] == {"step": 2, "items": NAMES[2:6]}


def test_a_lesson_is_named_by_its_item_and_the_way_it_is_learnt(data_folder):
    from train.config import DataConfig

    lessons = read_lessons(DataConfig([str(data_folder)], response_mode="explain_or_answer"))
    names = lesson_names(lessons)
    assert len(set(names)) == len(lessons)
    assert {name.split(":")[1] for name in names} == {"answer", "explain"}


def test_a_resumed_run_has_each_step_once_in_either_file(tmp_path):
    follow(tmp_path, 8, upto=6)
    follow(tmp_path, 8, start=4)
    for name in ("log.jsonl", "items.jsonl"):
        assert [row["step"] for row in rows(tmp_path, name)] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_run_that_begins_anew_keeps_nothing_of_the_last_one(tmp_path):
    follow(tmp_path, 5)
    follow(tmp_path, 2)
    assert [row["step"] for row in rows(tmp_path)] == [1, 2]


@pytest.mark.parametrize("torn", ['{"step": 3, "lo', "null\n", '{"step": "3"}\n', "\x00\x00\x00\n"])
def test_what_a_kill_left_of_a_line_is_cut_off(tmp_path, torn):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step":1}\n{"step":2}\n' + torn)
    with Ledger(path, 5) as ledger:
        assert ledger.last == {"step": 2} and ledger.reached == 2
        ledger.write({"step": 6})
    assert [row["step"] for row in read_ledger(path)] == [1, 2, 6]


def test_steps_left_out_are_counted_on_over_a_resume(tmp_path):
    def run(start, steps):
        with Track(config_of(tmp_path), NAMES, 9, start, writes=True) as track:
            for step in steps:
                track.step(step, stepped(taken=step not in (2, 3, 5)), RATES, [0])

    run(0, [1, 2, 3, 4, 5])
    run(4, [5, 6])
    assert [row["skipped"] for row in rows(tmp_path)] == [0, 1, 2, 2, 3, 3]


def test_a_loss_that_is_no_number_is_null_in_the_log_and_leaves_the_mean_alone(tmp_path, capsys):
    with Track(config_of(tmp_path, log_every=2), NAMES, 2, 0, writes=True) as track:
        track.step(1, stepped(3.0), RATES, [0])
        track.step(2, stepped(math.nan, taken=False), RATES, [1])
    assert [row["loss"] for row in rows(tmp_path)] == [3.0, None]
    said = capsys.readouterr().out
    assert "loss 3.0000" in said and "1 steps left out" in said


def test_the_console_has_a_line_each_log_every_steps_and_one_for_the_last(tmp_path, capsys):
    follow(tmp_path, 7, log_every=3)
    lines = capsys.readouterr().out.splitlines()
    assert [one.split()[1] for one in lines] == ["3/7", "6/7", "7/7"]
    for word in ("loss 0.6111", "lr language 1.00e-04 vision 1.00e-05", "1,800 tokens/s (200 labels)", "8.0 items/s",
                 "0.500 s/step (data 0.100)", "fill 90%", "GiB", "grad 1.50"):  # fmt: skip
        assert word in lines[0]
    assert "MFU" not in lines[0] and "left out" not in lines[0]


def test_the_mean_loss_of_a_line_is_over_its_target_tokens():
    two = [measure(1, stepped(1.0, labels=10), RATES, 0, None), measure(2, stepped(2.0, labels=30), RATES, 0, None)]
    assert "loss 1.7500" in line(two, 2)
    assert "loss nan" in line([measure(1, stepped(math.nan), RATES, 1, None)], 1)


def test_what_is_seen_of_a_step_is_no_accuracy():
    # What is right with the true answer's beginning before it is not what a student answers (trap 22).
    row = measure(1, stepped(), RATES, 0, None)
    assert "accuracy" not in f"{[*row]} {[*figures(row)]} {line([row], 1)}"


def test_one_rate_for_all_parts_is_told_once():
    row = measure(1, stepped(), {"language": 3e-5, "vision": 3e-5}, 0, None)
    assert "lr 3.00e-05  " in line([row], 1)
    assert figures(row)["train/learning_rate"] == 3e-5
    assert "train/learning_rate/vision" not in figures(row)


def test_trackers_get_the_fields_own_names():
    found = figures(measure(3, stepped(), RATES, 0, 0.41))
    assert found["train/loss"] == 2.0 and found["train/grad_norm"] == 1.5 and found["train/mfu"] == 0.41
    assert found["train/learning_rate"] == 1e-4 and found["train/learning_rate/vision"] == 1e-5
    assert all(isinstance(value, int | float) for value in found.values())


def test_the_use_of_the_gpus_is_told_where_it_is_known(tmp_path, capsys):
    use = Utilisation([1e12] * 8, peak=20e12)
    with Track(config_of(tmp_path, log_every=1), NAMES, 1, 0, True, use) as track:
        track.step(1, stepped(), RATES, [0, 1, 2, 3])
    assert rows(tmp_path)[0]["mfu"] == pytest.approx(0.4)
    assert "MFU 40.0%" in capsys.readouterr().out


def test_other_processes_than_the_main_one_write_nothing(tmp_path, capsys):
    with Track(config_of(tmp_path, to=["wandb"]), NAMES, 2, 0, writes=False) as track:
        track.step(1, stepped(), RATES, [0])
        track.validated({"step": 1, "score": 1.0}, ["a"], [["b"]])
        track.say("a word")
    assert list(tmp_path.iterdir()) == [] and capsys.readouterr().out == ""


def test_a_bar_is_drawn_on_a_terminal_only(tmp_path, capsys):
    follow(tmp_path, 3)
    assert capsys.readouterr().err == ""


def test_rates_are_told_by_the_part_of_their_group():
    group = {"params": [torch.nn.Parameter(torch.zeros(2))]}
    groups = [{**group, "lr": 1e-3, "part": "vision"}, {"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 1e-4}]
    assert learning_rates(torch.optim.AdamW(groups)) == {"vision": 1e-3, "all": 1e-4}


# ---- trackers


class Failing:
    """A tracker that has stopped answering."""

    def __init__(self) -> None:
        self.calls = 0

    def log(self, figures, step):
        self.calls += 1
        raise ConnectionError("no route to host")

    table = log

    def close(self):
        raise ConnectionError("still none")


class Keeping:
    """A tracker that keeps what it is told."""

    def __init__(self) -> None:
        self.logged: list = []
        self.tables: list = []

    def log(self, figures, step):
        self.logged.append((step, figures))

    def table(self, name, columns, cells, step):
        self.tables.append((step, name, columns, cells))

    def close(self):
        self.closed = True


@pytest.fixture
def trackers(monkeypatch):
    """Two trackers in the places of real ones."""
    pair = {"wandb": Failing(), "trackio": Keeping()}
    monkeypatch.setattr(sinks, "check_trackers", lambda track: None)
    monkeypatch.setattr(sinks, "_opened", lambda name, config, start: pair[name])
    return pair


def test_a_tracker_that_fails_is_told_of_once_and_the_run_and_the_others_go_on(tmp_path, trackers, capsys):
    follow(tmp_path, 5, to=["wandb", "trackio"])
    said = capsys.readouterr().err
    assert said.count("no route to host") == 1 and "the run goes on" in said
    assert "wandb lacks 6 entries" in said  # five steps, and its end
    assert len(trackers["trackio"].logged) == 5 and trackers["trackio"].closed
    assert len(rows(tmp_path)) == 5


def test_a_tracker_is_told_no_step_twice(tmp_path, trackers):
    follow(tmp_path, 8, upto=6, to=["trackio"])
    follow(tmp_path, 8, start=4, to=["trackio"])
    assert [step for step, _ in trackers["trackio"].logged] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_validation_is_shown_with_its_figures_and_its_table(tmp_path, trackers):
    with Track(config_of(tmp_path, to=["trackio"]), NAMES, 2, 0, writes=True) as track:
        row = {"step": 0, "score": 0.5, "mcq_accuracy": 0.25, "items": 8}
        track.validated(row, ["question", "answer"], [["Which?", "A"]])
        track.validated(row, ["question", "answer"], [])
    step, found = trackers["trackio"].logged[0]
    assert step == 0
    assert found == {"validation/score": 0.5, "validation/mcq_accuracy": 0.25, "validation/items": 8}
    assert trackers["trackio"].tables == [(0, "validation/samples", ["question", "answer"], [["Which?", "A"]])]


@pytest.mark.parametrize("name", list(sinks.TRACKERS))
def test_a_tracker_that_is_not_installed_is_a_sentence_with_what_to_install(monkeypatch, name):
    monkeypatch.setattr(packages, "find_spec", lambda package: None)
    with pytest.raises(ConfigError, match=rf"track.to names {name}.*pip install {name}"):
        packages.check_trackers(TrackConfig(to=[name]))


def test_a_tracker_that_cannot_be_started_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sinks, "check_trackers", lambda track: None)
    monkeypatch.setitem(sinks.TRACKERS, "wandb", "train.track.no_such_module")
    with pytest.raises(ConfigError, match="wandb could not be started.*wandb login"):
        follow(tmp_path, 1, to=["wandb"])


def test_a_run_has_one_name_for_good_and_another_folder_of_this_name_another(tmp_path):
    first, second = tmp_path / "a" / "out", tmp_path / "b" / "out"
    assert run_id(first) == run_id(first) and run_name(first) == f"out-{run_id(first)}"
    assert run_name(first) != run_name(second)


def test_what_a_model_wrote_stays_text_in_a_table():
    wrote = "**A** | [x](http://evil) <script>\n![i](u) `c` \\ ~~s~~ &amp;"
    made = table(["answer", "score", "fault"], [[wrote, 0.5, None]])
    body = made.splitlines()[2]
    assert body.startswith("| ") and body.endswith(" | 0.500 |  |")
    cell = body.removeprefix("| ").removesuffix(" | 0.500 |  |")
    assert not set("|*[]()!`\\~<>") & set(cell.replace("<br>", ""))
    import html

    assert html.unescape(cell.replace("<br>", "\n")) == wrote


def needs(package: str):
    return pytest.mark.skipif(find_spec(package) is None, reason=f"the package {package} is not installed here")


@needs("wandb")
def test_wandb_offline_keeps_the_values_and_the_table_below_the_run(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    with Track(config_of(tmp_path, to=["wandb"]), NAMES, 2, 0, writes=True) as track:
        for step in (1, 2):
            track.step(step, stepped(1 / step), RATES, [0])
        track.validated({"step": 2, "score": 0.5}, ["question", "answer"], [["Which?", "<b>A</b>"]])
    path, limit = next((tmp_path / "wandb").glob("offline-run-*/*.wandb")), time.monotonic() + 60
    while len(logged := wandb_rows(path)) < 2 and time.monotonic() < limit:
        time.sleep(0.05)  # its service writes the file a moment after the run has ended
    assert [(row["step"], float(row["train/loss"])) for row in logged] == [(1, 1.0), (2, 0.5)]
    assert float(logged[1]["validation/score"]) == 0.5
    kept = json.loads(next((tmp_path / "wandb").rglob("*.table.json")).read_text())
    assert kept["columns"] == ["question", "answer"] and kept["data"] == [["Which?", "<b>A</b>"]]


def wandb_rows(path: Path) -> list[dict]:
    """The history in a file of wandb's: LevelDB's log format, blocks of 32 KiB, behind a header of 7 bytes."""
    import struct

    from wandb.proto import wandb_internal_pb2

    data, place, part, found = path.read_bytes(), 7, b"", []
    while place + 7 <= len(data):
        if (left := 2**15 - place % 2**15) < 7:
            place += left
            continue
        _, size, kind = struct.unpack("<IHB", data[place : place + 7])
        part += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # whole, or the last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(part)
            part = b""
            if record.WhichOneof("record_type") == "history":
                own = {item.key or "/".join(item.nested_key): item.value_json for item in record.history.item}
                found.append(own | {"step": record.history.step.num})
    return found


@needs("tensorboard")
def test_tensorboard_keeps_the_values_and_the_table_and_hides_what_is_done_again(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    follow(tmp_path, 5, upto=4, to=["tensorboard"])
    with Track(config_of(tmp_path, to=["tensorboard"]), NAMES, 5, 2, writes=True) as track:
        for step in (3, 4, 5):
            track.step(step, stepped(10.0), RATES, [0])
        track.validated({"step": 5, "score": 0.5}, ["answer"], [["<b>A</b>"]])
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [
        (1, 1.0), (2, 0.5), (3, 10.0), (4, 10.0), (5, 10.0)
    ]  # fmt: skip
    assert [event.value for event in events.Scalars("validation/score")] == [0.5]
    kept = events.Tensors("validation/samples/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "&#60;b&#62;A" in kept


@needs("trackio")
def test_trackio_keeps_the_values_and_the_table(tmp_path, monkeypatch):
    import sqlite3

    monkeypatch.setattr("trackio.utils.TRACKIO_DIR", tmp_path / "db")
    monkeypatch.setattr("trackio.sqlite_storage.TRACKIO_DIR", tmp_path / "db")
    with Track(config_of(tmp_path / "out", to=["trackio"]), NAMES, 2, 0, writes=True) as track:
        for step in (1, 2):
            track.step(step, stepped(1 / step), RATES, [0])
        track.validated({"step": 2, "score": 0.5}, ["answer"], [["<b>A</b>"]])
    found = sqlite3.connect(next((tmp_path / "db").glob("*.db"))).execute("select step, metrics from metrics")
    kept = [(step, json.loads(text)) for step, text in found]
    assert [(step, row["train/loss"]) for step, row in kept if "train/loss" in row] == [(1, 1.0), (2, 0.5)]
    assert [row["validation/score"] for _, row in kept if "validation/score" in row] == [0.5]
    assert "&#60;b&#62;A" in next(str(row) for _, row in kept if "validation/samples" in row)


def test_a_step_without_a_target_has_no_loss(tmp_path):
    row = measure(1, stepped(0.0, labels=0, grad_norm=0.0), RATES, 0, None)
    assert math.isnan(row["loss"]) and math.isnan(row["grad_norm"])
    assert not {"train/loss", "train/grad_norm"} & figures(row).keys()
    with Ledger(tmp_path / "log.jsonl", 0) as ledger:
        ledger.write(row)
    assert rows(tmp_path)[0]["loss"] is None
