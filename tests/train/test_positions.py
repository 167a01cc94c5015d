"""`model.positions` reaches what is learnt, and the student's folder; weights that learnt another rule are told of."""

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file

from demitasse.config import read_config
from demitasse.student.load import load_student
from demitasse.student.record import RECORD, FramesUsed, HowTrained, read_record, write_record
from train.config import ModelConfig, TrainConfig
from train.loop.identity import identify
from train.model.positions import other_positions, positions_of


@pytest.fixture
def base(tmp_path, student_folder):
    """A copy of the student, whose record says by which rule it learnt: `base("qwen")`, or has none: `base(None)`."""

    def build(rule):
        folder = tmp_path / f"base_{rule}"
        shutil.copytree(student_folder, folder)
        if rule:
            write_record(folder, HowTrained(FramesUsed(1, 4, 2), "", "answer", positions=rule))
        return str(folder)

    return build


def test_a_student_learns_by_its_rule_and_remembers_it(train_it, tmp_path):
    folders = {
        rule: train_it(f"model.positions={rule}", f"output_dir={tmp_path / rule}") for rule in ("transformers", "qwen")
    }
    for rule, folder in folders.items():
        assert read_record(folder).positions == rule
        assert load_student(folder, device="cpu").encoder.family.positions == rule
    weights, others = (load_file(folder / "model.safetensors") for folder in folders.values())
    assert any(not weights[name].equal(others[name]) for name in weights), "its videos are long enough to differ"


@pytest.mark.parametrize(
    ("learnt", "setting", "rule", "warns"),
    [
        pytest.param(None, "auto", "qwen", False, id="published_weights_go_on_as_qwen_counts"),
        pytest.param("qwen", "auto", "qwen", False, id="a_record_is_followed"),
        pytest.param("transformers", "auto", "transformers", False, id="whichever_it_says"),
        pytest.param(None, "transformers", "transformers", True, id="published_weights_taught_otherwise"),
        pytest.param("transformers", "qwen", "qwen", True, id="a_student_taught_otherwise"),
        pytest.param("transformers", "transformers", "transformers", False, id="said_and_the_same"),
    ],
)
def test_weights_go_on_by_the_rule_that_they_learnt_and_another_is_warned_of(base, learnt, setting, rule, warns):
    model = ModelConfig(path=base(learnt), positions=setting)
    assert positions_of(model) == rule
    assert bool(other_positions(model)) == warns
    if warns:
        assert f"model.positions is {rule}, and the weights in {model.path} learnt" in other_positions(model)


def test_a_family_that_writes_times_as_text_is_not_warned_of(base):
    model = ModelConfig(path=base(None), positions="transformers")
    config = Path(model.path) / "config.json"
    config.write_text(config.read_text().replace('"qwen2_5_vl"', '"qwen3_vl"'))
    assert other_positions(model) == ""


def test_a_run_says_what_its_weights_unlearn_and_remembers_what_auto_was(train_it, base, capsys):
    folder = base("transformers")
    student = train_it(f"model.path={folder}", "optim.steps=1")
    assert "warning" not in capsys.readouterr().out
    assert read_record(student).positions == "transformers"
    train_it(f"model.path={student}", "optim.steps=1", "model.positions=qwen", f"output_dir={folder}_2")
    assert f"warning: model.positions is qwen, and the weights in {student} learnt" in capsys.readouterr().out


def test_a_run_is_another_when_the_rule_that_auto_stands_for_is(base, recipe):
    folder = base("transformers")
    config = read_config(TrainConfig, recipe, [f"model.path={folder}"], section="train")
    before = identify(config, [], 1)
    assert before.settings["model.positions"] == "transformers"
    (Path(folder) / RECORD).unlink()
    assert identify(config, [], 1).key != before.key
