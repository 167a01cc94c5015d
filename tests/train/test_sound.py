"""What is no longer numbers is not saved, and is named; what was saved before stays; an export blames the right one."""

import math
import shutil
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file

from demitasse.errors import DataError, DemitasseError
from train.loop.checkpoint import FOLDER, complete
from train.loop.sound import learnt, unsound


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param([1.0, 2.0], "", id="numbers"),
        pytest.param([], "", id="nothing"),
        pytest.param([1.0, math.nan], "b (1 of 2 values are no numbers)", id="nan"),
        pytest.param([math.inf, -math.inf, 0.0], "b (2 of 3 values are no numbers)", id="infinite"),
    ],
)
def test_a_tensor_that_holds_anything_but_numbers_is_named(values, said):
    assert unsound([("a", torch.zeros(3)), ("b", torch.tensor(values)), ("ids", torch.arange(3))]) == said


def test_weights_in_four_bits_are_passed_over():
    assert unsound([("packed", torch.full((4,), 255, dtype=torch.uint8))]) == ""


def test_what_learns_is_looked_at_with_its_moments_and_what_is_frozen_is_not():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    model[0].requires_grad_(False)
    optimizer = Accelerator(cpu=True).prepare(torch.optim.AdamW(model[1].parameters()))
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    names = [name for name, _ in learnt(model, optimizer)]
    assert "1.weight" in names and "AdamW's exp_avg_sq of 1.bias" in names
    assert not any("0." in name for name in names)
    optimizer.optimizer.state[model[1].weight]["exp_avg_sq"].fill_(math.inf)
    assert unsound(learnt(model)) == ""
    assert unsound(learnt(model, optimizer)) == "AdamW's exp_avg_sq of 1.weight (4 of 4 values are no numbers)"


@pytest.fixture
def spoiled(monkeypatch):
    """`spoiled(3)`: the update of step 3 makes a weight no number, after a loss and a gradient that were."""
    step = torch.optim.AdamW.step

    def at(last: int) -> None:
        taken = []

        def spoil(self, *given, **named):
            done = step(self, *given, **named)
            taken.append(1)
            if len(taken) == last:
                with torch.no_grad():
                    self.param_groups[0]["params"][0].view(-1)[0] = math.nan
            return done

        monkeypatch.setattr(torch.optim.AdamW, "step", spoil)

    return at


@pytest.mark.parametrize(
    ("last", "settings", "kept"),
    [
        pytest.param(4, ("save_every=3",), ["step_000003"], id="the_last_step"),
        pytest.param(2, ("save_every=1",), ["step_000001"], id="a_step_that_is_saved"),
        pytest.param(4, ("save_every=0",), [], id="no_checkpoint_at_all"),
    ],
)
def test_weights_spoiled_by_an_update_are_not_saved_and_what_there_was_is_kept(
    train_it, spoiled, tmp_path, last, settings, kept
):
    spoiled(last)
    with pytest.raises(DataError, match=rf"after step {last}: .*\(1 of .* no numbers\), so this is not saved") as told:
        train_it(*settings)
    found = complete(tmp_path / "out" / FOLDER)
    assert [path.name for path in found] == kept
    assert (f"the newest sound checkpoint is {found[-1]}" if found else "there is no checkpoint") in str(told.value)
    assert not (tmp_path / "out" / "student").exists() and not (tmp_path / "out" / "train.json").exists()


def test_it_is_a_sentence_and_exit_code_2(recipe, spoiled, capsys):
    from train.sft import train
    from train.start import main

    spoiled(4)
    assert main(train, "train/sft.py", ["--config", str(recipe)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: after step 4: ") and error.count("\n") == 1
    assert "lower optim.lr" in error


def test_spoiled_weights_that_no_checkpoint_saw_end_the_run_at_the_next_step(train_it, spoiled):
    spoiled(1)
    with pytest.raises(DataError, match="step 2: the loss is nan, because of the weights it began with"):
        train_it("save_every=0")


def spoil(folder: Path, file: str, value: float) -> str:
    """Write a value into a weight that every token goes through; returns the weight's name."""
    weights = load_file(folder / file)
    name = next(name for name in weights if "mlp" in name or "lora_B" in name)
    weights[name].view(-1)[0] = value
    save_file(weights, folder / file, metadata={"format": "pt"})
    return name


@pytest.mark.parametrize(
    ("method", "file"),
    [
        pytest.param("full", "model.safetensors", id="a_model"),
        pytest.param("lora", "adapter_model.safetensors", id="an_adapter"),
    ],
)
def test_an_export_of_weights_that_are_no_numbers_blames_the_weights(train_it, tmp_path, method, file):
    from train.after.export import export

    student = train_it("optim.steps=1", "save_every=0", f"model.method={method}")
    broken = tmp_path / "broken"
    shutil.copytree(student, broken)
    spoil(broken, file, math.nan)
    with pytest.raises(DemitasseError, match=r"broken: .*\(1 of .* values are no numbers\)") as told:
        export(broken, tmp_path / "exported")
    assert "read back" not in str(told.value) and "merged" not in str(told.value)
    assert not (tmp_path / "exported").exists()


def test_an_export_in_a_type_that_cannot_hold_the_weights_blames_the_type(student_folder, tmp_path):
    from train.after.export import export

    large = tmp_path / "large"
    shutil.copytree(student_folder, large)
    spoil(large, "model.safetensors", 1e6)
    with pytest.raises(DemitasseError, match=r"as float16: .* values are no numbers\); --dtype bfloat16 or float32"):
        export(large, tmp_path / "exported", "float16")
