"""A student is asked as it was trained unless someone says otherwise, and then a line says what differs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from demitasse.errors import ConfigError
from demitasse.student.record import RECORD, FramesUsed, HowTrained, read_record, write_record
from evaluate.asking.as_trained import FLAGS, resolve
from evaluate.asking.student import StudentSettings

TRAINED = HowTrained(FramesUsed(0.5, 12, 2, max_pixels=4096, video_pixels=20_000), "Watch closely.", "think")
NOTHING = dict.fromkeys(FLAGS)


@pytest.fixture
def student(tmp_path) -> Path:
    write_record(tmp_path, TRAINED)
    return tmp_path


def test_a_record_reads_back_as_it_was_written(student):
    assert read_record(student) == TRAINED


def test_flags_that_are_not_given_are_those_of_training(student):
    values, told = resolve(student, NOTHING)
    assert values == {
        "mode": "think",
        "fps": 0.5,
        "max_frames": 12,
        "min_frames": 2,
        "max_pixels": 4096,
        "min_pixels": None,
        "video_pixels": 20_000,
        "system_prompt": "Watch closely.",
        "positions": "transformers",
    }
    [line] = told
    assert str(student / RECORD) in line
    for said in ("--mode 'think'", "--fps 0.5", "--max-frames 12", "--video-pixels 20000", "'Watch closely.'"):
        assert said in line


def test_what_differs_from_training_is_one_line_of_warning(student):
    values, told = resolve(student, NOTHING | {"fps": 2.0, "max_frames": 12, "system_prompt": ""})
    assert (values["fps"], values["max_frames"], values["system_prompt"]) == (2.0, 12, "")
    [warning] = [line for line in told if line.startswith("warning")]
    assert "--fps is 2.0, not 0.5" in warning
    assert "--system-prompt is '', not 'Watch closely.'" in warning
    assert "max-frames" not in warning


def test_flags_as_in_training_warn_of_nothing(student):
    _, told = resolve(student, NOTHING | {"fps": 0.5, "mode": "think", "min_frames": 2})
    assert not any(line.startswith("warning") for line in told)


@pytest.mark.parametrize(
    ("response_mode", "mode", "warns"),
    [
        pytest.param("explain_or_answer", "explain", False, id="one_of_two_ways_learnt"),
        pytest.param("explain_or_answer", "think", True, id="a_way_not_learnt"),
        pytest.param("answer_from_evidence", "two_stage", False, id="both_stages_in_one"),
        pytest.param("answer", "think", True, id="reasoning_from_one_that_never_reasoned"),
    ],
)
def test_a_mode_that_was_learnt_is_no_difference(tmp_path, response_mode, mode, warns):
    write_record(tmp_path, replace(TRAINED, response_mode=response_mode))
    _, told = resolve(tmp_path, NOTHING | {"mode": mode})
    assert any(line.startswith("warning") for line in told) == warns


def test_a_student_without_a_record_is_asked_by_the_defaults_and_nothing_is_said(tmp_path):
    values, told = resolve(tmp_path, NOTHING | {"fps": 3.0})
    usual = StudentSettings(tmp_path)
    assert values == {name: getattr(usual, name) for name in FLAGS} | {"fps": 3.0}
    assert told == []


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param({"format": "other"}, id="another_format"),
        pytest.param({"frames": {"fps": 1}}, id="frames_missing"),
        pytest.param({"response_mode": "shout"}, id="an_unknown_mode"),
        pytest.param({"frames": {"fps": "1", "max_frames": 4, "min_frames": 4}}, id="a_number_as_text"),
        pytest.param({"frames": {"fps": 1, "max_frames": -4, "min_frames": 4}}, id="fewer_than_no_frames"),
        pytest.param({"system_prompt": None}, id="no_prompt"),
    ],
)
def test_a_spoilt_record_is_refused_by_name(student, spoilt):
    path = student / RECORD
    path.write_text(json.dumps(json.loads(path.read_text()) | spoilt))
    with pytest.raises(ConfigError, match=f"{RECORD}: not a record"):
        read_record(student)


@pytest.mark.parametrize("name", ["max_frames", "min_frames", "max_pixels", "min_pixels", "video_pixels"])
def test_numbers_out_of_range_are_refused(tmp_path, name):
    with pytest.raises(ConfigError, match=f"--{name.replace('_', '-')} is 0"):
        resolve(tmp_path, NOTHING | {name: 0})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({"fps": -1.0}, r"fps is -1\.0", id="no_rate"),
        pytest.param({"fps": float("nan")}, "fps is nan", id="no_number"),
        pytest.param({"min_frames": 8, "max_frames": 4}, "widen the limits", id="limits_that_cross"),
    ],
)
def test_frames_that_cannot_be_are_refused_before_anything_is_said(student, given, said):
    with pytest.raises(ConfigError, match=said):
        resolve(student, NOTHING | given)


def test_positions_are_those_of_training_unless_someone_says_otherwise(tmp_path):
    write_record(tmp_path, replace(TRAINED, positions="qwen"))
    assert resolve(tmp_path, NOTHING)[0]["positions"] == "qwen"
    values, told = resolve(tmp_path, NOTHING | {"positions": "transformers"})
    assert values["positions"] == "transformers"
    assert any("--positions is 'transformers', not 'qwen'" in line for line in told)


def test_weights_that_say_nothing_are_asked_as_published_ones_learnt_and_another_rule_is_warned_of(tmp_path):
    assert resolve(tmp_path, NOTHING) == (resolve(tmp_path, NOTHING | {"positions": "qwen"})[0], [])
    values, [warning] = resolve(tmp_path, NOTHING | {"positions": "transformers"})
    assert values["positions"] == "transformers"
    assert warning.startswith("warning: --positions is 'transformers'")


def test_an_adapter_without_a_record_is_asked_by_the_positions_of_its_base(tmp_path):
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    base.mkdir()
    adapter.mkdir()
    (base / "config.json").write_text("{}")
    write_record(base, TRAINED)
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    values, _ = resolve(adapter, NOTHING)
    assert values["positions"] == "transformers"
