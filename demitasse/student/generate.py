"""Ask a student: answers to a batch of items, greedy or drawn, through the same encoding that trained it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import copy
from pathlib import Path

import torch

from demitasse.dataset import Item
from demitasse.student.collate import Batch
from demitasse.student.decode import Generated, decode
from demitasse.student.encode import Clip, Encoded
from demitasse.student.letters import choose
from demitasse.student.load import Student
from demitasse.student.modes import BY_LETTERS, AskMode
from demitasse.student.seen import Seen, inputs_of
from demitasse.student.sight import Sight
from demitasse.student.two_stage import answer_in_two


class Answerer:
    """A student with eyes: answers items about media files, asked in one way.

    Args:
        student: who is asked.
        sight: what shows it the media.
        max_new_tokens: longest answer.
        mode: the way of asking.
        temperature: 0 for the likeliest words; else words are drawn, not in two stages.
        seed: of what is drawn. With the same seed an item gets the same draws, whatever stands beside it in a batch.
    """

    def __init__(
        self,
        student: Student,
        sight: Sight,
        max_new_tokens: int = 256,
        mode: AskMode = "answer",
        temperature: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.student = student
        self.sight = sight
        self.max_new_tokens = max_new_tokens
        self.mode = mode
        self._temperature, self._seed = temperature, seed
        self._seen = Seen(student)

    def with_seed(self, seed: int) -> Answerer:
        """The same student, to draw from another seed."""
        other = copy(self)
        other._seed = seed
        return other

    def answer(self, items: Sequence[tuple[Item, Path]]) -> list[Generated]:
        """Answers in the order of `items`, each a question and the file that it is about.

        Raises:
            MediaError: if a file cannot be read.
            DataError: if an item cannot be asked in this way, or not as its boxes count.
        """
        shown = [(item, self.sight.show(item, path)) for item, path in items]
        if self.mode == "two_stage":
            return answer_in_two(self.student, shown, self.max_new_tokens)
        replies: list[Generated] = [None] * len(items)  # type: ignore[list-item]
        for ask, wanted in ((self._written, False), (self._chosen, True)):
            places = [place for place, (item, _) in enumerate(items) if bool(item.extra.get(BY_LETTERS)) == wanted]
            for place, reply in zip(places, ask([shown[place] for place in places]) if places else (), strict=True):
                replies[place] = reply
        return replies

    def _written(self, shown: Sequence[tuple[Item, Clip | None]]) -> Sequence[Generated]:
        seeds = [_seed_of(item, self._seed) for item, _ in shown]
        return generate(
            self.student, self._prompts(shown), self.max_new_tokens, self._temperature, seeds, seen=self._seen
        )

    def _chosen(self, shown: Sequence[tuple[Item, Clip | None]]) -> Sequence[Generated]:
        return choose(self.student, self._prompts(shown), [item for item, _ in shown], self._seen)

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
    seeds: Sequence[int] = (),
    in_step: bool = False,
    seen: Seen | None = None,
) -> list[Generated]:
    """Continue encoded prompts, in their order: greedily, or with words drawn at a temperature, by a seed for each.

    With `in_step`, all processes call this at once and none makes fewer forward passes than another: where weights are
    sharded between them, each pass waits for all. `seen` has what need not be looked at again; not in training.
    """
    draws = [Draws(temperature, seeds[: len(prompts)])] if temperature > 0 else None
    return decode(student, _continue(student, inputs_of(student, prompts, seen), max_new_tokens, draws, in_step))


class Draws:
    """A draw at a temperature, as the likeliest word after noise (Gumbel's): each row by random numbers of its own.

    So what is drawn for one prompt depends neither on its neighbours in a batch nor on where a run was interrupted.
    """

    def __init__(self, temperature: float, seeds: Sequence[int]) -> None:
        self._temperature = temperature
        self._rows = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores [B, vocabulary] of the next word, with noise."""
        waits = [torch.empty(scores.shape[-1]).exponential_(generator=row) for row in self._rows]
        return scores.float() / self._temperature - torch.stack(waits).log().to(scores.device)


def _seed_of(item: Item, seed: int) -> int:
    """A seed of the item's own."""
    text = f"{seed}\n{item.media_id}\n{item.question}"
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:7])


@torch.no_grad()  # not inference_mode: a model in training may keep a tensor that is made here
def _continue(
    student: Student, inputs: Batch, max_new_tokens: int, draws: list[Draws] | None, in_step: bool
) -> torch.Tensor:
    """New token ids [B, new], from the positions of training on: one place further on each axis for a word."""
    # Only what is asked for, whatever the checkpoint's own settings say: the same question, the same answer.
    ids: torch.Tensor = student.model.generate(
        **inputs,
        max_new_tokens=max_new_tokens,
        logits_processor=draws,
        do_sample=False,
        num_beams=1,
        temperature=None,
        top_p=None,
        top_k=None,
        repetition_penalty=1.0,
        pad_token_id=student.tokenizer.pad_token_id,
        synced_gpus=in_step or None,  # None leaves it to transformers
    )
    return ids[:, inputs["input_ids"].shape[1] :]
