"""Do two models say the same? Their logits on generated questions about nothing, a picture and a video.

Weights that were merged, written or read wrongly still make a model that answers; only its numbers tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from demitasse.dataset import Item
from demitasse.student.collate import Batch, collate
from demitasse.student.encode import Clip, Encoder, see

QUESTIONS = (
    "What happens first, and what does it lead to? Explain step by step and give the answer.",
    "Which of these is seen: A. a red ball, B. an empty road, C. a person who waits? Answer with a single letter.",
)
FRAMES, HEIGHT, WIDTH = 4, 64, 96


def samples(encoder: Encoder) -> list[Batch]:
    """Each question about noise in a video of four seconds, about noise in a picture, and about nothing at all."""
    noise = np.random.default_rng(0).integers(0, 256, (FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8)
    video = see(noise, np.arange(FRAMES, dtype=np.float64), encoder.vision)
    picture = see(noise[:1], np.zeros(1), encoder.vision)
    asked: list[tuple[Item, Clip | None]] = []
    for question in QUESTIONS:
        asked.append((Item(question, "", video_id="noise.mp4"), video))
        asked.append((Item(question, "", image_id="noise.png"), picture))
        asked.append((Item(question, "", image_id="none.png"), None))
    pad = encoder.tokenizer.pad_token_id
    return [collate([encoder.prompt(item, clip)], encoder.vision, pad) for item, clip in asked]


@torch.inference_mode()
def logits(model: Any, batches: Sequence[Batch]) -> list[torch.Tensor]:
    """What the model makes of each sample: float32 [tokens, vocabulary], on the CPU."""
    return [model(**_inputs(batch, model), use_cache=False).logits[0].to("cpu", torch.float32) for batch in batches]


def _inputs(batch: Batch, model: Any) -> Batch:
    """The batch where the model is, pixels in its type."""
    return {
        name: value.to(model.device, model.dtype if torch.is_floating_point(value) else value.dtype)
        for name, value in batch.items()
        if name != "labels"
    }


def apart(first: Sequence[torch.Tensor], second: Sequence[torch.Tensor]) -> float:
    """The largest difference between two models' logits, relative to the first's largest in the same sample.

    A logit that is no number makes it infinite.
    """
    shares = [float((one - other).abs().max() / one.abs().max()) for one, other in zip(first, second, strict=True)]
    return max((share if np.isfinite(share) else float("inf") for share in shares), default=0.0)


def agreement(first: Sequence[torch.Tensor], second: Sequence[torch.Tensor]) -> float:
    """The share of positions at which both find the same token the likeliest, as greedy decoding would take it."""
    same = [one.argmax(-1) == other.argmax(-1) for one, other in zip(first, second, strict=True)]
    return float(torch.cat(same).to(torch.float32).mean())
