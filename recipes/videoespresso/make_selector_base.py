"""Make the selector experiment's base student: a tiny Qwen2.5-VL that has learnt to read, and has never seen a frame.

    python recipes/videoespresso/make_selector_base.py --out recipes/videoespresso/selector_base

As in recipes/quickstart/make_base.py: text alone, on clips that the experiment never renders. Where a video's tokens
would be stand words of what there would be to see; afterwards the eye starts at silence, so what a frame looks like is
for training to find out. The lessons are the experiment's own questions in all three roles (captions of a frame,
frames that are needed by their captions, answers from frames, be they all or some), and lists of all that is there: a
small model finds which shape goes with which colour only when it is asked several times in each sequence.
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
from demitasse.dataset.evidence import core_frames_of
from demitasse.selector.wording import caption_item, need_item
from demitasse.student.collate import Batch, collate
from demitasse.student.encode import IGNORE, Encoded, Encoder, see
from demitasse.student.family import family_of
from demitasse.student.record import FramesUsed, HowTrained, write_record
from demitasse.student.sight import only
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
from demitasse.student.tiny_training import advance, schedule, silence
from demitasse.student.vision import read_vision_settings
from demitasse.toyworld.moment_files import SIZE, TIMES, order_item, shape_item
from demitasse.toyworld.moments import MomentClip, moment_clip
from demitasse.toyworld.world import COLOURS, SHAPES

FIRST, LAST = 40_000, 60_000  # clips that the experiment never renders
KEEP = 4
QUIET = 0.02  # of the eye's voice, when all is learnt


def needing(clip: MomentClip, item: Item, chance: random.Random) -> Item:
    """Whether a frame is needed for a question, by its caption: as often yes as no."""
    core = {frame.time for frame in core_frames_of(item)}
    wanted = chance.random() < 0.5
    others = {clip.caption(time) for time in TIMES if time not in core}
    captions = {clip.caption(time) for time in core if time is not None} if wanted else others
    return need_item(item, chance.choice(sorted(captions)), "Yes" if wanted else "No")


def listing(clip: MomentClip, chance: random.Random) -> Item:
    """Every thing's shape, in any order."""
    moments = chance.sample(clip.moments, len(clip.moments))
    told = [f"The {moment.colour} thing is a {moment.thing.shape}." for moment in moments]
    return Item("What is there?", "\n".join(told), "clip.mp4")


class Lessons:
    """Draws examples, and remembers what stands in the places of a video's tokens."""

    def __init__(self, encoder: Encoder, chance: random.Random) -> None:
        self._encoder, self._chance = encoder, chance
        self._whole = see(np.zeros((len(TIMES), SIZE, SIZE, 3), np.uint8), np.array(TIMES), encoder.vision)
        self._said: dict[int, list[str]] = {}

    def draw(self) -> Encoded:
        """One lesson."""
        clip, role = moment_clip(self._chance.randrange(FIRST, LAST)), self._chance.random()
        item = self._chance.choice((shape_item, order_item))(clip)
        if role < 0.2:
            return self._encoder.example(needing(clip, item, self._chance), None, "answer")
        if role < 0.3:
            time = self._chance.choice((self._chance.choice(clip.moments).start + 0.5, self._chance.choice(TIMES)))
            return self._shown(caption_item(item.media_id, time, clip.caption(time)), clip, [time])
        if role < 0.55:
            return self._shown(listing(clip, self._chance), clip, None)
        core = [frame.time for frame in core_frames_of(item) if frame.time is not None]
        return self._shown(item, clip, self._chance.choice((None, core, self._chance.sample(TIMES, KEEP))))

    def _shown(self, item: Item, clip: MomentClip, times: list[float] | None) -> Encoded:
        """An item with words in the places of what is shown: those of both frames of a patch, in one of its parts."""
        sight = self._whole if times is None else only(self._whole, times, self._encoder.vision)
        example = self._encoder.example(item, sight, "think")
        step = 1 if sight.stills else self._encoder.vision.temporal_patch_size
        words = []
        for patch in sight.times.reshape(-1, step):
            parts = [""] * 4
            for seen in filter(None, map(clip.at, patch.tolist())):
                x1, y1, *_ = seen.thing.box
                part = 2 * (y1 > 0.4) + (x1 > 0.4)
                if not parts[part]:
                    parts[part] = f" {seen.colour} {seen.thing.shape}"
            words += parts
        self._said[id(example)] = words
        return example

    def batch(self, size: int, embedding: torch.nn.Embedding, pad_id: int) -> Batch:
        """A batch without pixels."""
        self._said.clear()
        drawn = [self.draw() for _ in range(size)]
        batch = collate(drawn, self._encoder.vision, pad_id)
        embeds = embedding(batch["input_ids"])
        for row, example in enumerate(drawn):
            for place, words in zip(np.flatnonzero(example.token_types), self._said.get(id(example), []), strict=False):
                if words:
                    embeds[row, place] = embedding(torch.tensor(self._encoder.tokenizer.encode(words))).sum(0)
        return {"inputs_embeds": embeds, **{name: batch[name] for name in ("labels", "attention_mask", "position_ids")}}


def train(model: Any, lessons: Lessons, tokenizer: Any, args: argparse.Namespace) -> None:
    """Next-token loss on what is to be written, with a learning rate that falls to nothing."""
    steps = args.steps
    parameters = list(model.parameters())
    optimizer, factor = schedule(parameters, args.lr, steps)
    model.train()
    began = time.time()
    for step in range(steps):
        batch = lessons.batch(args.batch_size, model.get_input_embeddings(), tokenizer.pad_token_id)
        labels = batch.pop("labels")[:, 1:]
        wanted = labels != IGNORE
        loss = torch.nn.functional.cross_entropy(model(**batch, use_cache=False).logits[:, :-1][wanted], labels[wanted])
        advance(loss, parameters, optimizer, factor)
        if step % 100 == 99:
            print(f"step {step + 1}/{steps}  loss {loss.item():.3f}  {time.time() - began:.0f} s", flush=True)


def main() -> None:
    """Build, train, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    args = parser.parse_args()

    chance = random.Random(0)
    texts = [f"{' '.join(COLOURS)} {' '.join(SHAPES)} system\nuser\nassistant\n"] * 400
    for number in range(FIRST, FIRST + 400):
        clip = moment_clip(number)
        for item in (shape_item(clip), order_item(clip)):
            caption = clip.caption(number % len(TIMES) + 0.5)
            for one in (item, needing(clip, item, chance), caption_item("", 0.5, caption), listing(clip, chance)):
                texts += [one.question, one.answer, one.reasoning or ""]
    tokenizer = build_tokenizer(texts)
    model = build_model("qwen2_5_vl", tokenizer, layers=3)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens")
    save_tiny(model, tokenizer, args.out, SIZE)
    encoder = Encoder(tokenizer, model.config, family_of(model.config), read_vision_settings(args.out))
    train(model, Lessons(encoder, chance), tokenizer, args)
    silence(model, QUIET, model.config.video_token_id)
    save_tiny(model, tokenizer, args.out, SIZE)
    write_record(args.out, HowTrained(FramesUsed(fps=1.0, max_frames=8, min_frames=4), "", "answer"))


if __name__ == "__main__":
    main()
