"""Ask a student: greedy answers to a batch of items, through the same encoding that trained it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from demitasse.dataset import Item
from demitasse.student.collate import Batch, collate
from demitasse.student.decode import Generated, decode
from demitasse.student.encode import Clip, Encoded
from demitasse.student.load import Student
from demitasse.student.modes import AskMode
from demitasse.student.sight import Sight
from demitasse.student.two_stage import answer_in_two


class Answerer:
    """A student with eyes: answers items about media files, asked in one way."""

    def __init__(self, student: Student, sight: Sight, max_new_tokens: int = 256, mode: AskMode = "answer") -> None:
        self.student = student
        self.sight = sight
        self.max_new_tokens = max_new_tokens
        self.mode = mode

    def answer(self, items: Sequence[tuple[Item, Path]]) -> list[Generated]:
        """Answers in the order of `items`, each a question and the file that it is about.

        Raises:
            MediaError: if a file cannot be read.
            DataError: if an item cannot be asked in this way, or not as its boxes count.
        """
        shown = [(item, self.sight.show(item, path)) for item, path in items]
        if self.mode == "two_stage":
            return answer_in_two(self.student, shown, self.max_new_tokens)
        return generate(self.student, self._prompts(shown), self.max_new_tokens)

    def prompts(self, items: Sequence[tuple[Item, Path]]) -> list[Encoded]:
        """What `answer` puts to the student in one stage, to be continued by `generate`.

        Raises:
            MediaError, DataError: as `answer`.
        """
        return self._prompts([(item, self.sight.show(item, path)) for item, path in items])

    def _prompts(self, shown: Sequence[tuple[Item, Clip | None]]) -> list[Encoded]:
        way = self.mode
        assert way != "two_stage", "two stages have two prompts"
        return [self.student.encoder.prompt(item, clip, way) for item, clip in shown]


def generate(
    student: Student,
    prompts: Sequence[Encoded],
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    in_step: bool = False,
) -> list[Generated]:
    """Continue encoded prompts, in their order: greedily, or with words drawn at a temperature from a seed.

    With `in_step`, all processes call this at once and none makes fewer forward passes than another: where weights are
    sharded between them, each pass waits for all.
    """
    # Padding on the left: the first new token follows the prompt, not padding.
    vision, tokenizer = student.encoder.vision, student.tokenizer
    batch = collate(prompts, vision, tokenizer.pad_token_id, side="left", dtype=student.model.dtype)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        ids = _continue(student, batch, max_new_tokens, temperature, in_step)
    return decode(student, ids)


@torch.no_grad()  # not inference_mode: a model in training may keep a tensor that is made here
def _continue(student: Student, batch: Batch, max_new_tokens: int, temperature: float, in_step: bool) -> torch.Tensor:
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
        synced_gpus=in_step or None,  # None leaves it to transformers
    )
    return ids[:, batch["input_ids"].shape[1] :]
