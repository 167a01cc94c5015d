"""Where CoTasks help: by question type, and apart for questions whose answer they tell."""

import json

import pytest

from demitasse.cli import main
from demitasse.cotasks.leaks import Case
from demitasse.cotasks.record import CoTasks, Entity, Event
from demitasse.dataset.item_id import make_item_id
from demitasse.errors import DataError
from evaluate.comparing.arm import load_arm
from evaluate.comparing.bias import bias_report
from evaluate.comparing.bias import is_leaked as surely_leaked
from evaluate.records import Asked

OPTIONS = ["runs", "sings", "sleeps", "drinks", "jumps"]
RIGHT = 1


def asked(number, kind, leaks, stage=5, duration=4.0):
    """A question whose CoTask 4 does or does not name the right option."""
    what = "sing" if leaks else "watch"
    cotasks = CoTasks(
        f"v{number}_0",
        duration,
        8,
        entities=(Entity("adult 1", "adult"),),
        events=(Event("adult 1", what, None, 0.0, 2.0),),
    )
    lines = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCDE", OPTIONS, strict=True))
    text = f"What does the adult do?\n{lines}\nAnswer with a single letter."
    told = {"question_key": f"v{number}_0", "stage": stage, "box_style": "qwen_1000", "form": "json"}
    extra = {"cotask": told, "cotasks": cotasks.to_json(), "question_type": kind, "choices": OPTIONS}
    video = f"v{number}.mp4"
    return Asked(make_item_id("mcq", video, text, kind), "mcq", video, text, "ABCDE"[RIGHT], extra)


# Twelve videos: half of the questions are leaked, and each half has both types.
ROWS = [asked(number, ("CW", "DO")[number % 2], leaks=number < 6) for number in range(12)]


def is_leaked(row):
    return row.extra["cotasks"]["events"][0]["predicate"] == "sing"


@pytest.fixture
def runs(make_run):
    """Without CoTasks every answer is wrong; with them the leaked ones are right."""
    before = make_run("none", lambda row: "A", ROWS)
    after = make_run("oracle", lambda row: "B" if is_leaked(row) else "A", ROWS)
    return before, after


def report(before, after):
    return bias_report(load_arm(before), load_arm(after))


def test_a_gain_that_was_told_stands_apart_from_one_that_was_seen(runs):
    told = report(*runs)
    assert (told["questions"], told["leaked"], told["stages"]) == (12, 6, "1234")
    parts = told["metrics"]["mcq"]["all"]
    assert (parts["leaked"]["delta"], parts["leaked"]["n"]) == (1, 6)
    assert (parts["not_leaked"]["delta"], parts["not_leaked"]["n"]) == (0, 6)
    assert parts["all"]["delta"] == 0.5 and parts["all"]["delta_ci95"][0] > 0
    json.dumps(told, allow_nan=False)


def test_each_question_type_has_its_own_row(runs):
    types = report(*runs)["metrics"]["mcq"]
    assert list(types) == ["CW", "DO", "all"]
    assert types["CW"]["all"]["n"] == types["DO"]["all"]["n"] == 6
    assert sum(types[kind]["leaked"]["n"] for kind in ("CW", "DO")) == 6


def test_by_length_each_length_of_video_has_its_own_row(make_run):
    rows = [asked(number, "CW", leaks=False, duration=(20.0, 30.0, 30.5, 61.0)[number % 4]) for number in range(12)]
    before, after = (make_run(name, lambda row, said=said: said, rows) for name, said in (("one", "A"), ("two", "B")))
    told = bias_report(load_arm(before), load_arm(after), by="length")
    counts = {name: parts["all"]["n"] for name, parts in told["metrics"]["mcq"].items()}
    assert (told["by"], counts) == ("length", {"30 to 60 s": 3, "all": 12, "over 60 s": 3, "up to 30 s": 6})


def test_only_stages_that_were_shown_can_tell(runs):
    before, after = runs
    (after / "run.json").write_text(json.dumps({"settings": {"cotasks": "12"}}))
    told = report(before, after)
    assert (told["stages"], told["leaked"]) == ("12", 0)
    assert told["metrics"]["mcq"]["all"]["leaked"]["n"] == 0


def test_the_tasks_that_lead_to_a_question_are_no_questions(make_run):
    rows = [*ROWS, asked(99, "CW", leaks=True, stage=4)]
    before, after = (make_run(name, lambda row: "A", rows) for name in ("one", "two"))
    assert report(before, after)["questions"] == 12


def test_a_missing_answer_is_a_wrong_one_and_makes_the_command_say_so(make_run, capsys):
    before = make_run("none", lambda row: "B", ROWS)
    after = make_run("oracle", lambda row: None if row is ROWS[0] else "B", ROWS)
    assert main(["bias", "--before", str(before), "--after", str(after)]) == 3
    assert report(before, after)["metrics"]["mcq"]["all"]["all"]["delta"] == pytest.approx(-1 / 12)
    assert "12 questions" in capsys.readouterr().out


def test_runs_of_other_questions_are_refused(make_run):
    first, second = make_run("one", lambda row: "A", ROWS), make_run("two", lambda row: "A", ROWS[1:])
    with pytest.raises(DataError, match="different questions"):
        report(first, second)


def test_runs_without_cotasks_are_refused(make_run, items):
    runs = [make_run(name, lambda row: row.reference) for name in ("one", "two")]
    with pytest.raises(DataError, match="no final question with its CoTasks"):
        report(*runs)


def test_the_command_prints_a_row_a_type_and_writes_json(runs, tmp_path, capsys):
    before, after = runs
    words = ["--before", str(before), "--after", str(after), "--json", str(tmp_path / "bias.json")]
    assert main(["bias", *words]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "give away the answer to 6 of them (50%)" in told[0]
    assert sum(line.startswith(("  CW ", "  DO ", "  all ")) for line in told) == 3
    assert "+100.0" in next(line for line in told if line.startswith("  all "))
    assert json.loads((tmp_path / "bias.json").read_text())["leaked"] == 6
    assert main(["bias", *words, "--by", "length"]) == 0
    assert "  up to 30 s " in capsys.readouterr().out


def test_a_question_with_nothing_to_choose_among_is_not_leaked():
    """Whatever a heuristic says, it is right: open answers of one video alone."""
    case = Case("7_1", "7", "CW", ("it sings",), 0, CoTasks("7_1", 9.0, 4))
    assert not surely_leaked(case, (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("options", "stages", "leaked"),
    [
        pytest.param(("it runs", "it sings"), (4,), True, id="what_is_done_longest_is_told_with_the_events"),
        pytest.param(("it runs", "it sings"), (1,), False, id="and_not_without_them"),
        pytest.param(("one", "two"), (1,), True, id="how_many_there_are_is_told_with_the_entities"),
        pytest.param(("one", "two"), (4,), False, id="and_not_by_the_events_alone"),
        pytest.param(("it sleeps", "it drinks"), (1, 4), False, id="nothing_is_told_of_any_option"),
    ],
)
def test_a_heuristic_may_use_only_the_stages_that_it_reads(options, stages, leaked):
    """Two entities; both things are done, the second for longer."""
    entities = (Entity("adult 1", "adult"), Entity("child 1", "child"))
    done = (Event("adult 1", "run", None, 0.0, 1.0), Event("child 1", "sing", None, 0.0, 4.0))
    case = Case("7_1", "7", "CW", options, 1, CoTasks("7_1", 9.0, 4, entities=entities, events=done))
    assert surely_leaked(case, stages) is leaked
