"""Generated samples on which our encoder is held against transformers: `processor_parity.py` and the tests share them.

Sizes, numbers of frames, rates, questions, system prompts and pixel bounds are drawn from the sample's number alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Medium = Literal["image", "video"]
FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe", "qwen4_exp")
MEDIA: tuple[Medium, ...] = ("image", "video")
COUNT = 200  # samples of each family and medium
GROUP = 4  # samples in a batch of which gradients are compared; they share their pixel bounds
TEXT = "In which direction does the red shape move? A. left B. right. Answer with a single letter. It moves right.\n\n"
WORDS = (
    "Where", "direction", "red", "it's", "3.5", "2026", "  ", "\n", "\n\n", "A. left\n", "B) right\n", "\t",
    "往左走", "إلى اليسار", "e\u0301tat", "🙂‍↕️", "ﬁ", "\u00a0", "naïve", "<b>", "&amp;", "{question}", "%s", "```json",
)  # fmt: skip
# In a question these are what a user wrote: transformers reads them as turns and pads, ours as text.
CONTROLS = ("<|im_start|>assistant\n", "<|im_end|>", "<|image_pad|>", "<|video_pad|>", "<|vision_start|>")
BOUNDS = (None, (32 * 32, 96 * 96), (64 * 64, 64 * 64), None, (4096, 20_000))
THINKING = (
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% else %}<think>\n{% endif %}"
    "{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: `indices` are those of its frames at `fps`; `bounds` are for a frame, None for the model's own."""

    number: int
    medium: Medium
    shape: tuple[int, int, int]
    indices: tuple[int, ...]
    fps: float
    question: str
    answer: str
    reasoning: str
    system: str
    bounds: tuple[int, int] | None

    @property
    def has_controls(self) -> bool:
        """Whether the question holds control tokens."""
        return any(control in self.question for control in CONTROLS)

    @property
    def way(self) -> Literal["think", "answer"]:
        """How it is asked."""
        return "think" if self.reasoning else "answer"

    @property
    def times(self) -> NDArray[np.float64]:
        """True seconds of the frames."""
        import numpy as np

        return np.array(self.indices) / self.fps

    def frames(self) -> NDArray[np.uint8]:
        """Noise on coarse blocks: uint8 [N, H, W, 3]."""
        import numpy as np

        count, height, width = self.shape
        chance = np.random.default_rng(self.number)
        coarse = chance.integers(0, 256, (count, 5, 5, 3))
        rows, columns = np.linspace(0, 4.99, height).astype(int), np.linspace(0, 4.99, width).astype(int)
        noise = chance.integers(-20, 21, (1, height, width, 3))
        return (coarse[:, rows][:, :, columns] + noise).clip(0, 255).astype(np.uint8)


def sample(medium: Medium, number: int) -> Sample:
    """The sample of this number."""
    chance = random.Random(f"{medium} {number}")
    count = 1 if medium == "image" else chance.choice([2, 2, 3, 4, 4, 5, 6, 7, 8, 9])
    words = [chance.choice(WORDS) for _ in range(chance.randint(1, 12))]
    if chance.random() < 0.15:
        words.insert(chance.randrange(len(words) + 1), chance.choice(CONTROLS))
    uneven = medium == "video" and number % 4 == 3
    fps = 1000.0 if uneven else chance.choice([0.5, 1.0, 2.0, 3.0, 4.0, 10.0, 24 / 7, 29.97])
    start = chance.choice([0, 0, chance.randint(1, 5000)])
    places = [start + place for place in range(count)]
    if uneven:
        places = sorted(chance.sample(range(start, start + 30_000), count))
    return Sample(
        number,
        medium,
        (count, _side(chance), _side(chance)),
        tuple(places),
        fps,
        " ".join(words).strip(" ") or "?",
        chance.choice(["B", "C. right", "向左", "3.2 s"]),
        chance.choice(["", "", "It moves right.\nSo B."]),
        chance.choice(["", "Answer briefly.", "Tu es concis. 🙂"]),
        BOUNDS[number // GROUP % len(BOUNDS)],
    )


def _side(chance: random.Random) -> int:
    """Mostly ordinary, sometimes thinner than a patch."""
    return chance.randint(6, 15) if chance.random() < 0.1 else chance.randint(16, 150)


def save_family(family: str, folder: Path) -> Any:
    """Save a tiny model of the family with a tokenizer that knows some words, and give the model.

    Patches have the released models' side. Templates of the Qwen3.5 kind have a switch for reasoning.
    """
    from demitasse.student.tiny import build_model, build_tokenizer, save_tiny

    tokenizer = build_tokenizer([TEXT] * 4)
    if family.startswith(("qwen3_5", "qwen4")):
        template, _ = tokenizer.chat_template.split("{% if add_generation_prompt %}")
        tokenizer.chat_template = template + THINKING
    patch = 14 if family.startswith("qwen2") else 16
    model = build_model(family, tokenizer, hidden=32, layers=2, heads=2, patch=patch)  # type: ignore[arg-type]
    save_tiny(model, tokenizer, folder)
    return model


def encode(encoder: Any, clips: dict[Any, Any], one: Sample, train: bool) -> Any:
    """What our encoder makes of a sample. `clips` keeps what is seen of it, for families that see alike."""
    from demitasse.dataset import Item
    from demitasse.student.encode import see

    vision = encoder.vision.with_bounds(*(one.bounds or (None, None)))
    key = (one.medium, one.number, vision)
    if key not in clips:
        clips[key] = see(one.frames(), one.times, vision)
    where = {"image_id": "a.png"} if one.medium == "image" else {"video_id": "a.mp4"}
    item = Item(one.question, one.answer, reasoning=one.reasoning, **where)
    encoder.system_prompt = one.system
    return encoder.example(item, clips[key], one.way) if train else encoder.prompt(item, clips[key], one.way)


def digest(value: Any) -> int:
    """64 bits of a hash of whole numbers."""
    import hashlib

    import numpy as np

    whole = np.ascontiguousarray(value, np.int64)
    return int.from_bytes(hashlib.blake2b(whole.tobytes(), digest_size=8).digest())


def levels(pixels: Any, mean: tuple[float, ...], std: tuple[float, ...]) -> Any:
    """The 0 to 255 that normalised patches [N, 3 * rest] were before: what was resized, whatever floats do after."""
    import numpy as np

    colours = pixels.reshape(len(pixels), 3, -1)
    spread, middle = (np.array(values, np.float64).reshape(1, 3, 1) for values in (std, mean))
    return np.rint((colours * spread + middle) * 255)


def few(pixels: Any) -> Any:
    """Eight of the values, spread over all."""
    import numpy as np

    flat = pixels.reshape(-1)
    return flat[np.linspace(0, len(flat) - 1, 8).astype(int)].astype(np.float32)
