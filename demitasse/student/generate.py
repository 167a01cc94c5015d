"""Ask a student: greedy answers to a batch of items, through the same encoding that trained it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from demitasse.dataset import Item
from demitasse.student.collate import Batch, collate
from demitasse.student.encode import Encoded
from demitasse.student.load import Student
from demitasse.student.sight import Sight


@dataclass(frozen=True, slots=True)
class Generated:
    """A raw answer of so many tokens. "length": the limit cut it, so it must not be read as if it were whole."""

    text: str
    finish: Literal["stop", "length"]
    tokens: int


class Answerer:
    """A student with eyes: answers items about media files."""

    def __init__(self, student: Student, sight: Sight, max_new_tokens: int = 256) -> None:
        self.student = student
        self.sight = sight
        self.max_new_tokens = max_new_tokens

    def answer(self, items: Sequence[tuple[Item, Path]]) -> list[Generated]:
        """Answers in the order of `items`, each a question and the file that it is about.

        Raises:
            MediaError: if a file cannot be read.
        """
        encoder = self.student.encoder
        prompts = [encoder.prompt(item, self.sight.show(item, path)) for item, path in items]
        return generate(self.student, prompts, self.max_new_tokens)


def generate(
    student: Student, prompts: Sequence[Encoded], max_new_tokens: int, temperature: float = 0.0, seed: int = 0
) -> list[Generated]:
    """Continue encoded prompts, in their order: greedily, or with words drawn at a temperature from a seed."""
    # Padding on the left: the first new token follows the prompt, not padding.
    vision, tokenizer = student.encoder.vision, student.tokenizer
    batch = collate(prompts, vision, tokenizer.pad_token_id, side="left", dtype=student.model.dtype)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        ids = _continue(student, batch, max_new_tokens, temperature)
    return decode(student, ids)


@torch.inference_mode()
def _continue(student: Student, batch: Batch, max_new_tokens: int, temperature: float) -> torch.Tensor:
    """New token ids [B, new]."""
    # generate() works positions out again from the token types, which is what continuing needs.
    inputs = {
        name: value.to(student.model.device) for name, value in batch.items() if name not in ("labels", "position_ids")
    }
    # Only what is asked for, whatever the checkpoint's own settings say: the same question, the same answer.
    ids: torch.Tensor = student.model.generate(
        **inputs,
        max_new_tokens=max_new_tokens,
        do_sample=temperature > 0,
        num_beams=1,
        temperature=temperature or None,
        top_p=None,
        top_k=None,
        repetition_penalty=1.0,
        pad_token_id=student.tokenizer.pad_token_id,
    )
    return ids[:, batch["input_ids"].shape[1] :]


def decode(student: Student, ids: torch.Tensor) -> list[Generated]:
    """The texts of new token ids [B, new], and how each ended."""
    eos = student.model.generation_config.eos_token_id
    ends = torch.isin(ids, torch.tensor(eos if isinstance(eos, list) else [eos], device=ids.device))
    texts = student.tokenizer.batch_decode(ids, skip_special_tokens=True)
    decoded = []
    for text, ended in zip(texts, ends, strict=True):
        stopped = bool(ended.any())
        count = int(ended.int().argmax()) + 1 if stopped else len(ended)  # after the end there is only padding
        decoded.append(Generated(text.strip(), "stop" if stopped else "length", count))
    return decoded
