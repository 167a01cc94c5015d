"""What a line of a comparison holds beside its difference."""

import json

import numpy as np
import pytest

from evaluate.comparing.arm import load_arm
from evaluate.comparing.compare import compare
from evaluate.comparing.entry import macro, make_entry, paired
from evaluate.comparing.habit import find_habit
from evaluate.comparing.wording import readings
from evaluate.metric import BINARY, JUDGE, MCQ, TEMPORAL
from evaluate.records import Asked, Scored, State


def right(asked):
    return asked.reference


def wrong(asked):
    return "No"


def row(item, task, score, metric="judge", video=None, **more):
    reference = more.pop("reference", f"reference {item}")
    asked = Asked(item, task, video or f"{item}.mp4", "What?", reference)
    return Scored(asked, metric, State.SCORED, score, **more)


def arm(task, scores, metric="judge", replies=None, **more):
    """One item a video; its id is its place."""
    replies = replies or ["x"] * len(scores)
    return {
        f"{task}{place}": row(f"{task}{place}", task, score, metric, response=reply, **more)
        for place, (score, reply) in enumerate(zip(scores, replies, strict=True))
    }


def test_the_macro_mean_counts_a_small_task_as_much_as_a_large_one():
    before = arm("a", [1.0] * 90) | arm("b", [5.0] * 10)
    after = arm("a", [1.0] * 90) | arm("b", [3.0] * 10)
    found = macro(before, after)
    assert (found["tasks"], found["before"], found["after"]) == (2, pytest.approx(3.0), pytest.approx(2.0))
    assert paired(before, after)["delta"] == pytest.approx(-0.2), "and the micro mean as its items"


def test_one_task_has_no_macro_mean():
    assert macro(arm("a", [1.0, 2.0]), arm("a", [2.0, 2.0])) is None


def test_a_gain_that_is_all_length_is_gone_at_the_same_length():
    chance = np.random.default_rng(3)
    more = chance.integers(0, 40, 400)
    before = arm("a", [3.0] * 400, replies=["w " * 10] * 400)
    gains = np.tanh(more / more.std()) + chance.normal(0, 0.1, 400)
    after = arm("a", list(3.0 + gains), replies=["w " * (10 + int(words)) for words in more])
    found = paired(before, after)
    assert found["delta"] > 0.5
    assert found["length_controlled"]["delta"] == pytest.approx(0, abs=0.05)


def test_length_moves_no_exact_score():
    rows = arm("mcq", [0.0, 1.0, 1.0], "mcq", value="A", gold="A")
    assert paired(rows, rows)["length_controlled"] is None


def closed(gold, given, metric="binary", task="bcq"):
    return [
        row(str(place), task, float(right == said), metric, value=said, gold=right)
        for place, (right, said) in enumerate(zip(gold, given, strict=True))
    ]


def test_always_the_commonest_answer_is_a_habit():
    gold = ["no"] * 95 + ["yes"] * 5
    found = find_habit({"before": closed(gold, ["no"] * 100), "after": closed(gold, gold)}, BINARY)
    assert (found["answer"], found["share"], found["majority"]) == ("no", 0.95, True)
    assert found["no_better"] == ["before"]
    assert (found["arms"]["before"]["accuracy"], found["arms"]["before"]["balanced_accuracy"]) == (0.95, 0.5)
    assert found["arms"]["after"]["better_than_habit"] is True


def test_balanced_references_make_no_majority_class_of_a_guesser():
    gold = ["no", "yes"] * 50
    found = find_habit({"before": closed(gold, ["no"] * 100)}, BINARY)
    assert (found["share"], found["majority"]) == (0.5, False)


def test_free_text_of_few_short_references_is_looked_at_in_any_typing():
    rows = [
        row(str(place), "rule_violation", 5.0, reference=gold, response=f"<think>hm</think> {said}")
        for place, (gold, said) in enumerate([("False", "false."), ("True", "FALSE")] * 10)
    ]
    found = find_habit({"before": rows}, JUDGE)
    assert (found["arms"]["before"]["given"], found["arms"]["before"]["accuracy"]) == (1.0, 0.5)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([row(str(n), "open_qa", 3.0) for n in range(50)], id="prose"),
        pytest.param(closed(["no"] * 50, ["no"] * 50), id="one_class"),
        pytest.param(closed(["no", "yes"] * 2, ["no"] * 4), id="too_few_to_tell"),
    ],
)
def test_what_is_no_closed_set_has_no_habit(rows):
    metric = JUDGE if rows[0].metric == "judge" else BINARY
    assert find_habit({"before": rows}, metric) is None


def test_times_have_no_habit():
    rows = [row(str(n), "temporal_localization", 1.0, "temporal", value=[0, 1], gold=[0, 1]) for n in range(50)]
    assert find_habit({"before": rows}, TEMPORAL) is None


def test_a_third_run_is_set_against_the_first_and_against_the_second():
    runs = {name: arm("mcq", scores, "mcq", value="A", gold="A") for name, scores in (
        ("base", [0.0] * 6), ("middle", [1.0] * 3 + [0.0] * 3), ("last", [1.0] * 6),
    )}  # fmt: skip
    entry = make_entry(runs, MCQ)
    assert entry["delta"] == 0.5
    assert entry["from_before"]["last"]["delta"] == 1.0
    assert entry["after_against"]["last"]["delta"] == -0.5, "the second less the third"


def test_a_gain_that_the_same_student_has_without_the_video_is_told(make_run):
    items = [Asked(f"i{n}", "bcq", f"v{n}", "Does it move?", "Yes") for n in range(12)]
    runs = [make_run(name, reply, items) for name, reply in (("before", wrong), ("after", right), ("blank", right))]
    for run, frames in zip(runs, ("video", "video", "blank"), strict=True):
        (run / "run.json").write_text(json.dumps({"student": "s", "settings": {"frames": frames}}))
    arms = [load_arm(run) for run in runs]
    told = [sentence for sentence in readings(compare(arms).result) if "need not come from seeing" in sentence]
    assert told == [
        "Yes or no, accuracy: nothing shows that after does better than blank, the same student with blank frames; so "
        "what it gained need not come from seeing"
    ]
    for student, frames in (("another", "blank"), ("s", "video")):
        (runs[2] / "run.json").write_text(json.dumps({"student": student, "settings": {"frames": frames}}))
        others = compare([*arms[:2], load_arm(runs[2])]).result
        assert not [one for one in readings(others) if "gained" in one], "it is no control of this student"
    seen = make_run("seeing", wrong, items)
    (seen / "run.json").write_text(json.dumps({"student": "s", "settings": {"frames": "blank"}}))
    assert not [one for one in readings(compare([*arms[:2], load_arm(seen)]).result) if "seeing" in one]


ALONE = "{}, inconclusive: the difference can be chance; one of {} points or more would"
TOGETHER = "a, b, c, d, e, f and g, inconclusive: the differences can each be chance; one of {} points"
UNLIKE = [0.1, 0.05, 0.2, 0.09, 0.1, 0.3, 0.15]


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        pytest.param([0.05], [ALONE.format("a", "5.0")], id="one"),
        pytest.param([0.05, 0.1], [ALONE.format("a", "5.0"), ALONE.format("b", "10.0")], id="few_have_one_each"),
        pytest.param(UNLIKE, [TOGETHER.format("5.0 to 30.0") + ", by task, or more"], id="many_share_one"),
        pytest.param([0.05] * 7, [TOGETHER.format("5.0") + " or more"], id="many_that_could_show_the_same"),
    ],
)
def test_what_could_have_been_seen_is_told_of_each_task_and_of_many_together(seen, told):
    tasks = {
        task: {"metric": "mcq", "verdict": "inconclusive", "mde80": least, "habit": None}
        for task, least in zip("abcdefg", seen, strict=False)
    }
    sentences = readings({"tasks": tasks, "metrics": {}, "arms": {"after": {"run": {}}}, "after": "after"})
    assert len(sentences) == len(told)
    assert all(sentence.startswith(start) for sentence, start in zip(sentences, told, strict=True))


def test_where_nothing_is_gained_no_gain_is_doubted(make_run):
    items = [Asked(f"i{n}", "bcq", f"v{n}", "Does it move?", "Yes") for n in range(12)]
    runs = [make_run(name, reply, items) for name, reply in (("before", wrong), ("after", wrong), ("blank", right))]
    for run, frames in zip(runs, ("video", "video", "blank"), strict=True):
        (run / "run.json").write_text(json.dumps({"student": "s", "settings": {"frames": frames}}))
    assert not [one for one in readings(compare([load_arm(run) for run in runs]).result) if "gained" in one]


def test_an_interval_ends_where_the_scale_does(make_run):
    items = [Asked(f"i{n}", "bcq", f"v{n}", "Does it move?", "Yes") for n in range(3)]
    half = make_run("after", lambda row: "No" if row.item_id == "i0" else "Yes", items)
    runs = make_run("before", wrong, items), half
    entry = compare([load_arm(run) for run in runs]).result["metrics"]["bcq_accuracy"]
    assert entry["delta_ci95"][1] == 1
    assert (entry["verdict"], entry["p"]) == ("inconclusive", 0.5)


def test_free_text_of_which_nothing_was_judged_has_no_result_though_some_replies_failed(make_run):
    tasks = ("open_qa", "scene_description")
    items = [Asked(f"{task}{n}", task, f"v{n}", "What happens?", "It moves.") for task in tasks for n in range(4)]
    runs = [make_run(name, lambda row: "It moves." if row.video_id != "v0" else "", items) for name in ("a", "b")]
    entry = compare([load_arm(run) for run in runs]).result["metrics"]["judge_mean"]
    assert (entry["n"], entry["verdict"], entry["macro"]) == (0, "not judged", None)
