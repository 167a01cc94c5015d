"""Two arms are compared item by item, and what a comparison cannot rest on is refused or said."""

import csv
import json
from dataclasses import replace

import pytest

from demitasse.cli import main
from demitasse.errors import DataError
from evaluate.comparing.arm import check_gold, load_arm
from evaluate.comparing.compare import compare, complaints
from evaluate.judging.judgements import JUDGEMENTS, write_judgements
from evaluate.parse.free import parse_free
from evaluate.records import Fault, read_rows, write_rows
from evaluate.report.page import write_report
from evaluate.score.judged import Judgement, fingerprint


def right(row):
    return row.reference


def wrong(row):
    answers = {"mcq": "B" if row.reference[0] != "B" else "A", "bcq": "No" if row.reference == "Yes" else "Yes"}
    return answers.get(row.task, '{"start": "10:00", "end": "10:01"}')


def judged(folder, score, model="judge-1"):
    """Judge every free-text reply of a run with one score, or with a fault."""
    arm = load_arm(folder)
    rows = []
    for key, asked in arm.items.items():
        answer = parse_free(arm.predictions.get(key)).value
        if asked.task == "open_qa" and answer is not None:
            fault = score if isinstance(score, Fault) else None
            rows.append(Judgement(key, fingerprint(asked, answer), None if fault else score, "because", fault))
    write_judgements(folder / JUDGEMENTS, rows)
    (folder / "judge.json").write_text(json.dumps({"model": model, "rubric_sha256": "r"}))
    return folder


def compared(*folders, **more):
    return compare([load_arm(folder, folder.name) for folder in folders], **more)


def test_from_all_wrong_to_all_right_is_improved_on_every_metric(make_run, eight):
    result = compared(judged(make_run("before", wrong, eight), 1), judged(make_run("after", right, eight), 5)).result
    for key, (low, high) in {
        "mcq_accuracy": (0, 1), "bcq_accuracy": (0, 1), "temporal_iou": (0, 1), "judge_mean": (1, 5),
    }.items():  # fmt: skip
        entry = result["metrics"][key]
        assert (entry["before"], entry["after"], entry["n"]) == (low, high, 8)
        assert (entry["delta_ci95"], entry["p"]) == (None, 2 / 2**8), "nothing varies, so that there is no interval"
    assert result["verdict"]["state"] == "improved"
    assert result["flips"]["mcq"] == {"both_right": 0, "gained": 8, "lost": 0, "both_wrong": 0, "p": 2 / 2**8}
    assert result["transitions"][0][4] == 8
    assert (result["items"], result["videos"]) == (32, 8)
    in_order = [[entry["metric"] for entry in result[parts].values()] for parts in ("tasks", "metrics")]
    assert in_order[0] == in_order[1], "the tasks stand in the metrics' order"


def test_four_videos_that_all_improved_by_the_same_may_be_chance(make_run):
    result = compared(make_run("before", wrong), make_run("after", right)).result
    entry = result["metrics"]["mcq_accuracy"]
    assert (entry["delta"], entry["delta_ci95"], entry["p"], entry["mde80"]) == (1, None, 0.125, None)
    assert result["verdict"]["state"] == "inconclusive"


def test_runs_of_which_the_judge_left_unlike_numbers_unscored_are_complained_about(make_run):
    folders = [judged(make_run(name, right), 4) for name in ("before", "after")]
    rows = [row for _, row in read_rows(folders[1] / "judgements.jsonl")]
    rows[0] |= {"score": None, "fault": "judge_parse"}
    write_rows(folders[1] / "judgements.jsonl", rows)
    [complaint] = compared(*folders).result["complaints"]
    assert complaint.endswith("out of the difference: 0 in before, 1 in after")


def test_no_interval_of_a_mean_leaves_the_scale(make_run):
    scores = iter((1, 1, 1, 2))
    folder = judged(make_run("a", right), 1)
    rows = [row | {"score": next(scores)} for _, row in read_rows(folder / "judgements.jsonl")]
    write_rows(folder / "judgements.jsonl", rows)
    low, high = compared(folder, judged(make_run("b", right), 1)).result["metrics"]["judge_mean"]["arms"]["a"]["ci95"]
    assert 1 < low < 1.01, "there is a 2, so that the mean is no 1"
    assert high > 1.5


def test_swapping_the_arms_turns_improved_into_worse(make_run, eight):
    before, after = judged(make_run("before", wrong, eight), 1), judged(make_run("after", right, eight), 5)
    assert compared(after, before).result["verdict"]["state"] == "worse"


def test_better_at_one_metric_and_worse_at_another_is_mixed(make_run, eight):
    rows = [row for row in eight if row.task in ("mcq", "bcq")]
    before, after = (
        make_run(name, lambda row, at=at: right(row) if row.task == at else wrong(row), rows)
        for name, at in (("before", "bcq"), ("after", "mcq"))
    )
    verdict = compared(before, after).result["verdict"]
    assert verdict == {"state": "mixed", "sentence": "Better at multiple choice; worse at yes or no."}


def test_an_arm_against_itself_is_inconclusive_with_p_one(make_run):
    folder = make_run("a", right)
    result = compare([load_arm(folder, "one"), load_arm(folder, "two")]).result
    assert result["verdict"]["state"] == "inconclusive"
    assert result["metrics"]["mcq_accuracy"]["p"] == 1


def test_the_order_of_predictions_does_not_matter(make_run):
    first, second = make_run("one", right), make_run("two", wrong)
    ordered = compared(first, second).result
    path = second / "predictions.jsonl"
    write_rows(path, [row for _, row in read_rows(path)][::-1])
    assert compared(first, second).result["metrics"] == ordered["metrics"]


def test_after_a_missing_item_the_others_keep_their_own_answers(make_run, items):
    lost = items[0].item_id
    result = compared(
        make_run("before", right), make_run("after", lambda row: None if row.item_id == lost else row.reference)
    ).result
    assert result["metrics"]["mcq_accuracy"]["after"] == 0.75
    assert result["metrics"]["mcq_accuracy"]["n"] == 4, "a missing prediction stays in the denominator"
    assert result["validity"]["after"]["faults"]["missing"] == 1
    assert complaints(result) == ["after: 1 of 16 items have no prediction, counted as wrong"]


def test_different_items_are_refused_by_name(make_run, items):
    with pytest.raises(DataError, match=rf"1 \({items[0].item_id} \(mcq of clips/0.mp4\)\) only in before"):
        compared(make_run("before", right), make_run("after", right, rows=items[1:]))


def test_one_item_with_two_references_is_refused(make_run, items):
    changed = [items[0].__class__(items[0].item_id, "mcq", items[0].video_id, items[0].question, "B"), *items[1:]]
    with pytest.raises(DataError, match="has one reference in 'before' and another in 'after'"):
        compared(make_run("before", right), make_run("after", right, rows=changed))


def test_a_control_may_leave_out_whole_tasks_but_not_items_of_a_task(make_run, items):
    folders = make_run("before", wrong), make_run("after", right)
    only_mcq, only_bcq = ([row for row in items if row.task == task] for task in ("mcq", "bcq"))
    assert compared(*folders, make_run("none", wrong, rows=only_bcq)).result["letters"]["arms"].keys() == {
        "before",
        "after",
    }
    result = compared(*folders, make_run("blank", wrong, rows=only_mcq)).result
    assert result["metrics"]["mcq_accuracy"]["arms"]["blank"]["mean"] == 0
    assert "blank" not in result["metrics"]["bcq_accuracy"]["arms"]
    with pytest.raises(DataError, match="only in before"):
        compared(*folders, make_run("part", wrong, rows=only_mcq[1:]))


def test_predictions_that_were_never_asked_are_refused(make_run, items):
    folder = make_run("a", right)
    write_rows(folder / "items.jsonl", [row.to_json() for row in items[1:]])
    with pytest.raises(DataError, match="is not in items.jsonl"):
        load_arm(folder)


def test_two_predictions_for_one_item_are_refused(make_run):
    path = make_run("a", right) / "predictions.jsonl"
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")
    with pytest.raises(DataError, match="line 17: item_id .* is there twice"):
        load_arm(path.parent)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param('{"item_id": "x"', "not JSON", id="a_torn_line"),
        pytest.param("[1]", "must be a JSON object", id="not_an_object"),
        pytest.param('{"item_id": 3}', "'item_id' must be there and be text, not int", id="a_field_of_another_type"),
        pytest.param('{"item_id": "x", "task": "mcq"}', "is not in items.jsonl", id="an_item_of_another_run"),
        pytest.param('{"item_id": "FIRST"}', "'response' must be there and be text", id="a_missing_field"),
    ],
)
def test_a_broken_row_is_named_by_file_and_line(make_run, items, line, message):
    path = make_run("a", right) / "predictions.jsonl"
    path.write_text(line.replace("FIRST", items[0].item_id) + "\n")
    with pytest.raises(DataError, match=rf"predictions.jsonl, line 1: .*{message}"):
        load_arm(path.parent)


def test_an_item_that_lacks_a_field_is_named_by_file_and_line(make_run):
    path = make_run("a", right) / "items.jsonl"
    path.write_text('{"item_id": "x", "task": "mcq"}\n')
    with pytest.raises(DataError, match="items.jsonl, line 1: 'video_id' must be there and be text"):
        load_arm(path.parent)


def test_a_folder_without_a_run_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(DataError, match="items.jsonl is not there"):
        load_arm(tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        load_arm(tmp_path / "nowhere")


def test_the_judges_faults_are_unscored_bounded_and_complained_about(make_run):
    before, after = judged(make_run("before", wrong), 3), judged(make_run("after", right), Fault.JUDGE_API)
    result = compared(before, after).result
    entry = result["metrics"]["judge_mean"]
    assert entry["n"] == 0, "no pair has two scores"
    assert result["validity"]["after"]["judge_fault"] == 4
    assert result["invalid"] == ["after: 100.0% of the judged items are unscored (limit 2%)"]
    assert result["verdict"] == {"state": "invalid", "sentence": "Nothing can be concluded from this comparison."}


def test_bounds_are_the_means_at_the_worst_and_the_best_score(make_run):
    before = judged(make_run("before", wrong), 3)
    after = judged(make_run("after", right), 4)
    rows = [row for _, row in read_rows(after / JUDGEMENTS)]
    write_rows(after / JUDGEMENTS, [{**rows[0], "score": None, "fault": "judge_parse"}, *rows[1:]])
    entry = compared(before, after).result["metrics"]["judge_mean"]
    assert (entry["n"], entry["before"], entry["after"]) == (3, 3, 4)
    assert entry["arms"]["after"]["bounds"] == [(1 + 3 * 4) / 4, (5 + 3 * 4) / 4]
    assert entry["delta_bounds"] == [0.25, 1.25]


def test_score_bounds_what_the_judge_left_unscored_and_calls_much_of_it_incomplete(make_run, eight, capsys):
    run = judged(make_run("after", right, eight), 4)
    assert main(["score", str(run)]) == 0
    assert "unscored" not in capsys.readouterr().out
    rows = [row for _, row in read_rows(run / JUDGEMENTS)]
    write_rows(run / JUDGEMENTS, [{**rows[0], "score": None, "fault": "judge_parse"}, *rows[1:]])
    assert main(["score", str(run)]) == 3
    told = capsys.readouterr().out
    assert "1 unscored by the judge: whatever they deserve, the mean is 3.62 to 4.12" in told
    assert "incomplete: 12.5% of the judged items are unscored (limit 2%)" in told


def test_an_arm_that_was_not_judged_is_not_at_fault(make_run):
    result = compared(make_run("before", wrong), make_run("after", right)).result
    assert result["metrics"]["judge_mean"]["verdict"] == "not judged"
    assert (result["validity"]["after"]["judge_fault"], result["validity"]["after"]["not_judged"]) == (0, 4)
    assert complaints(result) == []


def test_arms_judged_by_different_judges_are_refused(make_run):
    with pytest.raises(DataError, match="judged differently"):
        compared(judged(make_run("before", wrong), 3), judged(make_run("after", right), 3, model="judge-2"))


def test_one_model_behind_two_addresses_is_one_judge(make_run):
    folders = [judged(make_run(name, right), 3, model=f"{name}.host/judge") for name in ("before", "after")]
    for folder in folders:
        header = json.loads((folder / "judge.json").read_text())
        (folder / "judge.json").write_text(json.dumps(header | {"answered": {"judge-1-dated": 4}}))
    assert compared(*folders).result["metrics"]["judge_mean"]["n"] == 4


def test_a_reference_at_fault_stops_the_comparison_unless_skipped_and_counted(make_run, items):
    broken = items[0].__class__(items[0].item_id, "mcq", items[0].video_id, items[0].question, "E")
    folders = [make_run(name, lambda row: "B", rows=[broken, *items[1:]]) for name in ("before", "after")]
    with pytest.raises(DataError, match="names none of the options.*, or leave it out with --skip-gold-faults"):
        compared(*folders)
    with pytest.raises(DataError, match=rf"{broken.item_id}.* \(2 such items; --skip-gold-faults leaves them out\)"):
        check_gold({"a": broken, "b": replace(broken, item_id="b")}, skip=False)
    result = compared(*folders, skip_gold_faults=True).result
    assert (result["items"], result["metrics"]["mcq_accuracy"]["n"]) == (15, 3)
    assert complaints(result)[-1] == "1 items were left out because their reference is at fault"


def test_arms_need_names_of_their_own(make_run):
    folder = make_run("a", right)
    with pytest.raises(DataError, match="two arms are called 'a'"):
        compared(folder, folder)
    with pytest.raises(DataError, match="needs two runs"):
        compared(folder)


def test_one_video_gives_no_interval_and_no_verdict(make_run, items):
    rows = items[:4]
    result = compared(make_run("before", wrong, rows=rows), make_run("after", right, rows=rows)).result
    entry = result["metrics"]["mcq_accuracy"]
    assert (entry["delta"], entry["delta_ci95"], entry["verdict"]) == (1, None, "one video")
    assert result["verdict"]["state"] == "inconclusive"


def test_the_constant_baseline_is_the_commonest_references_share(make_run):
    metrics = compared(make_run("before", wrong), make_run("after", right)).result["metrics"]
    assert metrics["mcq_accuracy"]["constant"] == 0.25
    assert metrics["bcq_accuracy"]["constant"] == 0.5
    assert metrics["temporal_iou"]["constant"] is None


def test_letters_are_counted_for_the_reference_and_each_arm(make_run):
    result = compared(make_run("before", lambda row: "A"), make_run("after", lambda row: "hm")).result
    assert result["letters"] == {
        "reference": {"A": 1, "B": 1, "C": 1, "D": 1}, "arms": {"before": {"A": 4}, "after": {"none": 4}}
    }  # fmt: skip


def test_what_there_is_no_item_of_has_no_table(make_run, items):
    spans = [row for row in items if row.task == "temporal_localization"]
    result = compared(make_run("before", wrong, spans), make_run("after", right, spans)).result
    assert (result["letters"], result["transitions"]) == (None, None)
    assert result["flips"] == result["confusion"] == {"mcq": None, "binary": None}


def test_an_arm_may_be_called_reference(make_run):
    """Its letters do not stand in the place of the references'."""
    letters = compared(make_run("reference", lambda row: "A"), make_run("after", right)).result["letters"]
    assert letters["reference"] == {"A": 1, "B": 1, "C": 1, "D": 1}
    assert letters["arms"]["reference"] == {"A": 4}


def test_the_result_is_json(make_run):
    result = compared(judged(make_run("before", wrong), 1), judged(make_run("after", right), 5)).result
    assert json.loads(json.dumps(result)) == result


@pytest.fixture
def two_metrics(make_run, eight):
    """Of eight videos six gain at multiple choice, p 2/2**6; of the yes-or-no questions as many gain as lose."""

    def gains(row):
        place = eight.index(row) // 4
        return right(row) if (row.task == "mcq" and place < 6) or (row.task == "bcq" and place < 4) else wrong(row)

    def before(row):
        return right(row) if row.task == "bcq" and eight.index(row) // 4 >= 4 else wrong(row)

    rows = [row for row in eight if row.task in ("mcq", "bcq")]
    return make_run("before", before, rows), make_run("after", gains, rows)


def test_the_verdict_heeds_how_many_metrics_there_are(two_metrics):
    """With p 0.031 in one metric of two, Holm's is 0.063: the two runs may be alike."""
    result = compared(*two_metrics).result
    entry = result["metrics"]["mcq_accuracy"]
    assert (entry["p"], entry["p_holm"], entry["verdict"]) == (2 / 2**6, 4 / 2**6, "improved")
    assert result["verdict"]["state"] == "inconclusive"
    assert result["verdict"]["sentence"].startswith("Perhaps better at multiple choice, but not by Holm's p")


def test_what_is_worse_by_chance_among_the_metrics_is_no_regression(two_metrics):
    before, after = two_metrics
    result = compared(after, before).result
    assert result["metrics"]["mcq_accuracy"]["verdict"] == "worse"
    assert result["verdict"]["state"] == "inconclusive"


def test_the_table_has_the_means_that_the_difference_is_of(make_run, eight, tmp_path):
    """Where the judge left two replies of one run unscored, both means are over the six that both have."""
    folders = [judged(make_run(name, right, eight), score) for name, score in (("before", 2), ("after", 4))]
    for folder, scores in zip(folders, ((1, 1, 2, 2, 2, 3, 3, 3), (None, None, 4, 4, 4, 4, 5, 5)), strict=True):
        rows = [row for _, row in read_rows(folder / "judgements.jsonl")]
        faults = [{"score": score, "fault": None if score else "judge_parse"} for score in scores]
        write_rows(folder / "judgements.jsonl", [row | one for row, one in zip(rows, faults, strict=True)])
    comparison = compared(*folders)
    entry = comparison.result["tasks"]["open_qa"]
    assert (entry["before"], entry["arms"]["before"]["mean"]) == (2.5, 17 / 8)
    assert (entry["before_good_share"], entry["after_good_share"], entry["n"], entry["videos"]) == (0.0, 1.0, 6, 6)
    write_report(comparison, tmp_path / "report")
    [row] = [row for row in csv.DictReader((tmp_path / "report/tasks.csv").open()) if row["task"] == "open_qa"]
    cells = {name: float(row[name]) for name in ("before", "before_low", "before_high", "after", "delta")}
    assert cells["after"] - cells["before"] == pytest.approx(cells["delta"])
    assert (cells["before"], cells["before_low"], cells["before_high"]) == (2.5, *entry["before_ci95"])


def test_free_text_that_was_judged_in_one_run_alone_is_complained_about(make_run):
    before, after = judged(make_run("before", right), 4), make_run("after", right)
    [complaint] = compared(before, after).result["complaints"]
    assert complaint.startswith("after: 4 replies of free text are not judged, and those of before are")
    [complaint] = compared(after, before).result["complaints"]
    assert complaint.startswith("after: 4 replies")
    assert compared(after, make_run("neither", right)).result["complaints"] == []
