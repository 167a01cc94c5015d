"""Ask a student: greedy answers to a batch of items, through the same encoding that trained it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from demitasse.dataset import Item
from demitasse.student.collate import Batch, collate
from demitasse.student.load import Student
from demitasse.student.sight import Sight


@dataclass(frozen=True, slots=True)
class Generated:
    """A raw answer. "length": the token limit cut it, so it must not be read as if it were whole."""

    text: str
    finish: Literal["stop", "length"]


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
        # Padding on the left: the first new token follows the prompt, not padding.
        batch = collate(prompts, encoder.vision, encoder.tokenizer.pad_token_id, side="left", dtype=self._dtype)
        return self._decode(self._generate(batch))

    @property
    def _dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.student.model.dtype
        return dtype

    @torch.inference_mode()
    def _generate(self, batch: Batch) -> torch.Tensor:
        """New token ids [B, new]."""
        # generate() works positions out again from the token types, which is what continuing needs.
        inputs = {
            name: value.to(self.student.model.device)
            for name, value in batch.items()
            if name not in ("labels", "position_ids")
        }
        # Greedy, whatever the checkpoint's own generation settings say: the same question, the same answer.
        ids = self.student.model.generate(
            **inputs,
            max_new_tokens=self.max_new_tokens,
            do_sample=False,
            num_beams=1,
            temperature=None,
            top_p=None,
            top_k=None,
            repetition_penalty=1.0,
            pad_token_id=self.student.tokenizer.pad_token_id,
        )
        return ids[:, batch["input_ids"].shape[1] :]

    def _decode(self, ids: torch.Tensor) -> list[Generated]:
        eos = self.student.model.generation_config.eos_token_id
        ends = torch.tensor(eos if isinstance(eos, list) else [eos], device=ids.device)
        texts = self.student.tokenizer.batch_decode(ids, skip_special_tokens=True)
        stopped = torch.isin(ids, ends).any(dim=1).tolist()
        return [
            Generated(text.strip(), "stop" if done else "length") for text, done in zip(texts, stopped, strict=True)
        ]
