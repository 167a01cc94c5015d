"""A run as a log of inspect_ai, and as records of its `precomputed_scores`."""

import json
import math
import sys

import pytest

from demitasse.cli import main
from evaluate.comparing.arm import Arm, load_arm
from evaluate.interop.inspect_log import write_log
from evaluate.records import Prediction


def reply(row):
    if row.task == "temporal_localization":
        return '{"start": "00:00", "end": "00:02"}'
    if row.video_id == "clips/3.mp4":
        return None
    return ("<think>so\n</think>" + row.reference, "length" if row.video_id == "clips/2.mp4" else "stop")


def test_records_are_a_file_a_metric_so_that_no_mean_mixes_scales(make_run, tmp_path):
    run, out = make_run("mine", reply), tmp_path / "out"
    assert main(["results", str(run), "--to", "inspect-scores", "--out", str(out)]) == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == ["bcq_accuracy.jsonl", "judge_mean.jsonl", "mcq_accuracy.jsonl", "temporal_iou.jsonl"]
    records = [json.loads(line) for path in out.iterdir() for line in path.read_text().splitlines()]
    scores = {key: row.score for key, row in load_arm(run).scores().items() if row.score is not None}
    assert {record["id"]: record["value"] for record in records} == scores
    assert len(records) == len(scores) == 13  # three replies that nobody judged have none


def test_a_record_says_what_was_read_and_why(make_run, tmp_path):
    out = tmp_path / "out"
    main(["results", str(make_run("mine", reply)), "--to", "inspect-scores", "--out", str(out)])
    rows = [json.loads(line) for line in (out / "bcq_accuracy.jsonl").read_text().splitlines()]
    assert rows[0]["answer"] == "yes" and rows[0]["metadata"]["gold"] == "yes"
    assert rows[3]["answer"] is None and rows[3]["metadata"]["fault"] == rows[3]["explanation"] == "missing"


def test_without_the_package_the_extra_is_named(make_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    out = tmp_path / "x.eval"
    assert main(["results", str(make_run("mine", reply)), "--to", "inspect", "--out", str(out)]) == 2
    said = "demitasse: inspect_ai is not installed; pip install inspect_ai\n"
    assert capsys.readouterr().err == said
    assert not out.exists()


def test_a_log_of_another_ending_is_refused(make_run, tmp_path, capsys):
    out = tmp_path / "x.csv"
    assert main(["results", str(make_run("mine", reply)), "--to", "inspect", "--out", str(out)]) == 2
    assert "ends in .eval or .json" in capsys.readouterr().err


@pytest.fixture(params=["x.eval", "x.json"])
def log(request, make_run, tmp_path):
    """The log as inspect reads it, and the run."""
    inspect_log = pytest.importorskip("inspect_ai.log")
    run, out = make_run("mine", reply), tmp_path / request.param
    assert main(["results", str(run), "--to", "inspect", "--out", str(out)]) == 0
    return inspect_log.read_eval_log(str(out)), load_arm(run)


def test_inspect_reads_every_score_and_nan_for_none(log):
    read, arm = log
    found = {sample.id: next(iter(sample.scores.values())).value for sample in read.samples}
    for key, row in arm.scores().items():
        assert math.isnan(found[key]) if row.score is None else found[key] == row.score


def test_inspect_counts_scored_and_unscored_by_metric(log):
    counts = {one.name: (one.scored_samples, one.unscored_samples) for one in log[0].results.scores}
    assert counts == {"mcq_accuracy": (4, 0), "bcq_accuracy": (4, 0), "temporal_iou": (4, 0), "judge_mean": (1, 3)}
    means = {one.name: one.metrics["mean"].value for one in log[0].results.scores}
    assert means["bcq_accuracy"] == 0.75


def test_reasoning_choices_and_the_way_a_reply_ended_are_inspects_own(log):
    read, arm = log
    by_id = {sample.id: sample for sample in read.samples}
    row = next(row for row in arm.items.values() if row.task == "mcq" and row.video_id == "clips/2.mp4")
    sample = by_id[row.item_id]
    assert sample.choices == ["left", "right", "up", "down"] and sample.target == "C"
    assert sample.output.stop_reason == "max_tokens"
    reasoning, text = sample.output.message.content
    assert (reasoning.reasoning, text.text) == ("so", row.reference)
    assert [message.role for message in sample.messages] == ["user", "assistant"]


def test_an_item_that_was_never_answered_has_its_error_and_stays_in_the_mean(log):
    read, arm = log
    row = next(row for row in arm.items.values() if row.task == "bcq" and row.video_id == "clips/3.mp4")
    sample = next(sample for sample in read.samples if sample.id == row.item_id)
    assert sample.error.message == sample.output.error == "no prediction for this item"
    assert sample.error.traceback_ansi == sample.error.message  # what the viewer's transcript shows of an error
    assert sample.scores["bcq_accuracy"].value == 0
    assert sample.metadata["video_id"] == "clips/3.mp4"
    assert (read.results.completed_samples, read.results.total_samples) == (13, 16)
    assert read.eval.config.score_on_error


def test_a_student_that_could_not_be_asked_has_its_error(items, tmp_path):
    inspect_log = pytest.importorskip("inspect_ai.log")
    message = "clips/0.mp4: moov atom not found"
    given = {
        one.item_id: Prediction(one, "", "error", said) for one, said in zip(items[:2], [message, ""], strict=True)
    }
    arm = Arm("mine", tmp_path, {key: one.asked for key, one in given.items()}, given)
    write_log(arm, list(arm.scores().values()), tmp_path / "x.eval")
    read = inspect_log.read_eval_log(str(tmp_path / "x.eval"))
    errors = {sample.id: sample.error.message for sample in read.samples}
    assert errors == {items[0].item_id: message, items[1].item_id: "the student could not be asked"}


def test_the_transcript_holds_the_reply_or_the_error_and_the_score(log):
    read, arm = log
    for sample in read.samples:
        first = "model" if arm.predictions.get(sample.id) else "error"
        assert [event.event for event in sample.events] == [first, "score"]
    stops = {sample.id: sample.events[0].output.stop_reason for sample in read.samples if not sample.error}
    assert {arm.items[key].video_id for key, stop in stops.items() if stop == "max_tokens"} == {"clips/2.mp4"}


def test_a_fault_without_a_reason_is_the_explanation(log):
    read, arm = log
    found = {sample.id: next(iter(sample.scores.values())).explanation for sample in read.samples}
    for key, row in arm.scores().items():
        assert found[key] == (row.reason or (row.fault and row.fault.value))
    assert {"missing", "not_judged"} <= set(found.values())


def test_samples_df_has_a_column_a_metric(make_run, tmp_path):
    pytest.importorskip("inspect_ai")
    from inspect_ai.analysis import samples_df

    out = tmp_path / "x.eval"
    main(["results", str(make_run("mine", reply)), "--to", "inspect", "--out", str(out)])
    frame = samples_df(str(out))
    assert len(frame) == 16
    assert frame["score_mcq_accuracy"].dropna().astype(float).mean() == 0.75
