"""A run's files for lmms-eval, as its own readers (0.7.3) take them."""

import json
from datetime import UTC, datetime

import pytest

from demitasse.cli import main
from evaluate.comparing.arm import load_arm
from evaluate.interop.lmms_doc import in_order, lmms_task, lmms_tasks
from evaluate.interop.lmms_samples import write_samples
from evaluate.judging.judgements import write_judgements
from evaluate.records import DataError
from evaluate.score.judged import Judgement, fingerprint

NOW = datetime(2026, 11, 21, 20, 0, 5, tzinfo=UTC)


def as_baseline(sample):
    """What lmms-eval 0.7.3 takes for a sample's score, by its rule: the first "score" key, else equal texts."""
    for key, value in sample.items():
        if "score" in key.lower():
            if isinstance(value, (int, float)):
                return float(value)
            if isinstance(value, dict):
                given, right = value.get("pred_answer"), value.get("answer")
                if given and right:
                    return float(str(given).strip().upper() == str(right).strip().upper())
    target, filtered = sample.get("target"), sample.get("filtered_resps")
    if target and filtered:
        return float(filtered.strip().upper() == target.strip().upper())
    return None


@pytest.fixture
def written(make_run, tmp_path):
    """A run's scores and files: half right, with reasoning, and nothing judged."""

    def reply(row):
        if row.task == "temporal_localization":
            return '{"start": "00:00", "end": "00:02"}'
        return None if row.video_id == "clips/3.mp4" else f"<think>B or C?\n\nB</think>\n{row.reference}"

    arm = load_arm(make_run("mine", reply))
    rows = list(arm.scores().values())
    paths = write_samples(arm, rows, tmp_path / "out", NOW)
    return rows, paths


def samples_of(paths):
    return {path.name: [json.loads(line) for line in path.read_text().splitlines()] for path in paths[:-1]}


def test_files_are_named_as_lmms_eval_names_them(written):
    names = [path.name for path in written[1]]
    assert names[0] == "20261121_200005_samples_demitasse_bcq.jsonl"
    assert names[-1] == "20261121_200005_results.json"


def test_a_baseline_is_read_with_our_very_scores_and_none_where_there_is_none(written):
    rows, paths = written
    scores = {row.asked.item_id: row.score for row in rows}
    samples = [sample for own in samples_of(paths).values() for sample in own]
    assert len(samples) == len(rows) == 16
    for sample in samples:
        record = next(value for value in sample.values() if isinstance(value, dict))
        assert as_baseline(sample) == scores[record["item_id"]]
    assert sum(as_baseline(sample) is None for sample in samples) == 3  # free text that nobody judged


def test_an_iou_between_0_and_1_is_not_read_as_a_miss(written):
    own = samples_of(written[1])["20261121_200005_samples_demitasse_temporal_localization.jsonl"]
    assert any(0 < as_baseline(sample) < 1 for sample in own)


def test_a_judges_score_is_the_samples(make_run, tmp_path):
    folder = make_run("mine", lambda row: "It moves." if row.task == "open_qa" else "x")
    items = [row for row in load_arm(folder).items.values() if row.task == "open_qa"]
    judgements = [Judgement(row.item_id, fingerprint(row, "It moves."), 4, "close") for row in items]
    write_judgements(folder / "judgements.jsonl", judgements)
    arm = load_arm(folder)
    paths = write_samples(arm, list(arm.scores().values()), tmp_path / "out", NOW)
    own = samples_of(paths)["20261121_200005_samples_demitasse_open_qa.jsonl"]
    assert [as_baseline(sample) for sample in own] == [4.0] * 4
    assert own[0]["judge_mean"]["reason"] == "close"


def test_samples_are_counted_in_the_order_of_the_task(written):
    for own in samples_of(written[1]).values():
        assert [sample["doc_id"] for sample in own] == list(range(len(own)))
        videos = [next(v for v in sample.values() if isinstance(v, dict))["video_id"] for sample in own]
        assert videos == sorted(videos)


def test_the_reply_is_kept_whole_beside_the_final_answer(written):
    first = samples_of(written[1])["20261121_200005_samples_demitasse_bcq.jsonl"][0]
    assert first["filtered_resps"] == "Yes"
    assert first["resps"] == ["<think>B or C?\n\nB</think>\nYes"]


def test_each_item_has_a_hash_of_its_own(written):
    hashes = [sample["doc_hash"] for own in samples_of(written[1]).values() for sample in own]
    assert len(set(hashes)) == len(hashes) == 16


def test_results_have_mean_clustered_error_and_counts(written):
    results = json.loads(written[1][-1].read_text())
    own = results["results"]["demitasse_bcq"]
    assert own["bcq_accuracy,none"] == 0.75
    assert own["bcq_accuracy_stderr_clustered,none"] == pytest.approx(0.25)
    assert results["n-samples"]["demitasse_bcq"] == {"original": 4, "effective": 4}
    assert results["results"]["demitasse_open_qa"]["judge_mean,none"] == 1.0  # the one that was never answered
    assert results["config"]["model"] == "mine"


def test_two_tasks_of_one_name_are_refused():
    assert lmms_tasks(["a-b", "c"]) == {"a-b": "demitasse_a_b", "c": "demitasse_c"}
    with pytest.raises(DataError, match="'a b' and 'a-b' are both 'demitasse_a_b'"):
        lmms_tasks(["a-b", "a b"])


def test_no_name_is_one_of_lmms_evals_own():
    assert lmms_task("MVBench") == "demitasse_mvbench"


def test_the_order_does_not_depend_on_how_items_come(items):
    assert in_order(items) == in_order(reversed(items))


def test_the_command_tells_of_unscored_items(make_run, tmp_path, capsys):
    run = make_run("mine", lambda row: row.reference)
    assert main(["results", str(run), "--to", "lmms", "--out", str(tmp_path / "out")]) == 0
    assert "4 of 16 items have no score" in capsys.readouterr().out


def test_metrics_of_one_task_have_a_mean_each(tmp_path):
    from evaluate.comparing.arm import Arm
    from evaluate.records import Asked, Prediction

    kind = {"answer_kind": {"kind": "closed", "classes": ["red", "blue"]}}
    items = {
        key: Asked(key, "mixed", f"{key}.mp4", "Which colour?", "red", kind if key < "c" else {}) for key in "abcd"
    }
    arm = Arm("m", tmp_path, items, {key: Prediction(one, "red", "stop") for key, one in items.items()})
    paths = write_samples(arm, list(arm.scores().values()), tmp_path, NOW)
    figures = json.loads(paths[-1].read_text())["results"]["demitasse_mixed"]
    assert figures["closed_accuracy,none"] == 1.0
    assert figures["judge_mean,none"] is None
