"""A tiny student and a step's worth of unlike examples: text, an image, videos; short and long answers."""

from pathlib import Path

import numpy as np

from demitasse.dataset import Item
from demitasse.student.encode import Clip, Encoder, see
from demitasse.student.load import Student, load_student
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
from train.config import LossConfig
from train.data.batches import MicroBatch, make_micro_batch
from train.data.examples import Example

TEXTS = ["A. left B. right C. up D. down The shape is at column 1, row 2 first. [1, 2, 3, 4]"] * 4


def tiny_student(family: str, folder: Path) -> Student:
    tokenizer = build_tokenizer(TEXTS)
    save_tiny(build_model(family, tokenizer, hidden=32, layers=2, heads=2), tokenizer, folder)  # type: ignore[arg-type]
    return load_student(folder, device="cpu")


def noise(encoder: Encoder, frames: int, height: int, width: int, spacing: float = 0.5, seed: int = 0) -> Clip:
    pixels = np.random.default_rng(seed).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)
    return see(pixels, np.arange(frames) * spacing, encoder.vision)


def mixed_examples(encoder: Encoder) -> list[Example]:
    """Four: a video of an odd number of frames, text with a long target and a box, an image, a longer video."""
    encoded = [
        encoder.example(Item("What is it?", "A", "v.mp4"), noise(encoder, 5, 64, 32), "answer"),
        encoder.example(
            Item("Which letter?", "B. right at [1, 2, 3, 4]", "none.mp4", reasoning="The shape " * 20), None, "think"
        ),
        encoder.example(Item("Where?", "left " * 9, image_id="i.png"), noise(encoder, 1, 64, 64), "answer"),
        encoder.example(
            Item("What moves?", "It goes up.", "w.mp4", reasoning="Up at first."),
            noise(encoder, 8, 32, 64, 1.3),
            "think",
        ),
    ]
    return [Example(place, one) for place, one in enumerate(encoded)]


def text_examples(encoder: Encoder) -> list[Example]:
    """Two of text alone."""
    asked = [Item("Which letter?", "A", "none.mp4"), Item("And now?", "right " * 7, "none.mp4")]
    return [Example(place, encoder.example(item, None, "answer")) for place, item in enumerate(asked)]


def micro_batch(
    student: Student, examples: list[Example], packed: bool = False, loss: LossConfig | None = None
) -> MicroBatch:
    encoder = student.encoder
    return make_micro_batch(examples, encoder.vision, encoder.tokenizer.pad_token_id, loss or LossConfig(), packed)
