"""What an item costs to learn: torch's own count of a real forward and backward pass, and the field's rule of thumb."""

from types import SimpleNamespace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from demitasse.student.tiny import build_model, build_tokenizer
from train.model.anatomy import part_of
from train.planning.flops import Cost, Flops
from train.planning.gpus import GPUS, gpu_named
from train.planning.utilisation import Utilisation, peak_flops

FAMILIES = ["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe", "qwen4_exp"]
TOKENS, LABELS, FRAMES, SIDE = 150, 40, 3, 8  # of FRAMES temporal patches, SIDE times SIDE patches each
TOLERANCE = 0.02
EVERYTHING = ("vision", "merger", "language", "embeddings")
LONG = SimpleNamespace(tokens=TOKENS, labels=LABELS, patches=FRAMES * SIDE**2, frames=2 * FRAMES)


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(["hello world"] * 3)


def model_of(family: str, tokenizer, learning=EVERYTHING):
    """A tiny model of the family, in the plain arithmetic that torch counts."""
    model = build_model(family, tokenizer, hidden=64, layers=2, heads=4)
    model.set_attn_implementation("eager")
    if hasattr(model.config.get_text_config(), "num_experts_per_tok"):
        model.set_experts_implementation("eager")
    for name, parameter in model.named_parameters():
        # torch counts the gradient of a depthwise convolution's weights as if it were a dense one's.
        parameter.requires_grad_(part_of(name) in learning and "conv1d" not in name)
    return model


def video(config, tokens: int) -> dict[str, torch.Tensor]:
    """A sequence with a video in it, one block for each temporal patch where the family writes it so."""
    apart = config.model_type not in ("qwen2_vl", "qwen2_5_vl")
    merged, ids, place = SIDE**2 // 4, torch.full((1, tokens), 5), 2
    for run in [merged] * FRAMES if apart else [merged * FRAMES]:
        ids[0, place] = config.vision_start_token_id
        ids[0, place + 1 : place + 1 + run] = config.video_token_id
        place += run + 4
    patch = config.vision_config.patch_size
    batch = {
        "input_ids": ids,
        "pixel_values_videos": torch.randn(FRAMES * SIDE**2, 3 * 2 * patch**2),
        "video_grid_thw": torch.tensor([[FRAMES, SIDE, SIDE]]),
        "position_ids": torch.arange(tokens).expand(3, 1, tokens),
        "attention_mask": torch.ones_like(ids),
        "mm_token_type_ids": (ids == config.video_token_id).long() * 2,
    }
    return batch | ({"second_per_grid_ts": torch.tensor([1.0])} if config.model_type == "qwen2_5_vl" else {})


def measured(model) -> Flops:
    """What torch counts."""
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    with FlopCounterMode(display=False) as counter:
        hidden = core.model(**video(core.config, TOKENS), use_cache=False).last_hidden_state
        loss = core.lm_head(hidden[:, -LABELS - 1 : -1]).logsumexp(-1).sum()
        forward = counter.get_total_flops()
        loss.backward()
    return Flops(forward, counter.get_total_flops() - forward)


def assert_close(ours: Flops, theirs: Flops) -> None:
    assert ours.forward == pytest.approx(theirs.forward, rel=TOLERANCE)
    assert ours.total == pytest.approx(theirs.total, rel=TOLERANCE)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pass_costs_what_torch_counts(family, tokenizer):
    model = model_of(family, tokenizer)
    assert_close(Cost(model).of(LONG), measured(model))


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
@pytest.mark.parametrize(
    "learning",
    [
        pytest.param(("merger", "language", "embeddings"), id="a_frozen_tower_has_no_backward_pass"),
        pytest.param(("language", "embeddings"), id="nor_has_a_frozen_merger"),
        pytest.param(("language",), id="nothing_flows_into_the_first_layer_of_the_language_model"),
        pytest.param(("vision",), id="gradients_pass_through_frozen_layers_that_have_none_of_their_own"),
        pytest.param(("embeddings",), id="tied_embeddings_learn_at_both_ends"),
    ],
)
def test_what_is_frozen_costs_no_gradient_of_its_own(family, learning, tokenizer):
    model = model_of(family, tokenizer, learning)
    assert_close(Cost(model).of(LONG), measured(model))


@pytest.mark.parametrize("parts", [("language",), ("language", "vision")])
def test_adapters_cost_their_own_products_and_the_base_weights_no_gradient(parts, tokenizer):
    from peft import LoraConfig, get_peft_model

    model = model_of("qwen3_vl", tokenizer, learning=())
    targets = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and part_of(name) in parts and name != "lm_head"
    ]
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=targets))
    assert_close(Cost(adapted).of(LONG), measured(adapted))
    full = Cost(model_of("qwen3_vl", tokenizer)).of(LONG)
    assert Cost(adapted).of(LONG).backward < 0.8 * full.backward


def test_a_large_language_model_costs_six_operations_a_weight_and_token():
    from transformers import AutoModelForImageTextToText, Qwen3VLConfig

    text = {"hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28, "num_attention_heads": 16}
    config = Qwen3VLConfig(text_config=text | {"num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": False})
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    weights = sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if part_of(name) == "language" or name.startswith("lm_head")
    )
    item = SimpleNamespace(tokens=128, labels=128, patches=0, frames=0)
    assert Cost(model).of(item).total == pytest.approx(6 * weights * 128, rel=TOLERANCE)


def test_attention_is_counted_within_an_item_and_logits_for_its_labels_only(tokenizer):
    cost = Cost(model_of("qwen3_vl", tokenizer))

    def total(tokens, labels=10):
        return cost.of(SimpleNamespace(tokens=tokens, labels=labels, patches=0, frames=0)).total

    assert total(2000) > 2 * total(1000)
    layers, width, vocabulary = 2, 64, len(tokenizer)
    assert total(2000) - 2 * total(1000, 5) == pytest.approx(12 * layers * width * (2000**2 - 2 * 1000**2))
    assert total(100, labels=20) - total(100, labels=10) == 6 * 10 * width * vocabulary


def test_the_use_of_the_gpus_is_the_items_work_over_what_they_could_have_done():
    use = Utilisation([3e12, 1e12, 6e12], peak=20e12)
    assert use.of([0, 1], seconds=2.0) == pytest.approx(0.1)
    assert use.of([2, 2, 2], seconds=1.0) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("NVIDIA H100 80GB HBM3", "H100"), ("NVIDIA H100 PCIe", "H100 PCIe"), ("NVIDIA H100 NVL", "H100 NVL"),
        ("NVIDIA H200", "H200"), ("NVIDIA H20", "H20"), ("NVIDIA A100-SXM4-80GB", "A100"),
        ("NVIDIA A100-SXM4-40GB", "A100-SXM4-40GB"), ("NVIDIA L4", "L4"), ("NVIDIA L40S", "L40S"),
        ("NVIDIA A10G", "A10G"), ("NVIDIA A10", "A10"), ("h200", "H200"), ("NVIDIA GeForce RTX 4090", "RTX 4090"),
    ],
)  # fmt: skip
def test_a_gpu_is_known_by_the_name_its_driver_gives(device, name):
    assert gpu_named(device).name == name


@pytest.mark.parametrize("device", ["NVIDIA L40", "Tesla T4", "NVIDIA H1000", "cpu", ""])
def test_an_unknown_gpu_is_taken_for_no_other(device):
    assert gpu_named(device) is None
    assert peak_flops(device, "bfloat16", 1) is None


def test_peaks_are_by_type_and_add_up_over_processes():
    assert peak_flops("NVIDIA H200", "bfloat16", 4) == 4 * 989e12
    assert peak_flops("NVIDIA H200", "float32", 1) < 0.1 * peak_flops("NVIDIA H200", "float16", 1)
    assert peak_flops("NVIDIA H200", "int8", 1) is None
    assert all(gpu.bfloat16 > gpu.float32 > 1e12 and gpu.memory_gib > 8 for gpu in GPUS)
