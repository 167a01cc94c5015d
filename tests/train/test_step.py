"""A step: the same loss and gradient from two processes as from one, and no process left waiting for another."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from tests.train.mixed_media import micro_batch, mixed_examples, text_examples, tiny_student
from tests.train.two_processes import WEIGHTED
from train.data.examples import Example
from train.loop.loss import SummedLoss
from train.loop.step import optimizer_step

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen3_vl"])
def two(request, tmp_path_factory):
    """A student, and what two processes that share its steps found: for each a dict of (step, gradient)."""
    folder = tmp_path_factory.mktemp(request.param)
    student = tiny_student(request.param, folder)
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2",
        "tests/train/two_processes.py", str(folder),
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return student, [torch.load(folder / f"rank{rank}.pt", weights_only=False) for rank in range(2)]


def a_step(student, micro_batches, accept=lambda loss, norm: False, max_norm=1e9):
    """One step in this process: what it was, its gradient, and the weights that it left."""
    accelerator = Accelerator(cpu=True)
    model = SummedLoss(student.model)
    model.zero_grad(set_to_none=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    gradient = {}

    def keep(loss, norm):
        gradient.update((name, one.grad.clone()) for name, one in model.named_parameters() if one.grad is not None)
        return accept(loss, norm)

    stepped = optimizer_step(accelerator, model, optimizer, iter(micro_batches), len(micro_batches), max_norm, keep)
    return stepped, gradient


CASES = {
    "two_each": (False, [0, 1, 2, 3], None),
    "accumulated": (False, [0, 1, 2, 3], WEIGHTED),
    "packed": (False, [0, 1, 2, 3], WEIGHTED),
    "nothing_left": (False, [0, 1, 2, 3], None),
    "text_only_rank": (True, [0, 2], None),
    "image_and_video_ranks": (False, [2, 3], None),
    "unreadable": (False, [0, 1], None),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_processes_find_the_loss_and_every_gradient_of_one(two, case):
    student, found = two
    with_text, places, settings = CASES[case]
    mixed = mixed_examples(student.encoder)
    examples = [mixed[place] for place in places] + (text_examples(student.encoder) if with_text else [])
    stepped, gradient = a_step(student, [micro_batch(student, examples, loss=settings)])
    for rank in found:
        theirs, their_gradient = rank[case]
        assert theirs.loss == pytest.approx(stepped.loss, rel=1e-5)
        assert theirs.grad_norm == pytest.approx(stepped.grad_norm, rel=1e-5)
        counted = (stepped.tokens, stepped.labels, stepped.samples)
        assert (theirs.tokens, theirs.labels, theirs.samples) == counted
        assert their_gradient.keys() == gradient.keys() == dict(SummedLoss(student.model).named_parameters()).keys()
        for name, one in gradient.items():
            assert (their_gradient[name] - one).norm() <= 1e-5 * one.norm(), name


@pytest.mark.slow
def test_both_processes_know_what_either_could_not_read(two):
    for rank in two[1]:
        assert rank["unreadable"][0].faults == [(7, "a.mp4: broken")]
        assert rank["packed"][0].faults == []


@pytest.fixture
def student(tmp_path):
    return tiny_student("qwen3_vl", tmp_path)


def weights(student):
    return {name: one.detach().clone() for name, one in student.model.named_parameters()}


def test_a_step_that_is_not_accepted_changes_no_weight_and_leaves_no_gradient(student):
    asked = []
    before = weights(student)
    one = micro_batch(student, mixed_examples(student.encoder))
    stepped, _ = a_step(student, [one], lambda loss, norm: bool(asked.append((loss, norm))))
    assert not stepped.taken
    assert asked == [(stepped.loss, stepped.grad_norm)]
    assert all(torch.equal(value, before[name]) for name, value in weights(student).items())
    assert all(one.grad is None for one in student.model.parameters())


def test_a_step_that_is_accepted_follows_the_cut_gradient(student):
    before = weights(student)
    one = micro_batch(student, mixed_examples(student.encoder))
    stepped, gradient = a_step(student, [one], lambda loss, norm: True, max_norm=0.1)
    assert stepped.taken
    assert stepped.grad_norm > 0.1, "the norm told is that before the cut"
    for name, after in weights(student).items():
        assert torch.allclose(before[name] - after, gradient[f"model.{name}"], atol=1e-7)


def test_a_step_of_which_nothing_could_be_read_is_none_and_does_not_divide_by_nothing(student):
    before = weights(student)
    gone = [micro_batch(student, [Example(place, None, "broken")]) for place in (4, 2)]
    stepped, gradient = a_step(student, gone, lambda loss, norm: pytest.fail("nothing to accept"))
    assert (stepped.loss, stepped.labels, stepped.samples, stepped.taken) == (0.0, 0, 0, False)
    assert stepped.faults == [(2, "broken"), (4, "broken")]
    assert not gradient
    assert all(torch.equal(value, before[name]) for name, value in weights(student).items())


def test_a_fault_costs_its_item_and_no_other(student):
    kept = mixed_examples(student.encoder)
    stepped, gradient = a_step(student, [micro_batch(student, [Example(9, None, "broken"), *kept])])
    whole, expected = a_step(student, [micro_batch(student, kept)])
    assert (stepped.loss, stepped.samples) == (whole.loss, whole.samples)
    assert all(torch.equal(gradient[name], one) for name, one in expected.items())


def test_every_forward_pass_is_told_the_most_labels_of_the_step(student):
    few, many = (micro_batch(student, [one]) for one in mixed_examples(student.encoder)[:2])
    model, told = SummedLoss(student.model), []
    hook = model.register_forward_pre_hook(lambda _, given: told.append(given[1]))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    optimizer_step(Accelerator(cpu=True), model, optimizer, iter([few, many]), 2, 1e9, lambda loss, norm: False)
    hook.remove()
    assert told == [many.labels] * 2
