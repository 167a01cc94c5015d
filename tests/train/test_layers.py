"""Checkpointing and compilation change memory and time and nothing else; an attention that is not there is said."""

import shutil
from functools import partialmethod
from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters

from demitasse.errors import ConfigError
from demitasse.student.collate import pack
from tests.train.mixed_media import mixed_examples, tiny_student
from train.config import LoraConfig, ModelConfig, PartConfig
from train.data.places import places_of
from train.loop.loss import SummedLoss
from train.model import layers, parts

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe", "qwen4_exp")
LORA_EVERYWHERE = {"method": "lora", "vision": PartConfig("lora"), "merger": PartConfig("lora")}


def prepared(model: Any, **settings: Any) -> Any:
    """A model to train, its adapters stirred: their second matrices start at zero, and with them gradients."""
    model = parts.prepare(model, ModelConfig(**settings), seed=0).train()
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=random) * 0.05)
    return model


def gradients(model: Any, batch: dict[str, torch.Tensor]) -> tuple[float, dict[str, torch.Tensor]]:
    loss = model(**batch).loss
    loss.backward()
    return loss.item(), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def core_of(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="full"),
        pytest.param(LORA_EVERYWHERE, id="adapters_of_the_vision_tower_too"),
        pytest.param({"method": "lora", "lora": LoraConfig(dropout=0.3)}, id="dropout_is_the_same_again"),
    ],
)
def test_gradients_are_the_same_with_checkpointing_and_without(fresh_model, picture_batch, family, settings):
    batch, found = picture_batch(fresh_model(family)), []
    for checkpointing in (False, True):
        model = prepared(fresh_model(family), checkpointing=checkpointing, **settings)
        torch.manual_seed(2)
        found.append(gradients(model, batch))
        learning = {name for name, p in model.named_parameters() if p.requires_grad}
        assert set(found[-1][1]) == learning
    (loss, plain), (again, checkpointed) = found
    assert loss == again
    for name, gradient in plain.items():
        assert float(gradient.abs().max()) > 0 or "norm_conv" in name  # what follows Qwen4's starts at zero
        torch.testing.assert_close(checkpointed[name], gradient, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("vision", "passes"), [pytest.param("frozen", 1, id="frozen"), pytest.param("lora", 2, id="adapted")]
)
def test_checkpointing_computes_again_only_what_has_a_backward_pass(fresh_model, picture_batch, vision, passes):
    model = prepared(fresh_model("qwen3_vl"), method="lora", vision=PartConfig(vision), checkpointing=True)
    core, calls = core_of(model), []
    core.model.language_model.layers[0].mlp.register_forward_pre_hook(lambda *_: calls.append("decoder"))
    core.model.visual.blocks[0].mlp.register_forward_pre_hook(lambda *_: calls.append("vision"))
    gradients(model, picture_batch(model))
    assert (calls.count("decoder"), calls.count("vision")) == (2, passes)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_frozen_tower_keeps_no_graph_though_its_merger_learns(fresh_model, picture_batch, family, checkpointing):
    settings = {"method": "lora", "merger": PartConfig("full"), "checkpointing": checkpointing}
    model = prepared(fresh_model(family), **settings)
    vision, seen = core_of(model).model.visual, {}
    for block in vision.blocks:
        block.register_forward_hook(lambda module, _, output: seen.setdefault(module, output))
    vision.merger.register_forward_hook(lambda *call: seen.setdefault("merger", call[-1]))
    _, found = gradients(model, picture_batch(model))
    merged = seen.pop("merger")
    assert len(seen) == 2
    for output in seen.values():
        assert output.grad_fn is None and not output.requires_grad
    assert merged.grad_fn is not None
    assert any(".visual.merger." in name for name in found)


def test_flash_attention_that_is_not_installed_is_refused_and_not_fetched(fresh_model, monkeypatch):
    monkeypatch.setattr("transformers.utils.import_utils.is_flash_attn_2_available", lambda: False)
    with pytest.raises(ConfigError, match=r"model\.attention is 'flash_attention_2'.*flash-attn"):
        layers.run_as(fresh_model("qwen3_vl"), ModelConfig(attention="flash_attention_2"))


def test_sdpa_is_what_every_part_attends_by(fresh_model):
    model = parts.prepare(fresh_model("qwen3_vl"), ModelConfig(), 0)
    assert model.config.vision_config._attn_implementation == model.config.text_config._attn_implementation == "sdpa"


def test_compiling_without_a_compiler_is_refused(fresh_model, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ConfigError, match=r"model\.compile needs a C\+\+ compiler"):
        layers.run_as(fresh_model("qwen3_vl"), ModelConfig(compile=True))


@pytest.mark.parametrize("checkpointing", [False, True])
def test_packed_rows_of_ever_new_lengths_are_not_compiled_ever_anew(tmp_path, monkeypatch, checkpointing):
    # Only how often is looked at, and not what of: a graph that is run as it is takes no C++ compiler.
    monkeypatch.setattr(torch.nn.Module, "compile", partialmethod(torch.nn.Module.compile, backend="eager"))
    student = tiny_student("qwen3_vl", tmp_path)
    settings = ModelConfig(compile=True, checkpointing=checkpointing)
    loss_of = SummedLoss(parts.prepare(student.model, settings, 0).train())
    items, graphs = [one.encoded for one in mixed_examples(student.encoder)], []
    torch._dynamo.reset()
    counters.clear()
    for count in (1, 2, 3, 4, 2):
        row = pack(items[:count], student.encoder.vision)
        row |= places_of(row, items[:count])
        row["weights"] = torch.ones(sum(one.label_count for one in items[:count]))
        loss_of(row).backward()
        graphs.append(counters["stats"]["unique_graphs"])
    assert graphs[0] > 0
    assert graphs[2:] == [graphs[1]] * 3  # once for the first row, once for rows of any length


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="compiling needs a C++ compiler")
def test_compiled_layers_give_the_same_loss_and_gradients_and_clean_names(fresh_model, picture_batch, monkeypatch):
    monkeypatch.setattr("torch._inductor.config.compile_threads", 1)  # no pool of processes for two small graphs
    batch = picture_batch(fresh_model("qwen3_vl"))
    plain = prepared(fresh_model("qwen3_vl"), method="lora", checkpointing=True)
    compiled = prepared(fresh_model("qwen3_vl"), method="lora", checkpointing=True, compile=True)
    loss, wanted = gradients(plain, batch)
    counters.clear()
    again, found = gradients(compiled, batch)
    assert counters["stats"]["unique_graphs"] > 0
    assert again == pytest.approx(loss, rel=1e-5)
    assert found.keys() == wanted.keys()
    apart = sum(float((found[name] - wanted[name]).square().sum()) for name in wanted)
    assert apart**0.5 <= 1e-5 * sum(float(one.square().sum()) for one in wanted.values()) ** 0.5
    assert compiled.state_dict().keys() == plain.state_dict().keys()
