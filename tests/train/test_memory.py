"""Memory: parameters of published models by their shapes alone, and activations as autograd really keeps them."""

import warnings
from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForImageTextToText, Qwen2_5_VLConfig, Qwen3VLConfig

from demitasse.student.tiny import build_model, build_tokenizer
from train.config import LoraConfig, ModelConfig, PartConfig, TrainConfig
from train.model import parts
from train.model.anatomy import part_of
from train.planning.memory import FIXED, Pass, estimate
from train.planning.plan import build_unweighted

# The public configurations, as far as shapes go.
QWEN2_5_VISION = {
    "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "patch_size": 14,
    "fullatt_block_indexes": [7, 15, 23, 31], "window_size": 112,
}  # fmt: skip
QWEN3_VISION = {
    "depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_heads": 16, "patch_size": 16,
    "num_position_embeddings": 2304, "deepstack_visual_indexes": [5, 11, 17],
}  # fmt: skip
QWEN3_VISION_8B = QWEN3_VISION | {
    "depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "deepstack_visual_indexes": [8, 16, 24],
}  # fmt: skip


def text(hidden: int, inner: int, layers: int, heads: int, keys: int, vocabulary: int = 151936) -> dict[str, int]:
    return {
        "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers,
        "num_attention_heads": heads, "num_key_value_heads": keys, "vocab_size": vocabulary,
    }  # fmt: skip


def qwen2_5(language: dict[str, int], tied: bool) -> Qwen2_5_VLConfig:
    vision = QWEN2_5_VISION | {"out_hidden_size": language["hidden_size"]}
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]}
    return Qwen2_5_VLConfig(
        text_config={**language, "rope_parameters": rope, "tie_word_embeddings": tied},
        vision_config=vision,
        tie_word_embeddings=tied,
    )


def qwen3(language: dict[str, int], vision: dict, tied: bool) -> Qwen3VLConfig:
    rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20], "mrope_interleaved": True}
    return Qwen3VLConfig(
        text_config={**language, "head_dim": 128, "rope_parameters": rope, "tie_word_embeddings": tied},
        vision_config=vision | {"out_hidden_size": language["hidden_size"]},
        tie_word_embeddings=tied,
    )


PUBLISHED = [
    pytest.param(qwen2_5(text(2048, 11008, 36, 16, 2), tied=True), 3.75e9, id="qwen2.5-vl-3b"),
    pytest.param(qwen2_5(text(3584, 18944, 28, 28, 4, 152064), tied=False), 8.29e9, id="qwen2.5-vl-7b"),
    pytest.param(qwen3(text(2048, 6144, 28, 16, 8), QWEN3_VISION, tied=True), 2.13e9, id="qwen3-vl-2b"),
    pytest.param(qwen3(text(2560, 9728, 36, 32, 8), QWEN3_VISION, tied=True), 4.44e9, id="qwen3-vl-4b"),
    pytest.param(qwen3(text(4096, 12288, 36, 32, 8), QWEN3_VISION_8B, tied=False), 8.77e9, id="qwen3-vl-8b"),
]


@pytest.mark.parametrize(("settings", "parameters"), PUBLISHED)
def test_a_published_model_has_its_parameters_and_weighs_what_they_do(settings, parameters):
    config = TrainConfig(model=ModelConfig(dtype="bfloat16"))
    model = build_unweighted(settings, config)
    assert {one.device.type for one in model.parameters()} == {"meta"}, "nothing is allocated"
    counted = sum(row.total for row in parts.table(model, config))
    assert counted == pytest.approx(parameters, abs=5.1e6)
    found = estimate(model, config.model, Pass(1000, 0, 10), checkpointing=True)
    assert found.weights == found.gradients == 2 * counted
    assert found.optimizer == 4 * counted


def test_qlora_keeps_the_language_models_layers_in_four_bits():
    settings = qwen2_5(text(2048, 11008, 36, 16, 2), tied=True)
    four, plain = (
        estimate(
            build_unweighted(settings, TrainConfig(model=ModelConfig(method=method, dtype="bfloat16"))),
            ModelConfig(method=method),
            Pass(1000, 0, 10),
            checkpointing=False,
        )
        for method in ("qlora", "lora")
    )
    linear = 36 * (2 * 2048 * 2048 + 2 * 2048 * 256 + 3 * 2048 * 11008)
    assert plain.weights - four.weights == pytest.approx(linear * (2 - 0.52), rel=1e-3)
    assert four.gradients == plain.gradients


def test_flash_attention_need_not_be_installed_where_a_plan_is_made():
    settings = qwen2_5(text(512, 1024, 2, 4, 2), tied=True)
    config = TrainConfig(model=ModelConfig(attention="flash_attention_2", compile=True, checkpointing=True))
    assert build_unweighted(settings, config).config.text_config.num_hidden_layers == 2


# ---- activations, as they are

LORA = ModelConfig(method="lora", vision=PartConfig(learn="lora"), lora=LoraConfig(r=2))
TOKENS, GRID, DEPTH = 96, (2, 8, 8), 3


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(["hello world"] * 4)


def small(tokenizer, family: str, dtype: str):
    """A small model's configuration, of shapes that differ from one another, so that none stands in for another."""
    settings = build_model(family, tokenizer, hidden=256, layers=DEPTH, heads=8).config
    settings.text_config.intermediate_size, settings.text_config.num_key_value_heads = 640, 4
    vision = settings.vision_config
    vision.depth, vision.hidden_size, vision.intermediate_size, vision.num_heads = DEPTH, 128, 320, 4
    return AutoModelForImageTextToText.from_config(settings, dtype=getattr(torch, dtype))


def kept(model, run) -> int:
    """Bytes that autograd keeps of a forward pass, weights apart, each storage once."""
    own = {one.untyped_storage().data_ptr() for one in [*model.parameters(), *model.buffers()]}
    found: dict[int, int] = {}
    alive = []  # or an address could be used again

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alive.append(run())
    return sum(found.values())


NARROW = ModelConfig(dtype="bfloat16")


@pytest.mark.parametrize(
    ("family", "dtype", "how"),
    [
        pytest.param("qwen2_5_vl", "bfloat16", NARROW, id="qwen2.5_full_bfloat16"),
        pytest.param("qwen2_5_vl", "bfloat16", LORA, id="qwen2.5_lora_bfloat16"),
        pytest.param("qwen3_vl", "bfloat16", NARROW, id="qwen3_full_bfloat16"),
        pytest.param("qwen3_vl", "float32", LORA, id="qwen3_lora_float32"),
    ],
)
def test_activations_are_what_autograd_keeps(tokenizer, family, dtype, how):
    model = parts.prepare(small(tokenizer, family, dtype), how, 0).train()
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    ids, positions = torch.randint(10, 200, (1, TOKENS)), torch.arange(TOKENS).expand(4, 1, -1).contiguous()
    patches = GRID[0] * GRID[1] * GRID[2]
    pixels = torch.randn(patches, 3 * 2 * 16 * 16).to(getattr(torch, dtype))
    language = kept(model, lambda: core.model(input_ids=ids, position_ids=positions, use_cache=False).last_hidden_state)
    vision = kept(model, lambda: core.model.visual(pixels, grid_thw=torch.tensor([GRID])))
    of_text = estimate(model, how, Pass(TOKENS, 0, 0), checkpointing=False).activations
    of_both = estimate(model, how, Pass(TOKENS, patches, 0), checkpointing=False).activations
    assert of_text == pytest.approx(language, rel=0.12)
    # The patches themselves and the mergers come on top: much beside these three layers, little beside thirty.
    assert 0.6 * vision < of_both - of_text < 1.05 * vision


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
@pytest.mark.parametrize(
    "how",
    [
        pytest.param(ModelConfig(), id="full"),
        pytest.param(LORA, id="lora"),
        pytest.param(ModelConfig(method="lora", vision=PartConfig("full"), lora=LoraConfig(r=2)), id="lora_and_full"),
        pytest.param(ModelConfig(embeddings=PartConfig("frozen")), id="frozen_embeddings"),
    ],
)
def test_autocast_keeps_copies_of_weights_that_learn_and_of_inputs_as_told(tokenizer, family, how):
    model = parts.prepare(small(tokenizer, family, "bfloat16"), how, 0, "bf16").train()
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    ids, positions = torch.randint(10, 200, (1, TOKENS)), torch.arange(TOKENS).expand(4, 1, -1).contiguous()
    patches = GRID[0] * GRID[1] * GRID[2]
    pixels = torch.randn(patches, 3 * 2 * 16 * 16)

    def layers() -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return core.model(input_ids=ids, position_ids=positions, use_cache=False).last_hidden_state

    def tower() -> object:
        with torch.autocast("cpu", torch.bfloat16):
            return core.model.visual(pixels, grid_thw=torch.tensor([GRID]))

    language, vision = kept(model, layers), kept(model, tower)
    of_text, of_both = (
        estimate(model, how, Pass(TOKENS, seen, 0), checkpointing=False, mixed="bf16") for seen in (0, patches)
    )
    copied = {
        part: sum(2 * one.numel() for name, one in core.named_parameters() if copies_of(name, one) == part)
        for part in ("vision", "merger", "language", "embeddings")
    }
    assert of_text.copies == sum(copied.values())
    assert of_text.activations + copied["language"] == pytest.approx(language, rel=0.12)
    told = of_both.activations - of_text.activations + copied["vision"] + copied["merger"]
    assert 0.6 * vision < told < 1.1 * vision


def copies_of(name: str, parameter: torch.nn.Parameter) -> str:
    """The part of a matrix that autocast copies, "" for others."""
    return part_of(name) if parameter.dtype == torch.float32 and parameter.ndim > 1 else ""


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_checkpointing_keeps_the_layers_inputs_and_one_layer(tokenizer, family):
    how = ModelConfig(checkpointing=True, dtype="bfloat16")
    model = parts.prepare(small(tokenizer, family, "bfloat16"), how, 0).train()
    ids, positions = torch.randint(10, 200, (1, TOKENS)), torch.arange(TOKENS).expand(4, 1, -1).contiguous()
    inputs = kept(model, lambda: model.model(input_ids=ids, position_ids=positions, use_cache=False).last_hidden_state)
    told = estimate(model, how, Pass(TOKENS, 0, 0), checkpointing=True).activations
    one_layer = estimate(model, how, Pass(TOKENS, 0, 0), checkpointing=False).activations / DEPTH
    assert told - one_layer == DEPTH * TOKENS * 256 * 2
    assert told - one_layer < inputs < told - one_layer + 12 * TOKENS * 256  # and the last norm's


def test_vision_that_is_frozen_keeps_nothing(tokenizer):
    how = ModelConfig(method="lora")
    model = parts.prepare(small(tokenizer, "qwen2_5_vl", "float32"), how, 0)
    few, many = (estimate(model, how, Pass(TOKENS, patches, 0), checkpointing=False) for patches in (0, 256))
    assert few == many


def test_sharding_divides_what_is_stored_and_not_what_passes_through(tokenizer):
    how = ModelConfig()
    found = estimate(small(tokenizer, "qwen2_5_vl", "float32"), how, Pass(TOKENS, 0, 8), checkpointing=False)
    stored = found.weights + found.gradients + found.optimizer
    passing = found.activations + found.logits + FIXED
    assert found.total() == stored + passing
    assert found.total(4) == stored + found.gradients + passing, "gradients are sent from a copy"
    assert found.total(4, sharded=True) == stored / 4 + found.layer + passing


def test_logits_are_bounded_by_a_chunk(tokenizer):
    model = replace(TrainConfig(), model=ModelConfig(dtype="bfloat16"))
    unweighted = build_unweighted(qwen2_5(text(512, 1024, 2, 4, 2), tied=True), model)
    few, many, more = (
        estimate(unweighted, model.model, Pass(10, 0, labels), checkpointing=False).logits
        for labels in (10, 10_000, 20_000)
    )
    assert few == 10 * 151936 * 16
    assert many == more < 2.2e9
