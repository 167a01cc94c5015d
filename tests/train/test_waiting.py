"""A step's passes ask the device for nothing: whoever does makes the host wait for all work before it.

The "meta" device has no values, so that reading one back (`.item()`, `.tolist()`, a mask as an index) raises there.
"""

from dataclasses import replace
from typing import get_args

import pytest
import torch

from demitasse.student.tiny_configs import TinyFamily
from tests.train.mixed_media import micro_batch, mixed_examples, text_examples, tiny_student
from train.data.batches import MicroBatch
from train.loop.loss import SummedLoss

META = torch.device("meta")
# transformers' experts of qwen4_exp look up which of them were chosen.
FAMILIES = [family for family in get_args(TinyFamily) if family != "qwen4_exp"]


@pytest.fixture(scope="module", params=FAMILIES)
def student(request, tmp_path_factory):
    return tiny_student(request.param, tmp_path_factory.mktemp(request.param))


def backward_without_values(student, one: MicroBatch) -> dict[str, torch.Tensor]:
    model = SummedLoss(student.model).to(META, torch.bfloat16)  # as experts' kernels want it
    model.zero_grad(set_to_none=True)
    batch = {name: value.to(META) if isinstance(value, torch.Tensor) else value for name, value in one.batch.items()}
    model(batch, most_labels=10**6).backward()  # so many that logits are computed in parts
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("shown", ["everything", "text_alone", "nothing"])
def test_forward_and_backward_pass_never_wait_for_the_device(student, packed, shown):
    made = {"everything": mixed_examples, "text_alone": text_examples, "nothing": lambda _: []}
    gradients = backward_without_values(student, micro_batch(student, made[shown](student.encoder), packed))
    assert all(one is not None for one in gradients.values())


def test_nor_do_they_where_activations_are_computed_again(student):
    student.model.train()
    student.model.activation_checkpointing_enable()
    one = micro_batch(student, mixed_examples(student.encoder), packed=True)
    gradients = backward_without_values(student, one)
    student.model.activation_checkpointing_disable()
    assert all(gradient is not None for gradient in gradients.values())


def test_a_loader_can_pin_every_tensor_of_a_micro_batch(student, monkeypatch):
    one = micro_batch(student, mixed_examples(student.encoder), packed=True)
    asked = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: asked.append(id(self)) or self)
    pinned = one.pin_memory()
    assert pinned == replace(one, batch=pinned.batch)
    assert set(asked) == {id(value) for value in one.batch.values() if isinstance(value, torch.Tensor)}
    assert pinned.batch.keys() == one.batch.keys()
