"""The vision tower quickened for training: what it gives, and what its weights learn, stay what they were."""

from copy import deepcopy
from typing import get_args

import pytest
import torch

from demitasse.student.tiny import build_model, build_tokenizer
from demitasse.student.tiny_configs import TinyFamily
from train.model.quick_vision import NAME, quicken

FAMILIES = get_args(TinyFamily)
# (frames, rows, columns) in patches: two videos of one size, one of another, and an image.
GRIDS = torch.tensor([[2, 4, 4], [2, 4, 4], [3, 4, 6], [1, 6, 2]])


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(["what is seen?"])


@pytest.fixture(params=FAMILIES)
def model(request, tokenizer):
    return build_model(request.param, tokenizer, hidden=32, layers=2, heads=2)


def looked(model) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
    """Features of all levels, and the gradients of the tower's weights."""
    vision = model.config.vision_config
    width = 3 * vision.temporal_patch_size * vision.patch_size**2
    pixels = torch.randn(int(GRIDS.prod(dim=1).sum()), width, generator=torch.Generator().manual_seed(0))
    seen = model.model.get_image_features(pixels, GRIDS, return_dict=True)
    levels = [seen.pooler_output, *(getattr(seen, "deepstack_features", None) or [])]
    features = [one for level in levels for one in level]
    weighed = [one * torch.linspace(0, 1, one.numel()).view_as(one) for one in features]
    torch.cat([one.flatten() for one in weighed]).sum().backward()
    tower = model.model.visual
    return features, {name: one.grad for name, one in tower.named_parameters() if one.grad is not None}


def test_features_and_gradients_are_those_of_the_model_left_alone(model):
    quick = deepcopy(model)
    quicken(quick)
    assert quick.config.vision_config._attn_implementation == NAME
    (plain, plain_grads), (features, grads) = looked(model), looked(quick)
    assert max(apart(one, other) for one, other in zip(features, plain, strict=True)) < 1e-5
    largest = max(grad.norm() for grad in plain_grads.values())
    assert grads.keys() == plain_grads.keys()
    for name, grad in grads.items():  # those that are zero but for rounding are compared with the largest
        assert apart(grad, plain_grads[name]) < 1e-5 or (grad - plain_grads[name]).norm() < 1e-6 * largest, name


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(((one - other).norm() / other.norm()).detach())


def test_frames_of_one_size_share_a_call(model, monkeypatch):
    calls = []
    attend = torch.nn.functional.scaled_dot_product_attention

    def counted(*given, **named):
        calls.append(given[0].shape)
        return attend(*given, **named)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", counted)
    looked(model)
    plain = len(calls)
    quicken(model)
    looked(model)
    assert len(calls) - plain <= 0.8 * plain


def test_transformers_own_forward_pass_gives_what_it_gave(model, picture_batch):
    model.eval()
    before = model(**picture_batch(model)).logits
    quicken(model)
    assert torch.allclose(model(**picture_batch(model)).logits, before, atol=1e-5)


def test_what_is_saved_has_no_trace_of_it(model, tmp_path):
    names = set(model.state_dict())
    quicken(model)
    assert set(model.state_dict()) == names
    model.save_pretrained(tmp_path)
    assert NAME not in (tmp_path / "config.json").read_text()


@pytest.mark.parametrize("chosen", ["eager", "flash_attention_2"])
def test_another_attention_is_left_alone(chosen, tokenizer):
    model = build_model("qwen3_vl", tokenizer, hidden=32, layers=1, heads=2)
    model.config.vision_config._attn_implementation = chosen
    quicken(model)
    assert model.config.vision_config._attn_implementation == chosen
