"""`--keys FILE`: what the answers of each key are."""

import json

import pytest

from demitasse.cli import main
from demitasse.errors import ConfigError
from demitasse.labels.keys import read_keys
from evaluate.comparing.arm import load_arm
from evaluate.comparing.keys import with_kind
from evaluate.judging.protocol import is_judged
from evaluate.metric import KIND
from evaluate.records import Asked

KEYS = """
weather: {kind: closed, classes: [Clear skies, Overcast]}
driving_difficulty: {kind: graded, classes: [1, 2, 3, 4]}
actions:
  kind: multi
  classes: [Vehicle following, Yield to vehicles]
safety_analysis: {kind: prose}
"""


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys.yaml"
    path.write_text(KEYS, encoding="utf-8")
    return path


def test_a_file_declares_each_keys_kind_and_its_classes_as_text(keys):
    found = read_keys(keys)
    assert found["driving_difficulty"] == {"kind": "graded", "classes": ["1", "2", "3", "4"]}
    assert found["safety_analysis"] == {"kind": "prose"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "weather: {kind: close, classes: [a, b]}", "'weather.kind' is close, not closed", id="a_strange_kind"
        ),
        pytest.param("weather: {kind: closed}", "needs its classes", id="no_classes"),
        pytest.param(
            "weather: {kind: prose, classes: [a, b]}", "is prose, and has no classes", id="prose_with_classes"
        ),
        pytest.param("weather: {kind: closed, classes: [a]}", "a list of two texts or more", id="one_class"),
        pytest.param("weather: {kind: closed, class: [a, b]}", "unknown field 'class'", id="an_unknown_field"),
        pytest.param("weather: closed", "must say its kind", id="no_object"),
        pytest.param("", "declares no key", id="nothing"),
    ],
)
def test_a_file_at_fault_is_a_sentence(tmp_path, text, told):
    path = tmp_path / "keys.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=told):
        read_keys(path)


def test_an_item_of_a_key_becomes_a_task_of_that_name(keys):
    asked = with_kind(Asked("i", "open_qa", "v", "?", "Overcast", {"key": "weather"}), read_keys(keys))
    assert (asked.task, asked.extra[KIND]["kind"], asked.item_id) == ("weather", "closed", "i")


def test_an_items_own_declaration_goes_before_the_file(keys):
    own = {"kind": "closed", "classes": ["Fog", "Sun"]}
    asked = with_kind(Asked("i", "weather", "v", "?", "Fog", {KIND: own}), read_keys(keys))
    assert asked.extra[KIND] == own


def test_an_item_of_another_key_stays_as_it_is(keys):
    asked = Asked("i", "open_qa", "v", "?", "x", {"key": "lane_type"})
    assert with_kind(asked, read_keys(keys)) is asked


@pytest.fixture
def run(tmp_path):
    """A run of two clips with four keys each, in a folder."""
    answers = {
        "weather": ("Overcast", ("overcast.", "Clear skies")),
        "driving_difficulty": ("2", ("2", "4")),
        "actions": ('["Vehicle following"]', ("Vehicle following", "None")),
        "safety_analysis": ("A car stops.", ("A car stops.", "")),
    }
    folder = tmp_path / "run"
    folder.mkdir()
    items, replies = [], []
    for key, (reference, said) in answers.items():
        for video, reply in enumerate(said):
            item = {"item_id": f"{key}{video}", "task": "open_qa", "video_id": f"v{video}", "question": key}
            item |= {"reference": reference, "extra": {"key": key}}
            items.append(item)
            replies.append(item | {"response": reply, "finish": "stop"})
    for name, rows in (("items", items), ("predictions", replies)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def test_score_shows_every_key_by_its_own_metric(run, keys, tmp_path, capsys):
    out = tmp_path / "out.json"
    assert main(["score", str(run), "--keys", str(keys), "--json", str(out)]) == 0
    (found,) = json.loads(out.read_text()).values()
    metrics = {task: one["metric"] for task, one in found.items()}
    assert metrics == {
        "weather": "closed", "driving_difficulty": "graded", "actions": "multi", "safety_analysis": "judge"
    }  # fmt: skip
    assert found["weather"]["mean"] == 0.5
    assert found["driving_difficulty"]["closed_form"]["mean_off"]["value"] == 1.0
    assert found["actions"]["closed_form"]["exact"]["value"] == 0.5
    assert "quadratic weighted kappa" in capsys.readouterr().out


def test_a_file_in_the_runs_folder_is_taken_by_every_command(run, keys):
    (run / "keys.yaml").write_text(keys.read_text())
    items = load_arm(run).items.values()
    assert {asked.task for asked in items} == {"weather", "driving_difficulty", "actions", "safety_analysis"}
    judged = [asked.item_id for asked in items if is_judged(asked)]
    assert judged == ["safety_analysis0", "safety_analysis1"], "no call for what needs none"
    given = load_arm(run, keys={"weather": {"kind": "prose"}}).items.values()
    assert {asked.task for asked in given} == {"weather", "open_qa"}, "keys that are given take the file's place"


def test_without_the_file_the_same_items_are_all_the_judges(run, tmp_path):
    out = tmp_path / "out.json"
    main(["score", str(run), "--json", str(out)])
    (found,) = json.loads(out.read_text()).values()
    assert {one["metric"] for one in found.values()} == {"judge"}


def test_a_bad_file_ends_with_2_and_a_sentence(run, tmp_path, capsys):
    path = tmp_path / "bad.yaml"
    path.write_text("weather: {kind: close, classes: [a, b]}", encoding="utf-8")
    assert main(["score", str(run), "--keys", str(path)]) == 2
    assert "weather.kind" in capsys.readouterr().err
