"""The student of the best round: also where that was the one before training, and never with anything left of later."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from demitasse.student.load import load_student
from train.loop.checkpoint import FOLDER, complete
from train.loop.stop import Interrupted

ROOT = Path(__file__).resolve().parents[2]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_student(folder).model.named_parameters())


@pytest.fixture
def scored(train_it, data_folder, monkeypatch):
    """`scored([0.5, 0.1, 0.1], …)` trains four steps with rounds of these scores, at 0, 2 and 4."""

    def run(scores: list[float], *overrides: str) -> Path:
        rounds = iter(scores)
        monkeypatch.setattr("evaluate.asking.in_training.figures_of", lambda rows: {"score": next(rounds)})
        held_out = (f"validate.files=[{data_folder / 'mcq.json'}]", "validate.every=2", "validate.items=1")
        return train_it(*held_out, "validate.max_new_tokens=2", *overrides)

    return run


def test_a_model_that_training_made_no_better_is_the_base_bit_for_bit(scored, student_folder, tmp_path, capsys):
    student = scored([0.5, 0.1, 0.2])
    base, given = weights(student_folder), weights(student)
    assert base.keys() == given.keys() and all(torch.equal(base[name], given[name]) for name in base)
    assert "as good as the one before training: the student is as it was then (step 0)" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "train.json").read_text())["step"] == 0
    assert [path.name for path in complete(tmp_path / "out" / FOLDER)] == ["step_000002"], "nothing is kept of step 0"


@pytest.mark.parametrize("more", [(), ("model.merger.learn=full", "model.lora.variant=dora")])
def test_adapters_that_made_it_no_better_are_those_of_before_the_first_step(scored, tmp_path, more):
    lora = ("model.method=lora", "model.lora.r=2", *more)
    student = scored([0.5, 0.1, 0.2], *lora)
    begun = scored([0.1, 0.2, 0.5], *lora, f"output_dir={tmp_path}/begun", "optim.steps=2", "optim.lr=1e-12")
    given, learnt = (load_file(folder / "adapter_model.safetensors") for folder in (student, begun))
    assert given.keys() == learnt.keys()
    for name in given:  # a rate of nothing leaves them where they began
        assert torch.allclose(given[name], learnt[name], atol=1e-9), name
    assert all(not given[name].any() for name in given if "lora_B" in name)


def test_a_round_that_is_as_good_keeps_what_was_learnt(scored, tmp_path, student_folder):
    student = scored([0.5, 0.5, 0.5])
    assert json.loads((tmp_path / "out" / "train.json").read_text())["step"] == 4
    base, given = weights(student_folder), weights(student)
    assert any(not torch.equal(base[name], given[name]) for name in base)


def test_patience_ends_a_run_that_only_got_worse_with_the_student_of_before(scored, tmp_path, capsys):
    scored([0.5, 0.1], "validate.patience=1")
    said = capsys.readouterr().out
    assert "stopped after step 2: no better round of validation, validate.patience=1" in said
    assert json.loads((tmp_path / "out" / "train.json").read_text())["step"] == 0


def test_a_run_that_goes_on_after_its_last_step_puts_the_same_student_back(scored, tmp_path, student_folder):
    scored([0.5, 0.1, 0.2])
    (tmp_path / "out" / "train.json").unlink()
    student = scored([0.1])  # of the rounds only that after the last step is asked again
    base, given = weights(student_folder), weights(student)
    assert all(torch.equal(base[name], given[name]) for name in base)


def test_a_signal_in_the_round_before_training_leaves_that_round_to_be_finished(scored, tmp_path, monkeypatch):
    from evaluate.asking.in_training import Evaluator

    def hears(self, folder, step, stop):
        os.kill(os.getpid(), signal.SIGTERM)
        return None if stop() else pytest.fail("not heard")

    with monkeypatch.context() as patch:
        patch.setattr(Evaluator, "__call__", hears)
        with pytest.raises(
            Interrupted, match="SIGTERM: stopped before the first step; the same command goes on"
        ) as end:
            scored([])
    assert end.value.exit_code == 143
    assert not complete(tmp_path / "out" / FOLDER)
    scored([0.1, 0.2, 0.3])
    rounds = (tmp_path / "out" / "validation.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rounds] == [0, 2, 4]


@pytest.mark.parametrize(
    "how",
    [
        pytest.param((), id="two_copies"),
        pytest.param(("--config_file", "recipes/accelerate/fsdp2.yaml", "--mixed_precision", "no"), id="two_shards"),
    ],
)
def test_two_processes_put_back_what_was_before_training(recipe, student_folder, data_folder, tmp_path, how):
    cpu = () if how else ("--cpu",)
    command = [
        sys.executable, "-m", "accelerate.commands.launch", *how, "--num_processes", "2", *cpu,
        "--main_process_port", "0", "tests/train/no_better.py", "--config", str(recipe),
        f"validate.files=[{data_folder / 'mcq.json'}]", "validate.every=2", "validate.max_new_tokens=2",
    ]  # fmt: skip
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "2 process(es)" in ran.stdout and "as it was then (step 0)" in ran.stdout
    base, given = weights(student_folder), weights(tmp_path / "out" / "student")
    assert all(torch.equal(base[name], given[name]) for name in base)
