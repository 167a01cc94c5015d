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
    with pytest.raises(
        DataError, match=r"step 3: the loss is nan; steps 2 to 3 were left out, and guard.most is 2 in a"
    ):
        taken(guard, [1, NAN, NAN])


def test_leaps_that_end_a_run_are_told_with_step_loss_median_setting_and_what_to_do():
    with pytest.raises(DataError) as told:
        taken(GuardConfig(spike=3, window=6, most=2), [2, 2, 2, 3, 4, 5, 10.5, 11])
    for word in (
        "step 8: the loss is 11", "more than guard.spike=3 times 2.5", "the median of the last 6 losses",
        "steps 7 to 8 were left out", "guard.most is 2", "items.jsonl", "raise guard.spike", "lower optim.lr",
    ):  # fmt: skip
        assert word in str(told.value)
    assert "bfloat16" not in str(told.value), "a leap is no matter of the type"


def test_each_step_that_is_left_out_is_told():
    told: list[str] = []
    guard = Guard(GuardConfig(spike=3, not_finite="skip"), told.append)
    for step, loss in enumerate([2, 2, 2, 2, 2, 9, NAN], start=1):
        guard.accepts(step, loss, 1.0)
    assert told == [
        "step 6: the loss is 9, more than guard.spike=3 times 2, the median of the last 5 losses; it is left out "
        "(1 in a row, guard.most is 5)",
        "step 7: the loss is nan; it is left out (2 in a row, guard.most is 5)",
    ]


@pytest.mark.parametrize("not_finite", ["stop", "skip"])
def test_weights_that_are_no_numbers_are_blamed_and_not_the_items_of_the_next_step(not_finite):
    guard = Guard(GuardConfig(not_finite=not_finite))
    with pytest.raises(DataError, match=r"step 4: the loss is nan, because of the weights it began with: mlp\.weight"):
        guard.accepts(4, NAN, NAN, lambda: "mlp.weight (1 of 9 values are no numbers)")


def test_weights_are_not_looked_at_while_losses_are_numbers():
    guard = Guard(GuardConfig(spike=2))
    for step, loss in enumerate([1, 1, 1, 1, 1, 9], start=1):
        guard.accepts(step, loss, 1.0, lambda: pytest.fail("looked at"))


def test_a_guard_that_goes_on_decides_as_if_it_had_never_stopped():
    config = GuardConfig(spike=3, not_finite="skip", most=3)
    first, second = Guard(config), Guard(config)
    for step, loss in enumerate([2, 2, 2, 2, 2, NAN, NAN], start=1):
        first.accepts(step, loss, 1.0)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.left_out == 2
    with pytest.raises(DataError, match="steps 6 to 8 were left out"):
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


@pytest.mark.parametrize("not_finite", ["stop", "skip"])
def test_a_weight_that_is_no_number_stops_a_real_run_with_its_name(broken_student, train_it, not_finite):
    with pytest.raises(DataError, match=r"step 1: the loss is nan, because of .*mlp.*weight \(1 of \d.*no numbers"):
        train_it(f"model.path={broken_student}", f"guard.not_finite={not_finite}")


@pytest.fixture
def losses_without_number(monkeypatch):
    """Losses that are no numbers, from weights that are."""
    from train.loop.loss import SummedLoss

    forward = SummedLoss.forward
    monkeypatch.setattr(SummedLoss, "forward", lambda *given, **named: forward(*given, **named) * math.nan)


def test_steps_left_out_change_no_weight_and_are_counted_in_log_and_exit_code(
    recipe, losses_without_number, student_folder, tmp_path, capsys
):
    from train.sft import train
    from train.start import main

    words = ["--config", str(recipe), "guard.not_finite=skip", "optim.steps=2"]
    assert main(train, "train/sft.py", words) == 3
    assert "not all was learnt from: 2 steps were left out" in capsys.readouterr().err
    rows = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert [row["skipped"] for row in rows] == [1, 2]
    before, after = (
        load_file(student_folder / "model.safetensors"),
        load_file(tmp_path / "out/student/model.safetensors"),
    )
    assert all(torch.equal(before[name], after[name]) for name in after)


@pytest.mark.filterwarnings("error:Detected call of")
def test_a_first_step_that_is_left_out_is_counted_as_one_and_raises_no_warning(
    recipe, losses_without_number, tmp_path, capsys
):
    from train.sft import train
    from train.start import main

    words = ["--config", str(recipe), "guard.not_finite=skip", "optim.steps=1"]
    assert main(train, "train/sft.py", words) == 3
    captured = capsys.readouterr()
    assert "not all was learnt from: 1 step was left out" in captured.err
    assert "step 1: the loss is nan; it is left out" in captured.out


@pytest.mark.parametrize("spike", [0.5, 1.0])
def test_a_spike_that_ordinary_losses_reach_is_refused(spike):
    with pytest.raises(ConfigError, match="guard.spike"):
        Guard(GuardConfig(spike=spike))
