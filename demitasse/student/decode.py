"""New token ids to text, and how each reply ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from demitasse.student.load import Student


@dataclass(frozen=True, slots=True)
class Generated:
    """A raw answer of so many tokens. "length": the limit cut it, so it must not be read as if it were whole.

    `evidence` is what was written first, where the answer was given in two stages.
    """

    text: str
    finish: Literal["stop", "length"]
    tokens: int
    evidence: str = ""


def end_ids(student: Student, device: torch.device) -> torch.Tensor:
    """The ids, int64 [any], of the tokens that end a reply."""
    eos = student.model.generation_config.eos_token_id
    return torch.tensor(eos if isinstance(eos, list) else [eos], device=device)


def decode(student: Student, ids: torch.Tensor) -> list[Generated]:
    """The texts of new token ids [B, new], and how each ended."""
    ends = torch.isin(ids, end_ids(student, ids.device))
    texts = student.tokenizer.batch_decode(ids, skip_special_tokens=True)
    decoded = []
    for text, ended in zip(texts, ends, strict=True):
        stopped = bool(ended.any())
        count = int(ended.int().argmax()) + 1 if stopped else len(ended)  # after the end there is only padding
        decoded.append(Generated(text.strip(), "stop" if stopped else "length", count))
    return decoded
