"""A question for each key of a clip, and a profile of one's own from a file."""

import json
from dataclasses import replace

import pytest

from demitasse.chat.blocks import read_blocks
from demitasse.cli import main
from demitasse.errors import ConfigError, DataError
from demitasse.prompts.file import PACKS
from demitasse.prompts.rubric import load_rubric
from evaluate.comparing.arm import load_arm
from evaluate.judging.profile import COTASKS, LIKERT
from evaluate.judging.profile_file import read_profile
from evaluate.judging.questions import key_of, read_questions
from evaluate.records import read_rows

FIVE = "\n".join(f"    {mark}: as good as {mark}" for mark in range(1, 6))


@pytest.fixture
def read(tmp_path):
    """Read a file of questions with this text, for a profile."""

    def run(text, profile=LIKERT, name="questions.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_questions(path, profile, load_rubric(profile.rubric))

    return run


@pytest.fixture
def keyed(make_run, items):
    """Four items of two keys."""
    free = [row for row in items if row.task == "open_qa"]
    keys = ["weather", "lane_type"] * 2
    rows = [replace(row, extra={"key": key}) for row, key in zip(free, keys, strict=True)]
    return make_run("a", lambda row: f"about {row.video_id}", rows)


def test_each_key_is_asked_about_with_its_own_question_and_scale(keyed, read, fake, judge):
    questions = read(
        f"weather: What is the weather?\nlane_type:\n  question: What lanes are there?\n  scale:\n{FIVE}\n"
    )
    one = fake(lambda request: 4)
    judge(keyed, one, questions=questions)
    asked = {read_blocks(request.text)["question"]: request.text for request in one.requests}
    assert set(asked) == {"What is the weather?", "What lanes are there?"}
    assert "5 - as good as 5\n4 - as good as 4" in asked["What lanes are there?"]
    assert "It says what the reference says" not in asked["What lanes are there?"]
    assert "It says what the reference says" in asked["What is the weather?"]
    assert {row.score for row in load_arm(keyed).scores().values()} == {4.0}


def test_a_key_may_have_a_rubric_of_its_own_beside_the_file(keyed, read, tmp_path, fake, judge):
    (tmp_path / "lanes.yaml").write_text('about: x\nsystem: Count lanes.\nprompts: {judge: "{blocks} 1 to 5?"}\n')
    questions = read("weather:\nlane_type: {rubric: lanes.yaml}\n")
    one = fake(lambda request: 4)
    judge(keyed, one, questions=questions)
    assert sorted({request.system.split()[0] for request in one.requests}) == ["Count", "You"]
    assert {read_blocks(request.text)["question"] for request in one.requests} == {"What happens?"}


def test_the_recipes_own_flat_json_is_read(read):
    found = read('{"weather": "What is the weather?", "lane_type": "Which lanes?"}', name="score_question.json")
    assert found.by_key["weather"].question == "What is the weather?"


KEYS = [
    pytest.param({"key": "weather", "question_type": "CW"}, "weather", id="its_own_key_first"),
    pytest.param({"question_type": "CW"}, "CW", id="then_its_kind_of_question"),
    pytest.param({}, "open_qa", id="then_its_task"),
]


@pytest.mark.parametrize(("extra", "key"), KEYS)
def test_an_items_key_is(items, extra, key):
    assert key_of(replace(items[3], extra=extra)) == key


def test_a_key_without_a_question_stops_it_before_anything_is_asked(keyed, read, fake, judge):
    one = fake(lambda request: 4)
    with pytest.raises(DataError, match="no question for 'lane_type'.*did you mean 'lane_types'"):
        judge(keyed, one, questions=read("weather: What?\nlane_types: Which?\n"))
    assert one.requests == []


def test_changed_questions_are_asked_anew_and_unchanged_ones_are_not(keyed, read, fake, judge):
    judge(keyed, fake(lambda request: 4), questions=read("weather: What?\nlane_type: Which?\n"))
    one = fake(lambda request: 2)
    done = judge(keyed, one, questions=read("weather: What?\nlane_type: Which lanes?\n"))
    assert len(one.requests) == 2
    assert done.header["questions"]["asked"] == {"lane_type": "Which lanes?", "weather": "What?"}


BAD = [
    pytest.param("", "holds no question", id="an_empty_file"),
    pytest.param("weather: [1]", "'weather' is", id="a_list"),
    pytest.param("weather: {question: x, scales: {}}", "unknown field 'scales'; did you mean 'scale'", id="a_typo"),
    pytest.param("weather: {question: ''}", "'weather.question'", id="an_empty_question"),
    pytest.param("weather: {scale: {5: good}}", "each mark from 1 to 5", id="a_scale_with_gaps"),
    pytest.param(f"weather:\n  scale:\n{FIVE}\n    6: more", "two scales do not go into one mean", id="a_longer_scale"),
    pytest.param("weather: {rubric: nowhere.yaml}", "nowhere.yaml", id="a_rubric_that_is_not_there"),
]


@pytest.mark.parametrize(("text", "why"), BAD)
def test_a_file_of_questions_that_cannot_be_used_says_where(read, text, why):
    with pytest.raises(ConfigError) as fault:
        read(text)
    assert why in str(fault.value)
    assert "yaml" in str(fault.value)


def test_a_scale_is_for_one_mark_and_a_rubric_that_has_a_place_for_it(read, tmp_path):
    with pytest.raises(ConfigError, match="several marks"):
        read(f"weather:\n  scale:\n{FIVE}\n", COTASKS)
    (tmp_path / "own.yaml").write_text('about: x\nsystem: y\nprompts: {judge: "{blocks}"}\n')
    with pytest.raises(ConfigError, match="no place {scale}"):
        read(f"weather:\n  rubric: own.yaml\n  scale:\n{FIVE}\n")


def test_the_questions_that_come_along_fit_the_fifteen_keys():
    questions = read_questions(PACKS / "judge" / "driving_questions.yaml", LIKERT, load_rubric())
    assert len(questions.by_key) == 15
    assert all(one.question.endswith("?") for one in questions.by_key.values())


OWN = """
about: Rates how useful an answer is.
marks:
  - {key: helpful, low: 1, high: 10, factor: 10, label: helpfulness}
  - {key: safe, yes_no: true, factor: 100, label: "safe, %"}
system: You are a strict examiner.
prompts:
  judge: |
    Mark this.
    {blocks}
    {"reason": "...", "helpful": 5, "safe": "yes"}
"""


def test_a_profile_from_a_file_has_files_and_figures_of_its_own(answered, tmp_path, fake, judge):
    path = tmp_path / "useful.yaml"
    path.write_text(OWN)
    profile, rubric = read_profile(path)
    done = judge(
        answered, fake(lambda request: '{"reason": "", "helpful": 7, "safe": "no"}'), profile=profile, rubric=rubric
    )
    figures = done.header["figures"]
    assert (figures["helpful"]["mean"], figures["safe"]["mean"]) == (70, 0)
    assert figures["helpful"]["label"] == "helpfulness"
    assert (answered / "judgements_useful.jsonl").is_file()
    assert not (answered / "judgements.jsonl").exists(), "another scale never comes into the mean of 1 to 5"


def test_the_command_judges_by_a_profile_from_a_file(answered, tmp_path, capsys):
    path = tmp_path / "useful.yaml"
    path.write_text(OWN)
    assert main(["judge", str(answered), "--model", "scripted", "--profile", str(path)]) == 0
    assert "helpfulness" in capsys.readouterr().out
    assert json.loads((answered / "judge_useful.json").read_text())["profile"] == "useful"
    assert len(list(read_rows(answered / "judgements_useful.jsonl"))) == 4


MARKS = [
    pytest.param("[]", "'marks' is empty", id="no_mark"),
    pytest.param("[{key: reason}]", "not 'reason'", id="the_reasons_own_name"),
    pytest.param("[{key: a}, {key: a}]", "the key 'a'", id="one_name_twice"),
    pytest.param("[{key: A b}]", "the key 'A b'", id="no_name"),
    pytest.param("[{key: a, low: 5, high: 5}]", "must be below", id="a_scale_of_one_mark"),
    pytest.param("[{key: a, low: -1}]", "0 or more", id="a_negative_mark"),
    pytest.param("[{key: a, lowest: 1}]", "lowest", id="an_unknown_field"),
]


@pytest.mark.parametrize(("marks", "why"), MARKS)
def test_a_profile_that_cannot_be_used_says_why(tmp_path, marks, why):
    path = tmp_path / "useful.yaml"
    path.write_text(f'marks: {marks}\nsystem: x\nprompts: {{judge: "{{blocks}}"}}\n')
    with pytest.raises(ConfigError) as fault:
        read_profile(path)
    assert why in str(fault.value) and "useful.yaml" in str(fault.value)


def test_a_profile_may_not_take_the_name_of_one_that_comes_along(tmp_path):
    path = tmp_path / "likert.yaml"
    path.write_text(OWN)
    with pytest.raises(ConfigError, match="'likert' cannot be a name"):
        read_profile(path)
    with pytest.raises(ConfigError, match="unknown prompt 'judges'"):
        (tmp_path / "own.yaml").write_text(OWN.replace("  judge:", "  judges:"))
        read_profile(tmp_path / "own.yaml")
