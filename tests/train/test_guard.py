"""The guard: which steps are taken, and when a run ends because too many are not."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from demitasse.errors import ConfigError, DataError
from train.config import GuardConfig
from train.loop.guard import Guard

NAN, INF = math.nan, math.inf


def taken(config: GuardConfig, losses: list[float], norms: list[float] | None = None) -> list[bool]:
    guard = Guard(config)
    pairs = zip(losses, norms or [1.0] * len(losses), strict=True)
    return [guard.accepts(step, loss, norm) for step, (loss, norm) in enumerate(pairs, start=1)]


@pytest.mark.parametrize(
    ("config", "losses", "norms", "expected"),
    [
        pytest.param({}, [5.0, 50.0, 500.0], None, [True] * 3, id="leaps_pass_unless_they_are_looked_for"),
        pytest.param({"not_finite": "skip"}, [1, NAN, 1], None, [True, False, True], id="nan_is_left_out"),
        pytest.param({"not_finite": "skip"}, [1, 1], [INF, 1], [False, True], id="infinite_gradient_is_left_out"),
        pytest.param({"not_finite": "skip"}, [-INF], None, [False], id="minus_infinity_is_no_loss"),
        pytest.param({"spike": 3}, [2, 2, 2, 2, 2, 6.1, 2], None, [True] * 5 + [False, True], id="leap_is_left_out"),
        pytest.param({"spike": 3}, [2, 2, 2, 2, 2, 6.0], None, [True] * 6, id="as_much_as_allowed_is_taken"),
        pytest.param({"spike": 3}, [2, 2, 2, 2, 9], None, [True] * 5, id="four_losses_are_no_measure"),
        pytest.param(
            {"spike": 3, "window": 5, "most": 9},
            [8, 8, 8, 8, 8, 2, 2, 2, 2, 2, 7],
            None,
            [True] * 10 + [False],
            id="the_measure_is_of_the_window_alone",
        ),
        pytest.param(
            {"spike": 3, "most": 9}, [2, 2, 2, 2, 2, 9, 9, 9, 9], None, [True] * 5 + [False] * 4,
            id="what_is_left_out_does_not_move_the_measure",
        ),
    ],
)  # fmt: skip
def test_which_steps_are_taken(config, losses, norms, expected):
    assert taken(GuardConfig(**config), losses, norms) == expected


def test_no_number_stops_the_run_unless_it_is_to_be_left_out():
    with pytest.raises(DataError, match=r"step 2: the loss is nan, .*guard\.not_finite=skip"):
        taken(GuardConfig(), [1.0, NAN])
    with pytest.raises(DataError, match=r"step 1: the gradient's norm is inf at a loss of 2"):
        taken(GuardConfig(), [2.0], [INF])


def test_too_many_in_a_row_stop_the_run_and_one_that_is_taken_starts_the_count_anew():
    guard = GuardConfig(not_finite="skip", most=2)
    assert taken(guard, [NAN, 1, NAN, 1]) == [False, True, False, True]
    with pytest.raises(DataError, match=r"step 3: the loss is nan, and this is step 2 in a row"):
        taken(guard, [1, NAN, NAN])


def test_a_guard_that_goes_on_decides_as_if_it_had_never_stopped():
    config = GuardConfig(spike=3, not_finite="skip", most=3)
    first, second = Guard(config), Guard(config)
    for step, loss in enumerate([2, 2, 2, 2, 2, NAN, NAN], start=1):
        first.accepts(step, loss, 1.0)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.left_out == 2
    with pytest.raises(DataError, match="step 3 in a row"):
        second.accepts(8, 7.0, 1.0)


@pytest.fixture
def broken_student(student_folder, tmp_path):
    """A student with one weight that is no number."""
    import shutil

    folder = tmp_path / "broken"
    shutil.copytree(student_folder, folder)
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "mlp" in name and "visual" not in name)
    weights[name].view(-1)[0] = torch.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_a_weight_that_is_no_number_stops_a_real_run_with_a_sentence(recipe, broken_student, train_it):
    with pytest.raises(DataError, match="step 1: the loss is nan, and nothing was learnt from it"):
        train_it(f"model.path={broken_student}")


def test_steps_left_out_change_no_weight_and_are_counted_in_log_and_exit_code(
    recipe, broken_student, student_folder, tmp_path, capsys
):
    from train.sft import train
    from train.start import main

    words = ["--config", str(recipe), f"model.path={broken_student}", "guard.not_finite=skip", "optim.steps=2"]
    assert main(train, "train/sft.py", words) == 3
    assert "not all was learnt from: 2 steps were left out" in capsys.readouterr().err
    rows = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert [row["skipped"] for row in rows] == [1, 2]
    before, after = (
        load_file(broken_student / "model.safetensors"),
        load_file(tmp_path / "out/student/model.safetensors"),
    )
    assert all(torch.equal(before[name].nan_to_num(), after[name].nan_to_num()) for name in after)


@pytest.mark.parametrize("spike", [0.5, 1.0])
def test_a_spike_that_ordinary_losses_reach_is_refused(spike):
    with pytest.raises(ConfigError, match="guard.spike"):
        Guard(GuardConfig(spike=spike))
