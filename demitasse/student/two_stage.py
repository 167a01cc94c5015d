"""Evidence and then the answer from it: two passes over a prompt that share what was seen.

Both prompts begin with the same system text and the same media, and differ from the question on. So that beginning is
read once, by the vision tower and by the language model, and each pass goes on from the keys and values that it left.
The replies are those of two separate passes (a test compares them).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from demitasse.answers import split_reasoning
from demitasse.dataset import Item
from demitasse.student.collate import Batch, collate
from demitasse.student.decode import Generated, decode, end_ids
from demitasse.student.encode import Clip, Encoded
from demitasse.student.load import Student
from demitasse.student.modes import with_generated_evidence


@dataclass(frozen=True, slots=True)
class _Read:
    """The beginnings of a batch's prompts, read: `mask` is int64 [B, L], `cache` has their keys and values."""

    lengths: tuple[int, ...]
    mask: torch.Tensor
    cache: Any


@torch.inference_mode()
def answer_in_two(student: Student, shown: Sequence[tuple[Item, Clip | None]], max_new_tokens: int) -> list[Generated]:
    """Answers in the order of `shown`, each with the evidence that was written before it, as it was written.

    Args:
        student: who is asked; greedily.
        shown: items with what is seen of them.
        max_new_tokens: of each of the two replies.
    """
    encoder = student.encoder
    first = [encoder.prompt(item, clip, "evidence") for item, clip in shown]
    read = _read(student, first)
    evidence = _write(student, read, first, max_new_tokens)
    second = [
        encoder.prompt(with_generated_evidence(item, split_reasoning(said.text).final), clip, "answer_from_evidence")
        for (item, clip), said in zip(shown, evidence, strict=True)
    ]
    answers = _write(student, read, second, max_new_tokens)
    return [replace(answer, evidence=said.text) for answer, said in zip(answers, evidence, strict=True)]


def _read(student: Student, prompts: Sequence[Encoded]) -> _Read:
    """Read the prompts up to the end of what is seen; of a prompt of text alone, the first token."""
    lengths = tuple(int(max(np.flatnonzero(prompt.token_types), default=0)) + 1 for prompt in prompts)
    parts = [_part(prompt, slice(0, length)) for prompt, length in zip(prompts, lengths, strict=True)]
    batch = _batch(student, parts)
    return _Read(lengths, batch["attention_mask"], _forward(student, batch).past_key_values)


def _write(student: Student, read: _Read, prompts: Sequence[Encoded], max_new_tokens: int) -> list[Generated]:
    """Read the rest of the prompts and continue them, and leave `read` as it was."""
    rests = [
        replace(_part(prompt, slice(length, None)), pixels=None)
        for prompt, length in zip(prompts, read.lengths, strict=True)
    ]
    batch = _batch(student, rests)
    batch["attention_mask"] = torch.cat([read.mask, batch["attention_mask"]], dim=1)
    layers = getattr(student.model.config.get_text_config(), "layer_types", None) or ()
    goes_back = "linear_attention" not in layers
    cache = read.cache if goes_back else deepcopy(read.cache)  # a state that was carried on cannot be cut off again
    ended = torch.zeros(len(prompts), dtype=torch.bool, device=read.mask.device)
    new: list[torch.Tensor] = []
    while len(new) < max_new_tokens and not ended.all():
        likeliest = _forward(student, batch, cache).logits[:, -1].argmax(dim=-1)
        new.append(likeliest.where(~ended, student.tokenizer.pad_token_id))  # others go on after one has ended
        ended |= torch.isin(new[-1], end_ids(student, read.mask.device))
        batch = _next(batch, new[-1])
    if goes_back:
        cache.crop(read.mask.shape[1] - cache.get_seq_length())  # by as many as came after the beginning
    return decode(student, torch.stack(new, dim=1))


def _next(batch: Batch, token: torch.Tensor) -> Batch:
    """The batch that continues with one token [B] in each row, a place further on every axis than the last."""
    mask = batch["attention_mask"]
    return {
        "input_ids": token[:, None],
        "attention_mask": torch.cat([mask, mask.new_ones(len(token), 1)], dim=1),
        "position_ids": batch["position_ids"][..., -1:].amax(dim=0, keepdim=True).expand(3, -1, -1) + 1,
    }


def _part(prompt: Encoded, places: slice) -> Encoded:
    names = ("input_ids", "labels", "token_types", "positions")
    return replace(prompt, **{name: getattr(prompt, name)[..., places] for name in names})


def _batch(student: Student, parts: Sequence[Encoded]) -> Batch:
    """Padded on the left, on the model's device."""
    vision, model = student.encoder.vision, student.model
    batch = collate(parts, vision, student.tokenizer.pad_token_id, side="left", dtype=model.dtype)
    return {name: value.to(model.device) for name, value in batch.items() if name != "labels"}


def _forward(student: Student, batch: Batch, cache: Any = None) -> Any:
    return student.model(**batch, past_key_values=cache, use_cache=True, logits_to_keep=1)
