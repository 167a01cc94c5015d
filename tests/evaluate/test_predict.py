"""Predictions are journaled, resumed without doing work twice, and joined to their items by id."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from demitasse.dataset import Item, TaskFile, write
from demitasse.dataset.item_id import make_item_id
from demitasse.engine.lock import lock_results
from demitasse.errors import ConfigError, DataError, DemitasseError, MediaError
from evaluate.asking.predict import predict
from evaluate.comparing.arm import load_arm

SETTINGS = {"model": "fake", "frames": "video"}


@dataclass
class Said:
    text: str
    finish: str = "stop"
    evidence: str = ""


class Fake:
    """Answers each item with its own video and question; `dies_after` batches it is killed."""

    def __init__(self, dies_after=None):
        self.batches = []
        self.dies_after = dies_after

    def answer(self, items):
        if self.dies_after is not None and len(self.batches) >= self.dies_after:
            raise KeyboardInterrupt
        for _, path in items:
            if not path.is_file():
                raise MediaError(path, "no such file")
        self.batches.append([item.question for item, _ in items])
        return [Said(f"{item.media_id}: {item.question}") for item, _ in items]


@pytest.fixture
def files(tmp_path: Path) -> list[TaskFile]:
    """Two tasks over five small files that stand for videos."""
    media = tmp_path / "media"
    media.mkdir()
    made = []
    for place in range(5):
        (media / f"{place}.mp4").write_bytes(bytes([place]))
    for task in ("open_qa", "mcq"):
        items = [Item(f"{task} {place}?", "A", video_id=f"{place}.mp4", extra={"level": place}) for place in range(5)]
        file = TaskFile(items, task=task, license="x", media_root="media", path=tmp_path / f"{task}.json")
        write(file.path, file)
        made.append(file)
    return made


def ask(files, out, student=None, **more):
    student = student or Fake()
    return predict(lambda: student, files, out, "fake", **{"settings": SETTINGS, "batch_size": 2, **more}), student


def replies(out):
    return {key: row.response for key, row in load_arm(out).predictions.items()}


def test_every_item_gets_its_own_reply(files, tmp_path):
    done, _ = ask(files, tmp_path / "out")
    arm = load_arm(tmp_path / "out")
    assert (done.asked, done.found, done.failed, done.exit_code) == (10, 0, 0, 0)
    assert all(row.response == f"{row.asked.video_id}: {row.asked.question}" for row in arm.predictions.values())
    assert {row.extra["level"] for row in arm.items.values()} == set(range(5)), "an item's other fields come along"


def test_a_second_run_asks_nothing(files, tmp_path):
    ask(files, tmp_path / "out")
    before = (tmp_path / "out" / "predictions.jsonl").read_bytes()
    done, student = ask(files, tmp_path / "out")
    assert (done.asked, done.found, student.batches) == (0, 10, [])
    assert (tmp_path / "out" / "predictions.jsonl").read_bytes() == before


@pytest.mark.parametrize("batches", range(5))
def test_a_run_that_was_interrupted_goes_on_where_it_stopped(files, tmp_path, batches):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        ask(files, out, Fake(dies_after=batches))
    done, _ = ask(files, out)
    assert done.asked + done.found == 10
    assert done.found == 2 * batches
    assert len((out / "predictions.jsonl").read_text().splitlines()) == 10


def test_a_torn_last_line_is_set_aside_and_asked_again(files, tmp_path):
    out = tmp_path / "out"
    ask(files, out)
    whole = replies(out)
    path = out / "predictions.jsonl"
    chance = random.Random(0)
    for _ in range(5):
        content = path.read_bytes()
        path.write_bytes(content[: chance.randrange(1, len(content))])
        ask(files, out)
        assert replies(out) == whole


def test_a_video_that_cannot_be_read_is_one_counted_row_and_stops_no_other(files, tmp_path):
    (tmp_path / "media" / "2.mp4").unlink()
    done, _ = ask(files, tmp_path / "out", batch_size=10)
    rows = load_arm(tmp_path / "out").predictions.values()
    assert (done.failed, done.exit_code, len(rows)) == (2, 3, 10)
    assert {row.asked.video_id for row in rows if row.finish == "error"} == {"2.mp4"}
    assert all(row.error == "no such file" for row in rows if row.finish == "error")
    assert all(row.response.startswith(row.asked.video_id) for row in rows if row.finish == "stop")


def test_what_failed_is_asked_again_once_the_file_is_there(files, tmp_path):
    video = tmp_path / "media" / "2.mp4"
    content = video.read_bytes()
    video.unlink()
    ask(files, tmp_path / "out")
    video.write_bytes(content)
    done, _ = ask(files, tmp_path / "out")
    assert (done.asked, done.found, done.failed) == (2, 8, 0)


def test_a_changed_video_is_asked_again(files, tmp_path):
    ask(files, tmp_path / "out")
    (tmp_path / "media" / "1.mp4").write_bytes(b"another film")
    done, _ = ask(files, tmp_path / "out")
    assert (done.asked, done.found) == (2, 8)
    assert len(replies(tmp_path / "out")) == 10


def test_other_settings_need_another_folder(files, tmp_path):
    ask(files, tmp_path / "out")
    with pytest.raises(ConfigError, match="other settings; give another --out"):
        ask(files, tmp_path / "out", settings={"model": "another"})


def test_predictions_that_nobody_knows_the_settings_of_are_not_added_to(files, tmp_path):
    ask(files, tmp_path / "out")
    (tmp_path / "out" / "run.json").unlink()
    with pytest.raises(ConfigError, match="without a run.json"):
        ask(files, tmp_path / "out")


def test_other_items_need_another_folder(files, tmp_path):
    ask(files, tmp_path / "out")
    with pytest.raises(ConfigError, match="other items"):
        ask(files[:1], tmp_path / "out")


def test_a_student_that_cannot_be_loaded_leaves_no_claim_on_the_folder(files, tmp_path):
    def fail():
        raise ConfigError("no such model")

    with pytest.raises(ConfigError, match="no such model"):
        predict(fail, files, tmp_path / "out", "fake", settings={"model": "a"})
    done, _ = ask(files, tmp_path / "out", settings={"model": "b"})
    assert done.asked == 10


def test_only_the_tasks_asked_for_are_asked(files, tmp_path):
    done, _ = ask(files, tmp_path / "out", tasks=["mcq"])
    assert done.asked == 5
    for tasks in (["mcqs"], ["mcq", "mcqs"]):
        with pytest.raises(DataError, match="'mcqs'; the dataset's tasks are mcq, open_qa"):
            ask(files, tmp_path / "other", tasks=tasks)


def test_a_question_asked_twice_of_one_video_is_refused(files, tmp_path):
    files[0].items.append(files[0].items[0])
    with pytest.raises(DataError, match=r"open_qa.json: items\[5\]: this question about 0.mp4 is asked twice"):
        ask(files, tmp_path / "out")


def test_an_item_index_tells_equal_questions_apart():
    assert make_item_id("mcq", "a.mp4", "What?", "1") != make_item_id("mcq", "a.mp4", "What?", "2")


def test_an_item_without_a_task_is_refused(files, tmp_path):
    files[0].task = ""
    with pytest.raises(DataError, match="has no task"):
        ask(files, tmp_path / "out")


def test_a_batch_holds_one_task_so_that_short_answers_do_not_wait_for_long_ones(files, tmp_path):
    _, student = ask(files, tmp_path / "out", batch_size=5)
    assert [{question.split()[0] for question in batch} for batch in student.batches] == [{"mcq"}, {"open_qa"}]


def test_a_folder_that_another_process_holds_is_refused(files, tmp_path):
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    ready, leave = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "out", ready, leave))
    holder.start()
    try:
        assert ready.wait(20)
        with pytest.raises(DemitasseError, match=f"process {holder.pid}"):
            ask(files, tmp_path / "out")
    finally:
        leave.set()
        holder.join()


def _hold(folder, ready, leave):
    with lock_results(folder):
        ready.set()
        leave.wait(20)


def test_the_header_tells_what_the_answers_were_made_with(files, tmp_path):
    ask(files, tmp_path / "out", command="demitasse predict ...")
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (run["student"], run["settings"]) == ("fake", SETTINGS)
    assert (run["items"], run["videos"], run["command"]) == (10, 5, "demitasse predict ...")
    assert {Path(file["file"]).name for file in run["data"]} == {"mcq.json", "open_qa.json"}
    assert "python" in run
    assert "demitasse" in run["packages"]
