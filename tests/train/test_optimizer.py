"""Each part moves at its own rate, matrices alone decay, and rates rise and fall as configured."""

import math

import pytest
import torch

from train.config import LoraConfig, ModelConfig, OptimConfig, PartConfig, TrainConfig
from train.loop.optimizer import (
    build_optimizer,
    build_schedule,
    endless_warmup,
    learning_rate_factor,
    parameter_groups,
)
from train.model import parts
from train.model.anatomy import part_of

OWN_RATES = {"vision": PartConfig("full", 1e-5), "merger": PartConfig("full", 1e-4), "embeddings": PartConfig("frozen")}


def test_every_parameter_that_learns_is_in_one_group_and_no_other_is(fresh_model):
    config = TrainConfig(model=ModelConfig(**OWN_RATES))
    model = parts.prepare(fresh_model("qwen3_vl"), config.model, 0)
    grouped = [id(parameter) for group in parameter_groups(model, config) for parameter in group["params"]]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(parameter) for parameter in model.parameters() if parameter.requires_grad}


def test_norms_and_biases_do_not_decay_and_matrices_do(fresh_model):
    config = TrainConfig(
        model=ModelConfig(method="lora", lora=LoraConfig(variant="dora"), merger=PartConfig("full")),
        optim=OptimConfig(weight_decay=0.1),
    )
    model = parts.prepare(fresh_model("qwen3_vl"), config.model, 0)
    decays = {
        id(parameter): group["weight_decay"]
        for group in parameter_groups(model, config)
        for parameter in group["params"]
    }
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            spared = name.endswith("bias") or ".norm." in name or "magnitude" in name
            assert decays[id(parameter)] == (0.0 if spared else 0.1), name


def test_each_part_moves_at_its_own_rate(fresh_model, picture_batch):
    # Adam's first step is the rate itself, whatever the gradient.
    config = TrainConfig(model=ModelConfig(**OWN_RATES), optim=OptimConfig(lr=1e-3, weight_decay=0.0))
    model = parts.prepare(fresh_model("qwen3_vl"), config.model, 0)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = build_optimizer(model, config)
    model(**picture_batch(model)).loss.backward()
    optimizer.step()
    moved = {
        part: max(
            float((parameter - before[name]).detach().abs().max())
            for name, parameter in model.named_parameters()
            if part_of(name) == part
        )
        for part in ("vision", "merger", "language", "embeddings")
    }
    assert moved == pytest.approx({"vision": 1e-5, "merger": 1e-4, "language": 1e-3, "embeddings": 0.0}, rel=0.02)


def test_the_schedule_moves_all_rates_alike(fresh_model):
    config = TrainConfig(model=ModelConfig(**OWN_RATES), optim=OptimConfig(lr=1e-3, warmup=2, schedule="linear"))
    optimizer = build_optimizer(parts.prepare(fresh_model("qwen3_vl"), config.model, 0), config)
    schedule = build_schedule(optimizer, config.optim, steps=12)
    peaks = {"vision": 1e-5, "merger": 1e-4, "language": 1e-3}
    for step in range(12):
        factor = learning_rate_factor(step, 12, config.optim)
        for group in optimizer.param_groups:
            assert group["lr"] == pytest.approx(peaks[group["part"]] * factor)
        optimizer.step()
        schedule.step()


def rates(schedule: str, warmup: float, steps: int = 100) -> list[float]:
    return [learning_rate_factor(step, steps, OptimConfig(schedule=schedule, warmup=warmup)) for step in range(steps)]


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
@pytest.mark.parametrize("warmup", [pytest.param(10, id="a_number_of_steps"), pytest.param(0.1, id="a_share_of_them")])
def test_the_rate_rises_evenly_to_its_peak(schedule, warmup):
    factors = rates(schedule, warmup)
    assert factors[:10] == pytest.approx([step / 11 for step in range(1, 11)])
    assert factors[10] == max(factors) == 1.0


@pytest.mark.parametrize(
    ("schedule", "middle", "end"),
    [
        pytest.param("cosine", 0.5, 0.5 * (1 + math.cos(math.pi * 89 / 90)), id="cosine"),
        pytest.param("linear", 0.5, 1 / 90, id="linear"),
        pytest.param("constant", 1.0, 1.0, id="constant"),
    ],
)
def test_the_rate_falls_as_its_schedule_says(schedule, middle, end):
    factors = rates(schedule, 10)
    assert factors[55] == pytest.approx(middle)
    assert factors[-1] == pytest.approx(end)
    assert all(later <= earlier for earlier, later in zip(factors[10:], factors[11:], strict=False))


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_no_warm_up_starts_at_the_peak_and_one_step_is_enough(schedule):
    assert rates(schedule, 0)[0] == 1.0
    assert rates(schedule, 0, steps=1) == [1.0]
    assert all(0 <= factor <= 1 and math.isfinite(factor) for factor in rates(schedule, 200))


def test_the_optimizer_is_adamw_as_configured(fresh_model):
    config = TrainConfig(optim=OptimConfig(lr=3e-4, betas=(0.8, 0.95), weight_decay=0.2))
    optimizer = build_optimizer(parts.prepare(fresh_model("qwen3_vl"), config.model, 0), config)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert {group["betas"] for group in optimizer.param_groups} == {(0.8, 0.95)}
    assert {group["lr"] for group in optimizer.param_groups} == {3e-4}
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.0, 0.2}


@pytest.mark.parametrize(
    ("warmup", "steps", "said"),
    [
        pytest.param(0.5, 4, "", id="a_share"),
        pytest.param(0.03, 1, "", id="a_share_of_one_step"),
        pytest.param(10, 11, "", id="one_step_at_the_peak"),
        pytest.param(10, 10, "optim.warmup is 10 steps and the run takes 10, so no rate comes above 91%", id="none"),
        pytest.param(
            99, 3, "optim.warmup is 99 steps and the run takes 3, so no rate comes above 3%", id="hardly_begun"
        ),
    ],
)
def test_a_warm_up_that_the_run_does_not_outlast_is_told(warmup, steps, said):
    told = endless_warmup(OptimConfig(warmup=warmup), steps)
    assert told.startswith(said) and bool(told) == bool(said)
    if said:
        assert max(rates("cosine", warmup, steps)) < 1
