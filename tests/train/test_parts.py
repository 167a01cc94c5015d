"""What learns is what was asked for: name by name, in every family and method, and nothing else moves."""

import json
import re

import pytest
import torch

from demitasse.errors import ConfigError
from train.config import LoraConfig, ModelConfig, OptimConfig, PartConfig, TrainConfig
from train.loop.optimizer import build_optimizer
from train.model import parts
from train.model.anatomy import part_of

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe", "qwen4_exp")
# Written out once more, and not as train/model/anatomy.py has it: where the weights of each part lie.
WHERE = {
    "vision": r"model\.visual\.(patch_embed|pos_embed|blocks)\.",
    "merger": r"model\.visual\.(merger|deepstack_merger_list)\.",
    "language": r"model\.language_model\.(layers|norm|hyper_connection_mixer)\.",
    "embeddings": r"(model\.language_model\.embed_tokens|lm_head)\.",
}
ATTENTION = "self_attn.q_proj self_attn.k_proj self_attn.v_proj self_attn.o_proj "
MLP = "mlp.gate_proj mlp.up_proj mlp.down_proj "
RECURRENT = "linear_attn.out_proj " + " ".join(f"linear_attn.in_proj_{name}" for name in ("qkv", "z", "a", "b"))
SHARED = " mlp.shared_expert.gate_proj mlp.shared_expert.up_proj mlp.shared_expert.down_proj mlp.shared_expert_gate "
STREAMS = " ".join(
    f"{where}_hyper_connection.{name}"
    for where in ("attn", "mlp")
    for name in ("block_inject_weight", "input_mix_weight_down", "input_mix_weight_up")
)
# The linear layers of a decoder layer, and of a block of the vision tower.
LINEAR = {
    "qwen2_vl": ATTENTION + MLP,
    "qwen2_5_vl": ATTENTION + MLP,
    "qwen3_vl": ATTENTION + MLP,
    "qwen3_vl_moe": ATTENTION,
    "qwen3_5": ATTENTION + MLP + RECURRENT,
    "qwen3_5_moe": ATTENTION + RECURRENT + SHARED,
    "qwen4_exp": ATTENTION + RECURRENT + SHARED + "ple.key_proj ple.value_proj " + STREAMS,
}
SEEING = {"qwen2_vl": "attn.qkv attn.proj mlp.fc1 mlp.fc2", "qwen2_5_vl": "attn.qkv attn.proj " + MLP}
MIXTURE = {"vision": PartConfig("lora"), "merger": PartConfig("full"), "embeddings": PartConfig("full")}


def adapters_of(names: list[str], layer: str, linear: str) -> set[str]:
    """Adapters beside the layers called `linear` in any `layer`, and Qwen4's beside the mixer of its streams."""
    there = {name.removesuffix(".weight") for name in names}
    own = [f"{layer}.{place}.{name}" for place in range(2) for name in linear.split()]
    mixer = [name for name in there if layer.startswith("model.language") and "mixer.input_mix_weight" in name]
    return {f"{name}.lora_{side}.default.weight" for name in [*own, *mixer] if name in there for side in "AB"}


def expected(family: str, names: list[str], how: dict[str, str]) -> set[str]:
    """Names, as they are without PEFT's prefix, of what learns when the parts learn as `how` says."""
    found: set[str] = set()
    for part, learn in how.items():
        if learn == "full":
            found |= {name for name in names if re.match(WHERE[part], name) and ".indexer." not in name}
        elif learn == "lora" and part == "language":
            found |= adapters_of(names, "model.language_model.layers", LINEAR[family])
        elif learn == "lora":
            linear = SEEING.get(family, "attn.qkv attn.proj mlp.linear_fc1 mlp.linear_fc2")
            found |= adapters_of(names, "model.visual.blocks", linear)
    return found


def plain(name: str) -> str:
    return name.removeprefix("base_model.model.")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("settings", "how"),
    [
        pytest.param({}, dict.fromkeys(WHERE, "full"), id="full"),
        pytest.param(
            {"vision": PartConfig("frozen"), "embeddings": PartConfig("frozen")},
            {"merger": "full", "language": "full"},
            id="frozen_vision_and_embeddings",
        ),
        pytest.param({"method": "lora"}, {"language": "lora"}, id="lora"),
        pytest.param(
            {"method": "lora", **MIXTURE},
            {"vision": "lora", "merger": "full", "language": "lora", "embeddings": "full"},
            id="each_part_in_its_own_way",
        ),
        pytest.param(
            {"method": "lora", "language": PartConfig("frozen"), "vision": PartConfig("lora")},
            {"vision": "lora"},
            id="lora_of_the_vision_tower_alone",
        ),
    ],
)
def test_exactly_what_was_asked_for_learns_and_all_else_stays_bit_equal(
    fresh_model, picture_batch, family, settings, how
):
    config = TrainConfig(model=ModelConfig(**settings), optim=OptimConfig(lr=1e-3))
    model = fresh_model(family)
    names = [name for name, _ in model.named_parameters()]
    model = parts.prepare(model, config.model, seed=0).train()
    learning = {plain(name): parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert set(learning) == expected(family, names, how)

    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer, batch = build_optimizer(model, config), picture_batch(model)
    for _ in range(2):  # an adapter's second matrix starts at zero, so that the first one's gradient is zero at first
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
    for name, parameter in model.named_parameters():
        if plain(name) in learning:
            assert parameter.grad is not None and float(parameter.grad.abs().max()) > 0, name
            assert not torch.equal(parameter, before[name]), name
        else:
            assert parameter.grad is None, name
            assert torch.equal(parameter, before[name]), name


@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_belongs_to_one_part_and_every_part_has_some(fresh_model, family):
    names = [name for name, _ in fresh_model(family).named_parameters()]
    for name in names:
        assert [part for part, pattern in WHERE.items() if re.match(pattern, name)] == [part_of(name)]
    assert {part_of(name) for name in names} == set(WHERE)


def test_a_head_of_its_own_belongs_to_the_embeddings():
    assert part_of("lm_head.weight") == part_of("base_model.model.lm_head.lora_A.default.weight") == "embeddings"


def test_a_name_of_no_part_is_refused():
    with pytest.raises(ConfigError, match=r"audio\.conv.*no known part"):
        part_of("model.audio.conv.weight")


@pytest.mark.parametrize(
    ("settings", "how"),
    [
        pytest.param({}, "full full full full", id="full_trains_all"),
        pytest.param({"method": "lora"}, "frozen frozen lora frozen", id="lora_adapts_the_language_model"),
        pytest.param({"method": "qlora"}, "frozen frozen lora frozen", id="qlora_adapts_the_same"),
        pytest.param({"vision": PartConfig("frozen")}, "frozen full full full", id="a_part_overrules_full"),
        pytest.param(
            {"method": "lora", "merger": PartConfig("full")}, "frozen full lora frozen", id="a_part_overrules_lora"
        ),
        pytest.param({"language": PartConfig("lora")}, "full full lora full", id="adapters_beside_full_parts"),
    ],
)
def test_parts_left_at_auto_learn_as_the_method_says(settings, how):
    assert list(parts.plan(ModelConfig(**settings)).values()) == how.split()


FROZEN = PartConfig("frozen")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param(
            dict.fromkeys(("vision", "merger", "language", "embeddings"), FROZEN), "nothing is left", id="all_frozen"
        ),
        pytest.param(
            {"vision": PartConfig("frozen", 1e-6)},
            r"model\.vision\.lr is 1e-06.*frozen",
            id="a_rate_for_what_is_frozen",
        ),
        pytest.param(
            {"method": "lora", "merger": PartConfig(lr=1e-5)}, r"model\.merger\.lr", id="a_rate_for_what_lora_freezes"
        ),
        pytest.param(
            {"method": "lora", "language": PartConfig("full")}, "'lora', but no part", id="lora_without_adapters"
        ),
        pytest.param(
            {"lora": LoraConfig(r=8, variant="dora")},
            r"model\.lora says r=8, variant=dora, but no part learns by adapters",
            id="settings_of_adapters_without_adapters",
        ),
        pytest.param(
            {"method": "qlora", "language": PartConfig("frozen"), "embeddings": PartConfig("lora")},
            "'qlora'.*only the embeddings have adapters: use 'lora'",
            id="4_bits_of_nothing",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        parts.plan(ModelConfig(**settings))


def test_the_table_counts_what_learns_and_names_its_rate(fresh_model):
    config = TrainConfig(
        model=ModelConfig(method="lora", merger=PartConfig("full", 5e-6), lora=LoraConfig(r=4, targets=["q_proj"])),
        optim=OptimConfig(lr=1e-4),
    )
    model = fresh_model("qwen2_5_vl")
    merger = sum(p.numel() for p in model.model.visual.merger.parameters())
    everything = sum(p.numel() for p in model.parameters())
    rows = parts.table(parts.prepare(model, config.model, 0), config)
    assert [(row.part, row.learn, row.lr, row.learning) for row in rows] == [
        ("vision", "frozen", None, 0),
        ("merger", "full", 5e-6, merger),
        ("language", "lora", 1e-4, 2 * (32 * 4 + 4 * 32)),
        ("embeddings", "frozen", None, 0),
    ]
    assert sum(row.total for row in rows) == everything + 2 * (32 * 4 + 4 * 32)


def test_the_table_is_printed_and_saved(fresh_model, tmp_path):
    config = TrainConfig(model=ModelConfig(vision=PartConfig("frozen")))
    rows = parts.table(parts.prepare(fresh_model("qwen3_vl"), config.model, 0), config)
    said = parts.lines(rows)
    assert [line.split()[:2] for line in said[1:5]] == [
        ["vision", "frozen"], ["merger", "full"], ["language", "full"], ["embeddings", "full"],
    ]  # fmt: skip
    assert "1.0e-05 in float32" in said[2] and "1.0e-05" not in said[1]
    parts.save_table(rows, tmp_path / "out")
    saved = json.loads((tmp_path / "out" / "parameters.json").read_text())["parts"]
    assert [row["learning"] for row in saved] == [row.learning for row in rows]


@pytest.mark.parametrize(
    ("dtype", "settings", "told"),
    [
        pytest.param(torch.bfloat16, {"dtype": "bfloat16"}, True, id="full_in_16_bits"),
        pytest.param(torch.bfloat16, {}, False, id="full_of_16_bits_left_to_us_is_kept_in_32"),
        pytest.param(torch.float32, {}, False, id="full_in_32_bits"),
        pytest.param(torch.bfloat16, {"method": "lora"}, False, id="adapters_beside_16_bits_have_32"),
    ],
)
def test_weights_that_learn_in_16_bits_are_told_of(fresh_model, dtype, settings, told):
    config = TrainConfig(model=ModelConfig(**settings))
    model = parts.prepare(fresh_model("qwen3_vl").to(dtype), config.model, 0)
    assert any("16 bits" in line for line in parts.lines(parts.table(model, config))) == told
