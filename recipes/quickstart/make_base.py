"""Make the quickstart's base student: a tiny Qwen-VL model that has learnt the toy world's language from text alone.

    python recipes/quickstart/make_base.py --family qwen2_5_vl --out recipes/quickstart/base/qwen2_5_vl

It reads words, never a frame. Afterwards it answers in form and picks the
letter that stands before what it concluded, but it has no idea what a video shows: where the video's tokens would
be, it learns to guess. Two stages:

1. Letters. Lists of four words, then words to be named by their letters: at once, then as after reasoning. A small
   model finds this rule only when it meets it many times in each sequence (with real questions alone it stayed at
   chance for thousands of steps).
2. Language. The toy world's items in both dialects, with reasoning and without. In the places of a video's tokens
   stand words of what there would be to see, or nothing: so the student learns where to look and what to do with
   what is there, and that it must guess where nothing is.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path
from typing import Any, get_args

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch

from demitasse.dataset import Dialect, Item, mcq_answer, question_text, span_answer
from demitasse.student.collate import Batch, collate
from demitasse.student.encode import IGNORE, Encoded, Encoder, see
from demitasse.student.family import family_of
from demitasse.student.record import FramesUsed, HowTrained, write_record
from demitasse.student.tiny import TinyFamily, build_model, build_tokenizer, save_tiny
from demitasse.student.tiny_training import advance, letter_lesson, schedule, silence
from demitasse.student.vision import read_vision_settings
from demitasse.toyworld import language
from demitasse.toyworld.world import COLOURS, DIRECTIONS, ToyClip, cell, toy_clip

# Clips that the demo never renders: not even their texts may be met again.
FIRST, LAST = 40_000, 60_000
WORDS = (*DIRECTIONS, *COLOURS)  # few, or the rule takes many times as long to be found
LETTERS = "ABCD"
QUIET = 0.02  # of the eye's voice, when all is learnt


def items_of(clip: ToyClip, chance: random.Random, dialect: Dialect) -> list[Item]:
    """The clip's questions of the demo's tasks, as the annotator writes them."""
    video = f"{clip.number:05d}.mp4"

    def item(task: str, said: language.Said, answer: str, options: dict[str, str] | None = None) -> Item:
        return Item(question_text(task, said.question, dialect, options), answer, video, reasoning=said.reasoning)

    choice = language.multiple_choice(clip)
    texts = chance.sample(choice.options, 4)
    options = dict(zip(LETTERS, texts, strict=True))
    span = language.localization(clip)
    start, end = span.answer.split()
    told = language.open_question(clip)
    return [
        item("mcq", choice, mcq_answer(LETTERS[texts.index(choice.answer)], options, dialect), options),
        *(item("bcq", said, said.answer.capitalize()) for said in language.yes_and_no(clip)),
        item("temporal_localization", span, span_answer({"start": start, "end": end}, dialect)),
        item("open_qa", told, told.answer),
    ]


class Lessons:
    """Draws the two stages' examples."""

    def __init__(self, encoder: Encoder, chance: random.Random) -> None:
        self._encoder = encoder
        self._chance = chance
        self._seen: dict[int, list[list[int]]] = {}  # of the examples of a batch: the words in each place of the video
        self._unseen = see(np.zeros((8, 64, 64, 3), np.uint8), np.arange(8) + 0.5, encoder.vision)

    def letters(self, list_in_answer: bool = False, after_reasoning: bool = False) -> Encoded:
        """Words to be named by their letters: at once, or as at the end of reasoning."""
        between = ".\n</think>\n\n" if after_reasoning else "\n"
        return letter_lesson(self._encoder, self._chance, WORDS, LETTERS, list_in_answer, between)

    def language(self) -> Encoded:
        """A question of a clip."""
        clip = toy_clip(self._chance.randrange(FIRST, LAST))
        dialect: Dialect = "tao" if self._chance.random() < 0.7 else "daft"
        choice, *others = items_of(clip, self._chance, dialect)
        item = choice if self._chance.random() < 0.5 else self._chance.choice(others)
        example = self._encoder.example(item, self._unseen, "think" if self._chance.random() < 0.7 else "answer")
        if self._chance.random() < 0.6:
            self._seen[id(example)] = [self._encoder.tokenizer.encode(text) for text in words_of(clip)]
        return example

    def batch(self, size: int, shares: tuple[float, ...], embedding: torch.nn.Embedding, pad_id: int) -> Batch:
        """A batch without pixels: letters (list in the answer, in the question, and after reasoning) and language.

        A place of a video holds the sum of its words' embeddings, or the placeholder's own where nothing is seen.
        """
        draws = (
            lambda: self.letters(list_in_answer=True),
            self.letters,
            lambda: self.letters(after_reasoning=True),
            self.language,
        )
        self._seen.clear()
        drawn = [draw() for draw in self._chance.choices(draws, shares, k=size)]
        batch = collate(drawn, self._encoder.vision, pad_id)
        embeds = embedding(batch["input_ids"])
        for row, example in enumerate(drawn):
            places = np.flatnonzero(example.token_types)
            for place, words in zip(places, self._seen.get(id(example), []), strict=False):
                if words:
                    embeds[row, place] = embedding(torch.tensor(words)).sum(0)
        return {
            "inputs_embeds": embeds,
            **{name: batch[name] for name in ("input_ids", "labels", "attention_mask", "position_ids")},
        }


def words_of(clip: ToyClip) -> list[str]:
    """What there is to see in each place of the video: four moments, each a quarter of the picture at a time.

    The words stand in for what an eye would say; which it will, only training on videos decides.
    """
    said = []
    for moment in range(4):
        times = (2 * moment + 0.5, 2 * moment + 1.5)
        point = clip.first if moment == 0 else clip.last if moment == 3 else clip.position(2 * moment + 1.0)
        column, row = cell(point)
        light = {(0, 0): " off", (1, 1): " on", (0, 1): " comes", (1, 0): " goes"}[
            (int(clip.light(times[0])), int(clip.light(times[1])))
        ]
        quarters = [light, light, "", ""]
        quarters[2 * (point[1] >= 0.5) + (point[0] >= 0.5)] += f" {clip.colour} {column} {row}"
        said += quarters
    return said


def train(model: Any, lessons: Lessons, tokenizer: Any, args: argparse.Namespace) -> None:
    """Both stages, with one learning-rate schedule."""
    stages = [
        (args.letter_steps, (1.0, 0.0, 0.0, 0.0)),
        (args.letter_steps, (0.2, 0.8, 0.0, 0.0)),
        (args.letter_steps, (0.0, 0.4, 0.6, 0.0)),
        (args.language_steps, (0.0, 0.05, 0.15, 0.8)),
    ]
    shares_of_steps = [shares for steps, shares in stages for _ in range(steps)]
    steps = len(shares_of_steps)
    parameters = list(model.parameters())
    optimizer, factor = schedule(parameters, args.lr, steps)
    letter_ids = torch.tensor([tokenizer.convert_tokens_to_ids(letter) for letter in LETTERS])
    model.train()
    began = time.time()
    for step, shares in enumerate(shares_of_steps):
        batch = lessons.batch(args.batch_size, shares, model.get_input_embeddings(), tokenizer.pad_token_id)
        labels, _ = batch.pop("labels")[:, 1:], batch.pop("input_ids")
        logits = model(**batch, use_cache=False).logits[:, :-1]
        wanted = labels != IGNORE
        each = torch.nn.functional.cross_entropy(logits[wanted], labels[wanted], reduction="none")
        is_letter = torch.isin(labels[wanted], letter_ids)
        # One letter among thirty words would hardly be heard.
        weight = 1.0 + args.letter_weight * is_letter
        advance((each * weight).sum() / weight.sum(), parameters, optimizer, factor)
        if step % 100 == 99:
            letter = each[is_letter].mean().item()
            seconds = time.time() - began
            print(f"step {step + 1}/{steps}  loss {each.mean():.3f}  letters {letter:.3f}  {seconds:.0f} s", flush=True)
        if step % 500 == 499:
            probe(model, lessons, tokenizer)


@torch.inference_mode()
def probe(model: Any, lessons: Lessons, tokenizer: Any) -> None:
    """How often the letter after a piece of reasoning is the right one."""
    right = asked = 0
    close = tokenizer.convert_tokens_to_ids("</think>")
    for _ in range(12):
        batch = lessons.batch(32, (0.0, 0.0, 0.0, 1.0), model.get_input_embeddings(), tokenizer.pad_token_id)
        labels, ids = batch.pop("labels")[:, 1:], batch.pop("input_ids")
        guessed = model(**batch, use_cache=False).logits[:, :-1].argmax(-1)
        letters = torch.tensor([tokenizer.convert_tokens_to_ids(letter) for letter in LETTERS])
        after = (ids == close).cumsum(1)[:, 1:] > 0
        places = torch.isin(labels, letters) & after
        right += int((guessed == labels)[places].sum())
        asked += int(places.sum())
    print(f"  letters after reasoning: {right / max(1, asked):.2f} of {asked}", flush=True)


def main() -> None:
    """Build, train, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=get_args(TinyFamily), default="qwen2_5_vl")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--letter-steps", type=int, default=1000)
    parser.add_argument("--language-steps", type=int, default=3500)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--letter-weight", type=float, default=10.0)
    parser.add_argument("--lr", type=float, default=1e-3)
    args = parser.parse_args()

    chance = random.Random(0)
    texts = [
        part
        for number in range(FIRST, FIRST + 400)
        for dialect in get_args(Dialect)
        for item in items_of(toy_clip(number), chance, dialect)
        for part in (
            item.question,
            item.answer,
            item.reasoning or "",
            f" {' '.join(WORDS)} on off comes goes 0 1 2 3 4 5 6 7 system\nuser\nassistant\n",
        )
    ]
    tokenizer = build_tokenizer(texts)
    model = build_model(args.family, tokenizer, layers=args.layers)
    print(f"{args.family}: {sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens")
    save_tiny(model, tokenizer, args.out)
    encoder = Encoder(tokenizer, model.config, family_of(model.config), read_vision_settings(args.out))
    train(model, Lessons(encoder, chance), tokenizer, args)
    silence(model, QUIET, model.config.video_token_id)
    save_tiny(model, tokenizer, args.out)
    write_record(args.out, HowTrained(FramesUsed(fps=1.0, max_frames=8, min_frames=4), "", "answer"))


if __name__ == "__main__":
    main()
