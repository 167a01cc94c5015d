"""A judge's marks as benchmarks want them: VideoEspresso's five, CoTasks' yes or no and 0 to 5."""

import json

import pytest

from demitasse.cli import main
from demitasse.engine.caller import ParseError
from demitasse.errors import DataError
from demitasse.prompts.rubric import load_rubric
from evaluate.comparing.arm import load_arm
from evaluate.judging.marks import Marked, marks_changes, read_marked, summarise_marks
from evaluate.judging.profile import COTASKS, LIKERT, PROFILES, VIDEOESPRESSO
from evaluate.records import Fault, read_rows

FIVE = {"logic": 8, "factuality": 7, "accuracy": 6, "conciseness": 9, "overall": 5}


@pytest.fixture
def judged(fake, judge):
    """Judge a run by a profile with what `say(request)` returns."""

    def run(folder, profile, say):
        one = fake(say)
        return judge(folder, one, profile=profile, rubric=load_rubric(profile.rubric)), one

    return run


def answers(row):
    return f"about {row.video_id}" if row.task == "open_qa" else row.reference


READ = [
    pytest.param(VIDEOESPRESSO, json.dumps({"reason": "so", **FIVE}), FIVE, id="five_marks"),
    pytest.param(VIDEOESPRESSO, f"Well.\n```json\n{json.dumps(FIVE)}\n```", FIVE, id="fenced"),
    pytest.param(VIDEOESPRESSO, json.dumps(FIVE | {"logic": "8/10"}), FIVE, id="a_mark_out_of_ten"),
    pytest.param(VIDEOESPRESSO, json.dumps({"logic": 1}) + json.dumps(FIVE), FIVE, id="the_last_object_counts"),
    pytest.param(COTASKS, '{"reason": "", "correct": "yes", "score": 4}', {"correct": 1, "score": 4}, id="yes"),
    pytest.param(COTASKS, '{"correct": "No", "score": 0}', {"correct": 0, "score": 0}, id="no_and_nothing"),
    pytest.param(LIKERT, '{"reason": "so", "score": 3}', {"score": 3}, id="one_score"),
    pytest.param(LIKERT, "Score: 3", {"score": 3}, id="one_score_on_a_line"),
]


@pytest.mark.parametrize(("profile", "text", "marks"), READ)
def test_marks_are_read(profile, text, marks):
    assert profile.read(text)[0] == marks


UNREADABLE = [
    pytest.param(VIDEOESPRESSO, json.dumps({"logic": 8, "factuality": 7}), "overall", id="no_overall"),
    pytest.param(VIDEOESPRESSO, json.dumps(FIVE | {"logic": 11}), "logic", id="off_the_scale"),
    pytest.param(VIDEOESPRESSO, json.dumps(FIVE | {"logic": 0}), "logic", id="below_the_scale"),
    pytest.param(VIDEOESPRESSO, json.dumps(FIVE | {"accuracy": 6.5}), "accuracy", id="a_half_is_not_rounded"),
    pytest.param(VIDEOESPRESSO, json.dumps(FIVE | {"accuracy": True}), "accuracy", id="a_truth_value"),
    pytest.param(VIDEOESPRESSO, "8 7 6 9 5", "logic, factuality", id="bare_numbers"),
    pytest.param(COTASKS, '{"correct": "maybe", "score": 4}', "correct", id="neither_yes_nor_no"),
    pytest.param(COTASKS, '{"correct": "yes", "score": 4.8}', "score", id="the_original_prompts_own_example"),
    pytest.param(COTASKS, '<think>{"correct": "yes", "score": 4}', "not closed", id="unclosed_reasoning"),
]  # fmt: skip


@pytest.mark.parametrize(("profile", "text", "why"), UNREADABLE)
def test_a_reply_without_every_mark_on_its_scale_is_sent_back_with_what_is_wrong(profile, text, why):
    with pytest.raises(ParseError) as fault:
        profile.read(text)
    assert why in str(fault.value)
    assert all(f'"{mark.key}"' in str(fault.value) for mark in profile.marks)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_every_profile_has_a_rubric_whose_own_example_it_reads(profile):
    prompt = load_rubric(profile.rubric).prompts["judge"]
    assert profile.read(prompt[prompt.rindex("{") :])[0].keys() == {mark.key for mark in profile.marks}
    assert set(profile.schema["required"]) == {"reason", *(mark.key for mark in profile.marks)}


def test_marks_are_reported_times_ten_and_overall_is_the_judges_own(make_run, judged):
    folder = make_run("a", answers)
    done, fake = judged(folder, VIDEOESPRESSO, lambda request: json.dumps(FIVE))
    assert (done.items, done.scored, done.exit_code) == (4, 4, 0)
    assert fake.requests[0].schema == VIDEOESPRESSO.schema
    figures = json.loads((folder / "judge_videoespresso.json").read_text())["figures"]
    assert {key: found["mean"] for key, found in figures.items()} == {key: 10.0 * mark for key, mark in FIVE.items()}
    assert figures["overall"]["mean"] < sum(10 * FIVE[key] for key in list(FIVE)[:4]) / 4


def test_cotasks_marks_are_a_share_of_yes_and_a_score_of_a_hundred(make_run, items, judged):
    folder = make_run("a", answers)
    yes = {"clips/0.mp4", "clips/1.mp4", "clips/2.mp4"}

    def say(request):
        right = any(f"about {video}" in request.text for video in yes)
        return json.dumps({"correct": "yes" if right else "no", "score": 4 if right else 2})

    judged(folder, COTASKS, say)
    figures = json.loads((folder / "judge_cotasks.json").read_text())["figures"]
    assert (figures["correct"]["mean"], figures["score"]["mean"]) == (75.0, 70.0)


def test_a_profile_leaves_the_scores_from_1_to_5_alone(make_run, judged):
    folder = make_run("a", answers)
    judged(folder, LIKERT, lambda request: '{"score": 4}')
    before = (folder / "judgements.jsonl").read_text()
    judged(folder, COTASKS, lambda request: '{"correct": "yes", "score": 5}')
    assert (folder / "judgements.jsonl").read_text() == before
    assert {row.score for row in load_arm(folder).scores().values() if row.metric == "judge"} == {4.0}
    assert (folder / "judge_cotasks" / "rows.jsonl").is_file()


def test_an_empty_reply_has_the_lowest_marks_and_needs_no_judge(make_run, judged):
    folder = make_run("a", lambda row: "" if row.task == "open_qa" and row.video_id == "clips/0.mp4" else answers(row))
    done, fake = judged(folder, VIDEOESPRESSO, lambda request: json.dumps(dict.fromkeys(FIVE, 9)))
    assert (done.needed_no_judge, len(fake.requests)) == (1, 3)
    figures = json.loads((folder / "judge_videoespresso.json").read_text())["figures"]
    assert figures["logic"]["mean"] == (3 * 90 + 10) / 4
    assert figures["logic"]["faults"] == {"empty": 1}


def test_a_judges_fault_is_unscored_and_bounded_and_never_the_students(make_run, judged):
    folder = make_run("a", answers)
    broken = "about clips/0.mp4"
    done, _ = judged(
        folder, COTASKS, lambda request: "?" if broken in request.text else '{"correct": "yes", "score": 5}'
    )
    assert (done.unscored, done.exit_code) == (1, 3)
    figures = json.loads((folder / "judge_cotasks.json").read_text())["figures"]
    assert (figures["correct"]["n"], figures["correct"]["mean"]) == (3, 100.0)
    assert figures["correct"]["bounds"] == [75.0, 100.0]
    assert figures["correct"]["faults"] == {"judge_parse": 1}


def test_what_was_written_is_read_back(make_run, judged):
    folder = make_run("a", answers)
    judged(folder, VIDEOESPRESSO, lambda request: json.dumps({"reason": "so", **FIVE}))
    rows = read_marked(folder / "judgements_videoespresso.jsonl", VIDEOESPRESSO)
    assert [row.marks for row in rows] == [FIVE] * 4
    assert [row.to_json() for row in rows] == [row for _, row in read_rows(folder / "judgements_videoespresso.jsonl")]


TORN = [
    pytest.param({"marks": FIVE | {"logic": 12}}, id="off_the_scale"),
    pytest.param({"marks": None, "fault": None}, id="neither_marks_nor_fault"),
    pytest.param({"marks": {"logic": 3}}, id="marks_missing"),
]


@pytest.mark.parametrize("row", TORN)
def test_a_row_that_is_no_judgement_is_refused(tmp_path, row):
    path = tmp_path / "judgements_videoespresso.jsonl"
    path.write_text(json.dumps({"item_id": "i", "of": "x", "reason": ""} | row) + "\n")
    with pytest.raises(DataError, match="line 1: no judgement of videoespresso"):
        read_marked(path, VIDEOESPRESSO)


def test_kinds_of_question_are_averaged_apart(make_run, items):
    from dataclasses import replace

    kinds = ["CW", "CW", "CW", "DC"]
    free = [replace(row, extra={"question_type": kinds.pop(0)}) for row in items if row.task == "open_qa"]
    folder = make_run("a", answers, free)
    arm = load_arm(folder)
    rows = [
        Marked(key, "", {"correct": one.extra["question_type"] == "DC", "score": 3}, "")
        for key, one in arm.items.items()
    ]
    found = summarise_marks(arm, COTASKS, rows)["correct"]
    assert (found["mean"], found["groups"]["macro"]) == (25.0, 50.0)


def test_a_change_between_runs_is_paired(make_run):
    arms = [load_arm(make_run(name, answers)) for name in ("a", "b")]
    before = [Marked(key, "", {"correct": 0, "score": 2}, "") for key in arms[0].items]
    after = [Marked(key, "", {"correct": 1, "score": 3}, "") for key in list(arms[1].items)[:-1]]
    after.append(Marked(list(arms[1].items)[-1], "", None, "", Fault.JUDGE_API))
    lines = list(marks_changes((arms[0], before), (arms[1], after), COTASKS))
    assert "+100.0" in lines[0] and "+20.0" in lines[1]
    assert "3 items" in lines[0], "the one that the judge failed on is in neither"


def test_the_command_prints_each_runs_marks_and_the_change(make_run, capsys):
    folders = [str(make_run("a", answers)), str(make_run("b", lambda row: row.reference))]
    assert main(["judge", *folders, "--model", "scripted", "--profile", "videoespresso"]) == 0
    printed = capsys.readouterr().out
    assert all(key in printed for key in FIVE)
    assert "paired:" in printed
    assert "+" in printed.split("paired:")[1]


def test_an_unknown_profile_is_refused(capsys):
    assert main(["judge", "x", "--model", "scripted", "--profile", "five-stars"]) == 2
    assert "--profile is 'five-stars'; it must be one of likert" in capsys.readouterr().err
