"""Adapters stand where they were asked for, scale as their variant says, and are the same thing merged."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from demitasse.errors import ConfigError
from demitasse.student.load import load_student
from train.config import LoraConfig, ModelConfig, PartConfig, TrainConfig
from train.loop.optimizer import build_optimizer
from train.model import adapters, parts


def places(model: Any) -> set[str]:
    """Full names of what has an adapter, as the base calls it."""
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    return {name.removeprefix("base_model.model.").split(".lora_")[0] for name in names}


def stirred(model: Any) -> Any:
    """The model with second matrices that are not zero, so that its adapters say something."""
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name or "lora_embedding_B" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=random) * 0.05)
    return model


@pytest.mark.parametrize(
    ("family", "targets", "learns", "found"),
    [
        pytest.param(
            "qwen2_5_vl",
            ["gate_proj"],
            {},
            {f"model.language_model.layers.{layer}.mlp.gate_proj" for layer in range(2)},
            id="a_name_that_the_vision_tower_has_too_stays_in_the_language_model",
        ),
        pytest.param(
            "qwen2_5_vl",
            ["gate_proj"],
            {"vision": PartConfig("lora")},
            {
                f"model.{place}.{layer}.mlp.gate_proj"
                for place in ("language_model.layers", "visual.blocks")
                for layer in (0, 1)
            },
            id="and_is_adapted_in_both_where_both_learn_so",
        ),
        pytest.param(
            "qwen3_vl",
            ["layers.1.self_attn.q_proj"],
            {},
            {"model.language_model.layers.1.self_attn.q_proj"},
            id="the_end_of_a_name_picks_a_single_layer",
        ),
        pytest.param(
            "qwen3_5_moe",
            ["shared_expert.down_proj", "in_proj_z"],
            {},
            {
                "model.language_model.layers.0.mlp.shared_expert.down_proj",
                "model.language_model.layers.1.mlp.shared_expert.down_proj",
                "model.language_model.layers.0.linear_attn.in_proj_z",
            },
            id="linear_attention_and_shared_experts",
        ),
        pytest.param(
            "qwen3_vl_moe",
            ["experts.down_proj"],
            {},
            {f"model.language_model.layers.{layer}.mlp.experts" for layer in range(2)},
            id="experts_alone",
        ),
        pytest.param(
            "qwen3_vl",
            ["linear_fc1"],
            {"merger": PartConfig("lora"), "language": PartConfig("frozen")},
            {"model.visual.merger.linear_fc1", "model.visual.deepstack_merger_list.0.linear_fc1"},
            id="deepstack_mergers_are_mergers",
        ),
    ],
)
def test_targets_are_found_in_the_parts_that_learn_by_adapters(fresh_model, family, targets, learns, found):
    config = ModelConfig(method="lora", lora=LoraConfig(targets=targets), **learns)
    assert places(parts.prepare(fresh_model(family), config, 0)) == found


@pytest.mark.parametrize(
    ("family", "lora", "learns", "message"),
    [
        pytest.param(
            "qwen3_vl", LoraConfig(targets=["qkv"]), {}, r"'qkv' is no layer.*\(language\).*q_proj", id="no_such_layer"
        ),
        pytest.param(
            "qwen3_vl",
            LoraConfig(targets=["q_proj"]),
            {"vision": PartConfig("lora")},
            r"model\.vision learns by LoRA, but none.*linear_fc1, linear_fc2, proj, qkv",
            id="a_part_that_no_target_is_in",
        ),
        pytest.param(
            "qwen3_vl", LoraConfig(), {"embeddings": PartConfig("lora")}, "shares the embeddings", id="a_tied_head"
        ),
        pytest.param(
            "qwen3_vl_moe",
            LoraConfig(targets=["down_proj"], dropout=0.1),
            {},
            r"takes in experts \(down_proj\).*dropout",
            id="dropout_of_experts",
        ),
        pytest.param(
            "qwen3_5_moe",
            LoraConfig(targets=["gate_up_proj"], variant="dora"),
            {},
            "takes in experts.*dora",
            id="dora_of_experts",
        ),
    ],
)
def test_adapters_that_cannot_be_are_refused_with_what_there_is(fresh_model, family, lora, learns, message):
    with pytest.raises(ConfigError, match=message):
        parts.prepare(fresh_model(family), ModelConfig(method="lora", lora=lora, **learns), 0)


@pytest.mark.parametrize(
    ("family", "lora", "learns"),
    [
        pytest.param("qwen2_5_vl", LoraConfig(r=4), {"vision": PartConfig("lora")}, id="lora"),
        pytest.param("qwen3_vl", LoraConfig(r=4, variant="rslora"), {"merger": PartConfig("lora")}, id="rslora"),
        pytest.param("qwen3_vl", LoraConfig(r=4, variant="dora"), {"vision": PartConfig("lora")}, id="dora"),
        pytest.param("qwen3_vl_moe", LoraConfig(targets=["gate_up_proj", "down_proj", "q_proj"]), {}, id="experts"),
        pytest.param("qwen3_5_moe", LoraConfig(targets=["experts.down_proj", "out_proj"]), {}, id="half_of_them"),
        pytest.param("qwen3_5", LoraConfig(r=4), {}, id="linear_attention"),
    ],
)
def test_merged_weights_answer_as_the_adapter_and_not_as_the_base(fresh_model, picture_batch, family, lora, learns):
    base = fresh_model(family)
    model = stirred(parts.prepare(fresh_model(family), ModelConfig(method="lora", lora=lora, **learns), 0)).eval()
    batch = picture_batch(base)
    with torch.no_grad():
        adapted, untouched = model(**batch).logits, base(**batch).logits
        merged = model.merge_and_unload()
        assert type(merged) is type(base)
        torch.testing.assert_close(merged(**batch).logits, adapted, atol=1e-4, rtol=1e-4)
    assert float((adapted - untouched).abs().max()) > 0.01
    assert [name for name, _ in merged.named_parameters()] == [name for name, _ in base.named_parameters()]


@pytest.mark.parametrize(
    ("variant", "scale"),
    [pytest.param("lora", 8 / 4, id="by_the_rank"), pytest.param("rslora", 8 / 2, id="by_its_root")],
)
def test_an_update_is_scaled(fresh_model, variant, scale):
    lora = LoraConfig(r=4, alpha=8, variant=variant, targets=["q_proj"])
    base = fresh_model("qwen3_vl").model.language_model.layers[0].self_attn.q_proj.weight
    model = stirred(parts.prepare(fresh_model("qwen3_vl"), ModelConfig(method="lora", lora=lora), 0))
    layer = model.get_base_model().model.language_model.layers[0].self_attn.q_proj
    update = scale * layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    merged = model.merge_and_unload().model.language_model.layers[0].self_attn.q_proj.weight
    torch.testing.assert_close(merged, base + update)


def test_dora_starts_as_the_base_and_learns_lengths(fresh_model, picture_batch):
    config = ModelConfig(method="lora", lora=LoraConfig(variant="dora", targets=["q_proj"]))
    base, model = fresh_model("qwen3_vl"), parts.prepare(fresh_model("qwen3_vl"), config, 0)
    batch = picture_batch(base)
    torch.testing.assert_close(model(**batch).logits, base(**batch).logits, atol=1e-5, rtol=1e-5)
    lengths = {name: p for name, p in model.named_parameters() if "magnitude" in name}
    assert len(lengths) == 2 and all(p.requires_grad for p in lengths.values())


def test_an_untied_head_and_its_embeddings_take_adapters_that_merge(fresh_model, picture_batch):
    model = fresh_model("qwen3_vl")
    model.config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach() * 0.9)
    config = ModelConfig(method="lora", language=PartConfig("frozen"), embeddings=PartConfig("lora"))
    model = stirred(parts.prepare(model, config, 0)).eval()
    assert places(model) == {"model.language_model.embed_tokens", "lm_head"}
    batch = picture_batch(model)
    with torch.no_grad():
        adapted = model(**batch).logits
        torch.testing.assert_close(model.merge_and_unload()(**batch).logits, adapted, atol=1e-4, rtol=1e-4)


def test_adapters_follow_from_the_seed(fresh_model):
    def first(seed: int) -> torch.Tensor:
        model = parts.prepare(fresh_model("qwen3_vl"), ModelConfig(method="lora"), seed)
        return next(parameter for name, parameter in model.named_parameters() if "lora_A" in name)

    assert torch.equal(first(3), first(3))
    assert not torch.equal(first(3), first(4))


def test_dropout_of_zero_stays_zero_and_another_acts_while_training_only(fresh_model, picture_batch):
    for dropout in (0.0, 0.5):
        config = ModelConfig(method="lora", lora=LoraConfig(dropout=dropout))
        model = stirred(parts.prepare(fresh_model("qwen3_vl"), config, 0))
        batch = picture_batch(model)
        with torch.no_grad():
            training = model.train()(**batch).logits
            assert torch.equal(training, model.eval()(**batch).logits) == (dropout == 0.0)


def test_adapters_of_a_16_bit_model_are_kept_in_32_bits(fresh_model):
    model = parts.prepare(fresh_model("qwen3_vl").to(torch.bfloat16), ModelConfig(method="lora"), 0)
    kinds = {(parameter.requires_grad, parameter.dtype) for parameter in model.parameters()}
    assert kinds == {(True, torch.float32), (False, torch.bfloat16)}


def test_no_warning_is_left_to_the_person(fresh_model, recwarn):
    parts.prepare(fresh_model("qwen3_vl"), ModelConfig(method="lora"), 0)
    assert [str(one.message) for one in recwarn if one.category is not DeprecationWarning] == []


def test_4_bits_without_bitsandbytes_say_what_to_install(fresh_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    monkeypatch.setitem(sys.modules, "bitsandbytes.nn", None)
    monkeypatch.delitem(sys.modules, "train.model.four_bits", raising=False)
    with pytest.raises(ConfigError, match="pip install bitsandbytes"):
        parts.prepare(fresh_model("qwen3_vl"), ModelConfig(method="qlora"), 0)


def test_4_bits_are_refused_for_a_model_of_experts(fresh_model):
    with pytest.raises(ConfigError, match=r"qlora.*experts"):
        parts.prepare(fresh_model("qwen3_vl_moe"), ModelConfig(method="qlora"), 0)


@pytest.fixture
def in_4_bits(fresh_model) -> Callable[..., Any]:
    pytest.importorskip("bitsandbytes", reason="QLoRA needs bitsandbytes, which is not installed")

    def build(**settings: Any) -> Any:
        config = ModelConfig(method="qlora", merger=PartConfig("full"), checkpointing=True, **settings)
        return parts.prepare(fresh_model("qwen3_vl", hidden=64), config, 0).train()

    return build


def test_4_bit_weights_are_close_to_the_base_and_learn_by_their_adapters(in_4_bits, fresh_model, picture_batch):
    base, model = fresh_model("qwen3_vl", hidden=64), in_4_bits()
    layer = model.get_base_model().model.language_model.layers[0].self_attn.q_proj.base_layer
    assert layer.weight.dtype == torch.uint8 and layer.weight.numel() == 64 * 64 // 2
    assert adapters.shape_of(layer.weight) == (64, 64)
    assert model.get_base_model().model.visual.blocks[0].attn.qkv.weight.dtype == torch.float32
    batch = picture_batch(base)
    losses = [base(**batch).loss.item()]
    optimizer = build_optimizer(model, TrainConfig(optim=TrainConfig().optim))
    for group in optimizer.param_groups:
        group["lr"] = 1e-3
    before = layer.weight.clone()
    for _ in range(4):
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=0.05) and losses[1] != losses[0]
    assert losses[-1] < losses[1] - 0.5
    assert torch.equal(layer.weight, before)


@pytest.mark.parametrize("variant", ["lora", "rslora", "dora"])
def test_every_variant_learns_beside_4_bits(in_4_bits, picture_batch, variant):
    model = in_4_bits(lora=LoraConfig(r=4, variant=variant))
    batch = picture_batch(model)
    loss = model(**batch).loss
    loss.backward()
    with torch.autocast("cpu", torch.bfloat16):
        assert model(**batch).loss.item() == pytest.approx(loss.item(), rel=0.02)
    learning = {name: one for name, one in model.named_parameters() if one.requires_grad}
    assert any("magnitude" in name for name in learning) == (variant == "dora")
    assert all(one.grad is not None for one in learning.values())


def test_a_run_over_4_bits_goes_on_to_the_same_bits_and_its_adapter_fits_the_base(train_it, tmp_path):
    pytest.importorskip("bitsandbytes", reason="QLoRA needs bitsandbytes, which is not installed")
    settings = ["model.method=qlora", "model.lora.variant=rslora", "model.lora.dropout=0.1"]
    student = train_it(*settings)
    straight = load_file(student / "adapter_model.safetensors")
    (tmp_path / "out" / "train.json").unlink()
    again = load_file(train_it(*settings) / "adapter_model.safetensors")  # from the checkpoint of its second step
    assert all(torch.equal(again[name], one) for name, one in straight.items()) and straight.keys() == again.keys()
    assert {one.dtype for one in straight.values()} == {torch.float32}
    merged = load_student(student, device="cpu").model
    assert {one.dtype for one in merged.parameters()} == {torch.float32}, "merged into the base as it was"


def test_a_checkpoint_of_a_4_bit_model_holds_no_base_and_loads_strictly(in_4_bits, picture_batch):
    trained, fresh = stirred(in_4_bits()), in_4_bits()
    state = trained.state_dict()
    assert not any("proj.base_layer" in name for name in state)
    fresh.load_state_dict(state, strict=True)
    batch = picture_batch(trained)
    assert torch.equal(trained(**batch).logits, fresh(**batch).logits)
