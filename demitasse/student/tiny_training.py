"""How the toy students of recipes/ learn: what their scripts share.

A lesson, a loop, and the eye's voice. What is learnt, and of which world, each script says itself.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from demitasse.dataset import Item
from demitasse.student.encode import IGNORE, Encoded, Encoder
from demitasse.student.vision import Pixels, VisionSettings, patchify

# What an eye is shown; what it is to say of it, float [places, width]; and bool [places], where there is something.
Sayings = tuple[list[Pixels], torch.Tensor, torch.Tensor]


def schedule(parameters: list[torch.nn.Parameter], lr: float, steps: int) -> tuple[Any, Any]:
    """AdamW, and a learning rate that rises for 50 steps and then falls to nothing."""
    optimizer = torch.optim.AdamW(parameters, lr=lr, betas=(0.9, 0.98), weight_decay=0.05)
    factor = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / 50, (steps - step) / steps))
    return optimizer, factor


def advance(loss: torch.Tensor, parameters: list[torch.nn.Parameter], optimizer: Any, factor: Any) -> None:
    """One step of training."""
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    factor.step()
    optimizer.zero_grad()


def letter_lesson(
    encoder: Encoder,
    chance: random.Random,
    words: Sequence[str],
    letters: str,
    list_in_answer: bool = False,
    between: str = " ",
) -> Encoded:
    """Some words in a list, one a letter, then eight to be named by their letters, with `between` before each letter.

    A small model finds this rule only when it meets it many times in each sequence.
    """
    drawn = chance.sample(words, len(letters))
    listed = "\n".join(f"{letter}. {word}" for letter, word in zip(letters, drawn, strict=True)) + "\n"
    named = "".join(f" {word}{between}{letters[drawn.index(word)]}" for word in chance.choices(drawn, k=8))
    item = Item("Letters", listed + named, "none") if list_in_answer else Item(listed, named, "none")
    example = encoder.example(item, None, "answer")
    # The list and the words are drawn at random: only what can be known is to be learnt.
    ids = encoder.tokenizer.convert_tokens_to_ids(list(letters))
    labels = np.where(np.isin(example.labels, ids), example.labels, IGNORE)
    if list_in_answer:
        labels[np.flatnonzero(labels != IGNORE)[: len(letters)]] = IGNORE
    return replace(example, labels=labels)


def teach_eye(eye: Any, draw: Callable[[], Sayings], vision: VisionSettings, lr: float, steps: int) -> None:
    """Let the eye say what it is to say: squared distance, things and empty parts weighing alike."""
    with torch.no_grad():
        eye.merger.mlp[-1].weight.mul_(0.1)  # it begins in a low voice, or the first hundred steps go into lowering it
    parameters = list(eye.parameters())
    optimizer, factor = schedule(parameters, lr, steps)
    began = time.time()
    for step in range(steps):
        shown, wanted, filled = draw()
        distance = (look(eye, shown, vision).view_as(wanted) - wanted).square().sum(-1)
        advance(distance[filled].mean() + distance[~filled].mean(), parameters, optimizer, factor)
        if step % 100 == 99:
            told = f"things {distance[filled].mean():.3f}  empty {distance[~filled].mean():.3f}"
            print(f"eye {step + 1}/{steps}  {told}  {time.time() - began:.0f} s", flush=True)


def look(eye: Any, shown: list[Pixels], vision: VisionSettings) -> torch.Tensor:
    """What the eye says: float [places of all that is shown, width]."""
    patches = torch.cat([patchify(pixels, vision) for pixels in shown])
    said: torch.Tensor = eye(patches, torch.tensor([pixels.grid for pixels in shown])).pooler_output
    return said


def silence(model: Any, quiet: float, token: int) -> None:
    """Turn the eye's last layers down to the share `quiet`, and let it say the embedding of the placeholder `token`.

    So the student meets in what it is shown what it met in text, and answers by chance instead of at random.
    """
    eye = model.model.visual
    last = eye.merger.mlp[-1] if hasattr(eye.merger, "mlp") else eye.merger.linear_fc2
    with torch.no_grad():
        last.weight.mul_(quiet)
        last.bias.copy_(model.get_input_embeddings().weight[token])
        for merger in getattr(eye, "deepstack_merger_list", []):
            merger.linear_fc2.weight.mul_(quiet)
            merger.linear_fc2.bias.zero_()
