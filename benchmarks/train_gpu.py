"""Training on one GPU: Qwen3-VL in its 2B and 8B shapes with random weights, bfloat16, rows of 16k tokens of video.

    python benchmarks/train_gpu.py              on a GPU: the table for docs/performance.md
    python benchmarks/train_gpu.py --tiny       a tiny model on a CPU: does the script work?

Nothing is downloaded: shapes are the published ones, and speed does not depend on what the weights are. A step learns
one row through `train`'s own step, loss, packing, adapters and optimizer; rows are made beforehand, so data time is not
in it. MFU counts what the products need (train/planning/flops.py), against the data sheet's dense peak; what
checkpointing computes again is no use and is not counted.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from demitasse.stages import use_checkout

if TYPE_CHECKING:
    from train.data.batches import MicroBatch
    from train.data.lengths import Length

ROW = 16_384  # tokens
FRAMES, HEIGHT, WIDTH = 32, 256, 448  # of a sample's video: 16 temporal patches of 8 x 14 tokens
WARM_UP, STEPS = 3, 10
LEARNING_RATE = 1e-5


@dataclass(frozen=True)
class Shape:
    """The sizes of a model, as its released configuration has them."""

    name: str
    text: dict[str, Any]
    vision: dict[str, Any]


def published(name: str, hidden: int, layers: int, heads: int, inner: int, vision: dict[str, Any]) -> Shape:
    """A Qwen3-VL: what all sizes share, and what they differ in."""
    text = {
        "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": 8,
        "head_dim": 128, "intermediate_size": inner, "vocab_size": 151_936, "max_position_embeddings": 262_144,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20], "mrope_interleaved": True,
        },
    }  # fmt: skip
    shared = {"num_heads": 16, "patch_size": 16, "temporal_patch_size": 2, "spatial_merge_size": 2}
    return Shape(name, text, {**shared, "num_position_embeddings": 2304, "out_hidden_size": hidden, **vision})


SMALL = {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "deepstack_visual_indexes": [5, 11, 17]}
LARGE = {"depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "deepstack_visual_indexes": [8, 16, 24]}
SHAPES = (
    published("2B", 2048, 28, 16, 6144, SMALL),
    published("8B", 4096, 36, 32, 12_288, LARGE),
)
TINY = published("tiny", 128, 2, 8, 256, {**SMALL, "depth": 2, "hidden_size": 64, "deepstack_visual_indexes": [0]})
Method = Literal["lora", "full"]


def main() -> None:
    """Each shape with each method; a table, and one JSON object in the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="a tiny model, two short steps, float32 on the CPU")
    parser.add_argument("--row", type=int, default=ROW, help="tokens of a row")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--checkpointing", action="store_true", help="keep fewer activations")
    parser.add_argument("--attention", choices=("sdpa", "flash_attention_2"), default="sdpa")
    asked = parser.parse_args()
    use_checkout()
    import torch

    if not asked.tiny and not torch.cuda.is_available():
        raise SystemExit("no GPU is at hand: `--tiny` tries the script on a CPU, and tells nothing of a GPU's speed")
    device = "cpu" if asked.tiny else torch.cuda.get_device_name(0)
    print(f"{device}, torch {torch.__version__}, rows of {2048 if asked.tiny else asked.row} tokens, {asked.attention}")
    print("| shape | learns | parameters | that learn | tokens/s | MFU | peak GiB |\n|---|---|---|---|---|---|---|")
    found = []
    for shape in (TINY,) if asked.tiny else SHAPES:
        for method in ("lora", "full"):
            try:
                row = measured(shape, method, asked)
            except torch.OutOfMemoryError:
                row = {"shape": shape.name, "learns": method, "out_of_memory": True}
                print(
                    f"| {shape.name} | {method} | does not fit: --checkpointing keeps fewer activations |", flush=True
                )
            found.append(row)
            torch.cuda.empty_cache()
    versions = {"torch": torch.__version__, "transformers": version("transformers"), "python": sys.version.split()[0]}
    print(json.dumps({"name": "train_gpu", "ratios": {}, "ours": found, "peer": {}, "versions": versions}))


def measured(shape: Shape, method: Method, asked: argparse.Namespace) -> dict[str, Any]:
    """Train a shape for some steps, and print its row of the table."""
    import torch
    from accelerate import Accelerator

    from train.config import ModelConfig, OptimConfig, TrainConfig
    from train.loop.loss import SummedLoss
    from train.loop.optimizer import build_optimizer
    from train.loop.step import optimizer_step
    from train.model import parts
    from train.planning.flops import Cost
    from train.planning.utilisation import peak_flops

    accelerator = Accelerator(cpu=asked.tiny, mixed_precision=None if asked.tiny else "bf16")
    model_config = ModelConfig(method=method, attention=asked.attention, checkpointing=asked.checkpointing)
    config = TrainConfig(model=model_config, optim=OptimConfig(lr=LEARNING_RATE, pack=True, pack_tokens=asked.row))
    tokenizer, model = built(shape, asked, accelerator.device)
    model = parts.prepare(model, model_config, config.seed, accelerator.mixed_precision)
    model.train()
    micro_batch, lengths = one_row(tokenizer, model, 2048 if asked.tiny else asked.row)
    flops = sum(cost.total for cost in map(Cost(model).of, lengths))
    loss_of, optimizer = accelerator.prepare(SummedLoss(model), build_optimizer(model, config))
    rows: Iterator[MicroBatch] = itertools.repeat(micro_batch)
    times = []
    for _ in range(2 if asked.tiny else WARM_UP + asked.steps):
        began = time.perf_counter()
        optimizer_step(accelerator, loss_of, optimizer, rows, 1, config.optim.max_grad_norm)  # reads the loss: waits
        times.append(time.perf_counter() - began)
    seconds = statistics.median(times[1 if asked.tiny else WARM_UP :])
    peak = None if asked.tiny else peak_flops(torch.cuda.get_device_name(0), "bfloat16", 1)
    learn = sum(one.numel() for one in model.parameters() if one.requires_grad)
    row = {
        "shape": shape.name,
        "learns": method,
        "parameters": sum(one.numel() for one in model.parameters()),
        "that_learn": learn,
        "tokens_per_second": round(micro_batch.tokens / seconds, 1),
        "mfu": None if peak is None else round(flops / seconds / peak, 4),
        "peak_gib": None if asked.tiny else round(torch.cuda.max_memory_allocated() / 2**30, 2),
        "tokens": micro_batch.tokens,
        "labels": micro_batch.labels,
        "teraflops": round(flops / 1e12, 3),
        "seconds": [round(one, 4) for one in times],
    }
    shown = [shape.name, method, f"{row['parameters']:,}", f"{learn:,}", f"{row['tokens_per_second']:,.0f}"]
    print("| " + " | ".join([*shown, str(row["mfu"]), str(row["peak_gib"])]) + " |", flush=True)
    if not asked.tiny:
        torch.cuda.reset_peak_memory_stats()
    return row


def built(shape: Shape, asked: argparse.Namespace, device: Any) -> tuple[Any, Any]:
    """A tokenizer that knows the control tokens, and the model with random weights."""
    import torch
    from transformers import AutoModelForImageTextToText, Qwen3VLConfig

    from demitasse.student.tiny import CONTROL_TOKENS, build_tokenizer

    tokenizer = build_tokenizer([" ".join(texts())])
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in CONTROL_TOKENS}
    config = Qwen3VLConfig(
        text_config={**shape.text, "pad_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"]},
        vision_config=shape.vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=shape.name != "8B",
    )
    torch.manual_seed(0)
    with torch.device(device):
        model: Any = AutoModelForImageTextToText.from_config(
            config, dtype=torch.float32 if asked.tiny else torch.bfloat16, attn_implementation=asked.attention
        )
    return tokenizer, model


def texts() -> tuple[str, str, str]:
    """Question, reasoning and answer of a sample."""
    line = "The person in the red coat walks past the parked car and stops where the road bends."
    return "What does the person do, and why? Answer in one word.", " ".join([line] * 12), "waits"


def one_row(tokenizer: Any, model: Any, most: int) -> tuple[MicroBatch, list[Length]]:
    """As many video samples as fit in a row, and their lengths."""
    import numpy as np

    from demitasse.dataset import Item
    from demitasse.student.encode import Encoder, see
    from demitasse.student.family import family_of
    from demitasse.student.vision import VisionSettings
    from train.config import LossConfig
    from train.data.batches import make_micro_batch
    from train.data.examples import Example
    from train.data.lengths import Length

    half = (0.5, 0.5, 0.5)
    vision = VisionSettings(16, 2, 2, half, half, min_pixels=64 * 64, max_pixels=1024 * 1024)
    encoder = Encoder(tokenizer, model.config, family_of(model.config), vision)
    frames = np.random.default_rng(0).integers(0, 256, (FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8)
    question, reasoning, answer = texts()
    item = Item(question, answer, "clip.mp4", reasoning=reasoning)
    encoded = encoder.example(item, see(frames, np.arange(FRAMES) / 2, vision), "think")
    size = len(encoded.input_ids)
    count = max(1, most // size)
    t, h, w = encoded.pixels.grid if encoded.pixels else (0, 0, 0)
    examples = [Example(place, encoded) for place in range(count)]
    row = make_micro_batch(examples, vision, tokenizer.pad_token_id, LossConfig(), packed=True)
    return row, [Length(size, encoded.label_count, t * h * w, FRAMES)] * count


if __name__ == "__main__":
    main()
