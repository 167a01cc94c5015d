"""Make the AV captioning smoke's base student: a tiny Qwen2.5-VL that writes the fifteen keys as JSON, by chance.

    python recipes/av_captioning/make_base.py --out recipes/av_captioning/base

It learns from text alone: the recipe's question, and labels of toy drives that no smoke renders. In the places of a
video's tokens stand words of what there would be to see, or nothing; so it learns the form, where to look, and to guess
where nothing is seen. It never sees a frame.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch

from demitasse.dataset import Item
from demitasse.labels.keys import read_keys
from demitasse.labels.question import answer_of, question_of
from demitasse.student.collate import Batch, collate
from demitasse.student.encode import IGNORE, Encoded, Encoder, see
from demitasse.student.family import family_of
from demitasse.student.record import FramesUsed, HowTrained, write_record
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
from demitasse.student.tiny_training import advance, schedule, silence
from demitasse.student.vision import read_vision_settings
from demitasse.toyworld import language
from demitasse.toyworld.drives import drive_label
from demitasse.toyworld.world import ToyClip, toy_clip

FIRST, LAST = 40_000, 60_000  # clips that no smoke renders
QUIET = 0.02  # of the eye's voice, when all is learnt
VOCABULARY = 4096


class Lessons:
    """Draws the drives."""

    def __init__(self, encoder: Encoder, chance: random.Random, question: str) -> None:
        self._encoder = encoder
        self._chance = chance
        self._question = question
        self._unseen = see(np.zeros((8, 64, 64, 3), np.uint8), np.arange(8) + 0.5, encoder.vision)

    def drive(self) -> tuple[Encoded, list[int]]:
        """A drive, and the words that stand for what there is to see of it; none, two times in five."""
        clip = toy_clip(self._chance.randrange(FIRST, LAST))
        item = Item(self._question, answer_of(drive_label(clip)), f"{clip.number:05d}.mp4")
        words = self._encoder.tokenizer.encode(words_of(clip)) if self._chance.random() < 0.6 else []
        return self._encoder.example(item, self._unseen, "answer"), words

    def batch(self, size: int, embedding: torch.nn.Embedding, pad_id: int) -> Batch:
        """A batch without pixels: a place of a video holds the sum of its words, or the placeholder's own."""
        drawn = [self.drive() for _ in range(size)]
        batch = collate([example for example, _ in drawn], self._encoder.vision, pad_id)
        embeds = embedding(batch["input_ids"])
        for row, (example, words) in enumerate(drawn):
            for place in np.flatnonzero(example.token_types) if words else ():
                embeds[row, place] = embedding(torch.tensor(words)).sum(0)
        return {
            "inputs_embeds": embeds,
            **{name: batch[name] for name in ("labels", "attention_mask", "position_ids")},
        }


def words_of(clip: ToyClip) -> str:
    """What there is to see of a clip."""
    span = f"{clip.light_on:.0f} {clip.light_off:.0f}"
    return f" {clip.colour} {clip.shape} {clip.direction} {language.light_colour(clip)} {span}"


def train(model: Any, lessons: Lessons, tokenizer: Any, args: argparse.Namespace) -> None:
    """Cross-entropy of the answers."""
    parameters = list(model.parameters())
    optimizer, factor = schedule(parameters, args.lr, args.steps)
    model.train()
    began = time.time()
    for step in range(args.steps):
        batch = lessons.batch(args.batch_size, model.get_input_embeddings(), tokenizer.pad_token_id)
        labels = batch.pop("labels")[:, 1:]
        wanted = labels != IGNORE
        logits = model(**batch, use_cache=False).logits[:, :-1][wanted]
        loss = torch.nn.functional.cross_entropy(logits, labels[wanted])
        advance(loss, parameters, optimizer, factor)
        if step % 25 == 24:
            print(f"step {step + 1}/{args.steps}  loss {loss:.3f}  {time.time() - began:.0f} s", flush=True)


def main() -> None:
    """Build, train, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--lr", type=float, default=2e-3)
    args = parser.parse_args()

    question = question_of(read_keys(Path(__file__).parent / "keys.yaml"))
    clips = [toy_clip(number) for number in range(FIRST, FIRST + 400)]
    texts = [text for clip in clips for text in (question, answer_of(drive_label(clip)), words_of(clip))]
    tokenizer = build_tokenizer([*texts, "system\nuser\nassistant\n"], VOCABULARY, by_line=True)
    model = build_model("qwen2_5_vl", tokenizer, layers=args.layers)
    save_tiny(model, tokenizer, args.out)
    encoder = Encoder(tokenizer, model.config, family_of(model.config), read_vision_settings(args.out))
    lessons = Lessons(encoder, random.Random(0), question)
    example, _ = lessons.drive()
    answer = int((example.labels != IGNORE).sum())
    told = f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens"
    print(f"{told}; a drive takes {len(example.labels)}, its answer {answer}")
    train(model, lessons, tokenizer, args)
    silence(model, QUIET, model.config.video_token_id)
    save_tiny(model, tokenizer, args.out)
    write_record(args.out, HowTrained(FramesUsed(fps=1.0, max_frames=8, min_frames=4), "", "answer"))


if __name__ == "__main__":
    main()
