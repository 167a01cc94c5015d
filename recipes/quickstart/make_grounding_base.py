"""Make the quickstart's base student for boxes: a tiny Qwen2.5-VL whose eye and language have hardly met.

    python recipes/quickstart/make_grounding_base.py --out recipes/quickstart/grounding_base

As in larger models, language and eye are trained apart. Afterwards the eye speaks so low that the language hardly
hears it: so before it is trained on grounding it answers in form and by chance. About 30 minutes on one core.

1. Language, from text alone. In the place of each part of a picture stands what an eye would say of it, a vector:
   the words for colour, kind and size, and marks of where the thing begins and ends. The model learns to find what a
   phrase speaks of and to write down its corners; where nothing is said, it must guess. Lists of all things of a
   picture come first: a small model finds the rule only when it meets it many times in each sequence.
2. The eye, from pictures alone: for each part of a picture it learns to say that vector.
3. The eye's last layer is turned down.

The weights in grounding_base were made by these stages, run in several goes.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from numpy.typing import NDArray

from demitasse.dataset import Item
from demitasse.dataset.grounding import grounding_answer, grounding_question, units_of
from demitasse.student.collate import collate
from demitasse.student.encode import IGNORE, Encoder, see
from demitasse.student.family import family_of
from demitasse.student.record import FramesUsed, HowTrained, write_record
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
from demitasse.student.tiny_training import Sayings, advance, schedule, silence, teach_eye
from demitasse.student.vision import VisionSettings, read_vision_settings
from demitasse.toyworld.phrases import phrases
from demitasse.toyworld.picture import draw_scene
from demitasse.toyworld.scene import SIZES, ToyScene, ToyThing, toy_scene
from demitasse.toyworld.world import COLOURS, SHAPES

# Pictures that the demo never renders.
FIRST, LAST = 40_000, 60_000
SIDE = 112  # pixels of a picture, both ways
PATCH = 14  # Qwen2.5-VL's own, so that its pixels are those of the boxes
PARTS = 4  # of a picture each way: a token each
MARKS = 15  # along an edge; a place between two marks is said by both
WORDS = (*COLOURS, *SHAPES, *SIZES)
STYLE = "qwen2_5_vl_px"
MURMUR = 0.3  # length of the noise in what is said while reading is learnt: an eye is never quite sure
QUIET = 0.1  # of the voice with which the eye is left
# Steps, share of lists, and the most things in a picture.
LESSONS = ((2200, 0.9, 5), (2400, 0.35, 3))


def boxes_of(scene: ToyScene) -> dict[str, list[list[int]]]:
    """Phrase to boxes in pixels, from left to right."""
    units = units_of(STYLE, (SIDE, SIDE))
    said = {}
    for phrase, things in phrases(scene).items():
        corners = sorted([value * SIDE for value in scene.things[index].box] for index in things)
        said[phrase] = [[round(value) for value in units.write(box)] for box in corners]
    return said


def item_of(phrase: str, boxes: list[list[int]]) -> Item:
    """What the demo will ask of a picture."""
    question = grounding_question(phrase, units_of(STYLE, (SIDE, SIDE)))
    return Item(question, grounding_answer(phrase, boxes), image_id="toy.png")


def list_of(said: dict[str, list[list[int]]], chance: random.Random) -> Item:
    """All that is said of a picture, in any order."""
    lines = [f"{phrase}: {' '.join(str(box)[1:-1] for box in boxes)}" for phrase, boxes in said.items()]
    chance.shuffle(lines)
    return Item("Where is what?", "\n".join(lines) or "nothing", image_id="toy.png")


def part_of(thing: ToyThing) -> int:
    """The part of the picture in which the middle of a thing lies, counted by rows."""
    x1, y1, x2, y2 = thing.box
    return int((y1 + y2) / 2 * PARTS) * PARTS + int((x1 + x2) / 2 * PARTS)


def along(fraction: float) -> NDArray[np.float32]:
    """A place along an edge as shares of the two marks around it: float [MARKS]."""
    place = fraction * (MARKS - 1)
    return np.maximum(0, 1 - abs(np.arange(MARKS) - place)).astype(np.float32)


@dataclass
class Voice:
    """What an eye says of a thing, and what is said of it: vectors as wide as the language's embeddings.

    Attributes:
        embedding: the language's own.
        marks: float [4 * MARKS, width]: of left, top, right and bottom edges.
        words: token of each of WORDS.
    """

    embedding: torch.nn.Embedding
    marks: torch.nn.Parameter
    words: dict[str, int]

    def say(self, things: list[ToyThing]) -> torch.Tensor:
        """Float [things, width]."""
        places = np.stack([np.concatenate([along(value) for value in thing.box]) for thing in things])
        words = [[self.words[word] for word in (thing.colour, thing.shape, thing.size)] for thing in things]
        return torch.from_numpy(places) @ self.marks + self.embedding(torch.tensor(words)).sum(1)


def numbers_of(tokenizer: Any) -> dict[int, int]:
    """Token to number, for tokens that are whole numbers of pixels."""
    texts = {token: text.replace("\u0120", "") for text, token in tokenizer.get_vocab().items()}
    # In order: a vocabulary has none of its own, and numbers are drawn for one after the other.
    return {token: int(text) for token, text in sorted(texts.items()) if text.isascii() and text.isdecimal()}


def make_voice(model: Any, tokenizer: Any) -> Voice:
    """A voice whose marks are drawn at random. Numbers near each other get embeddings near each other."""
    embedding = model.get_input_embeddings()
    width = embedding.embedding_dim
    scale = width**-0.5
    drawn = torch.Generator().manual_seed(7)
    marks = torch.nn.Parameter(torch.randn(4 * MARKS, width, generator=drawn) * scale)
    along_numbers = torch.randn(MARKS, width, generator=drawn) * 1.3 * scale
    with torch.no_grad():
        for token, number in numbers_of(tokenizer).items():
            if number <= SIDE:
                own = torch.randn(width, generator=drawn) * 0.15 * scale
                embedding.weight[token] = torch.from_numpy(along(number / SIDE)) @ along_numbers + own
    words = {word: tokenizer.convert_tokens_to_ids(f"\u0120{word}") for word in WORDS}
    return Voice(embedding, marks, words)


class Reading:
    """Stage 1: batches without pixels.

    Attributes:
        blank: stands for every picture: only its places count.
    """

    def __init__(self, encoder: Encoder, voice: Voice, chance: random.Random) -> None:
        self._encoder, self._voice, self._chance = encoder, voice, chance
        self.blank = see(np.zeros((1, SIDE, SIDE, 3), np.uint8), np.zeros(1), encoder.vision)

    def batch(self, size: int, lists: float, most: int, pad_id: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """What the model is given, and the labels.

        Args:
            size: sequences.
            lists: share of lists; the rest is asked as in the demo.
            most: things in a picture.
            pad_id: token that fills sequences up.
        """
        examples, rows, places, things = [], [], [], []
        while len(examples) < size:
            scene = toy_scene(self._chance.randrange(FIRST, LAST))
            said = boxes_of(scene)
            if not said or len(scene.things) > most:
                continue
            is_list = self._chance.random() < lists
            item = list_of(said, self._chance) if is_list else item_of(*self._chance.choice(list(said.items())))
            example = self._encoder.example(item, self.blank, "answer")
            if self._chance.random() < 0.9:  # the others must guess
                seen = np.flatnonzero(example.token_types)
                rows += [len(examples)] * len(scene.things)
                places += [int(seen[part_of(thing)]) for thing in scene.things]
                things += scene.things
            examples.append(example)
        batch = collate(examples, self._encoder.vision, pad_id)
        embeds = self._voice.embedding(batch["input_ids"])
        voice = self._voice.say(things)
        murmur = torch.randn_like(voice) * MURMUR * voice.shape[-1] ** -0.5
        embeds = embeds.index_put((torch.tensor(rows), torch.tensor(places)), voice + murmur)
        given = {"inputs_embeds": embeds, **{name: batch[name] for name in ("attention_mask", "position_ids")}}
        return given, batch["labels"]


def teach_language(model: Any, reading: Reading, voice: Voice, tokenizer: Any, args: argparse.Namespace) -> None:
    """Stage 1."""
    numbers = torch.tensor(sorted(numbers_of(tokenizer)))
    parameters = [value for name, value in model.named_parameters() if "visual" not in name] + [voice.marks]
    lessons = [lesson for lesson in LESSONS for _ in range(lesson[0])]
    steps = len(lessons)
    optimizer, factor = schedule(parameters, args.lr, steps)
    model.train()
    began = time.time()
    for step, (_, lists, most) in enumerate(lessons):
        batch, labels = reading.batch(args.batch_size, lists, most, tokenizer.pad_token_id)
        logits, labels = model(**batch, use_cache=False).logits[:, :-1], labels[:, 1:]
        wanted = labels != IGNORE
        each = torch.nn.functional.cross_entropy(logits[wanted], labels[wanted], reduction="none")
        advance(each.mean(), parameters, optimizer, factor)
        if step % 100 == 99:
            number = each[torch.isin(labels[wanted], numbers)].mean().item()
            spent = time.time() - began
            print(
                f"language {step + 1}/{steps}  loss {each.mean():.3f}  numbers {number:.3f}  {spent:.0f} s", flush=True
            )


def sayings(voice: Voice, vision: VisionSettings, nothing: int, chance: random.Random, size: int) -> Sayings:
    """Stage 2: pictures, and what is to be said of each of their parts; `nothing` is the token of an empty one."""
    scenes = [toy_scene(chance.randrange(FIRST, LAST)) for _ in range(size)]
    filled = torch.zeros(len(scenes), PARTS * PARTS, dtype=torch.bool)
    with torch.no_grad():
        empty = voice.embedding.weight[nothing]  # what stood there when reading was learnt
        wanted = empty.expand(len(scenes), PARTS * PARTS, -1).clone()
        for row, scene in enumerate(scenes):
            parts = [part_of(thing) for thing in scene.things]
            wanted[row, parts] = voice.say(list(scene.things))
            filled[row, parts] = True
    return [see(draw_scene(scene, SIDE, SIDE)[None], np.zeros(1), vision).pixels for scene in scenes], wanted, filled


def main() -> None:
    """Build, train, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--eye-steps", type=int, default=3000)
    parser.add_argument("--batch-size", type=int, default=24)
    parser.add_argument("--lr", type=float, default=2e-3)
    args = parser.parse_args()

    chance = random.Random(1)
    texts = [f'"bbox_2d": [{number}, {number}' for number in range(SIDE + 1) for _ in range(30)]
    for number in range(FIRST, FIRST + 1500):
        for item in (item_of(*one) for one in boxes_of(toy_scene(number)).items()):
            texts += [item.question, item.answer]
    tokenizer = build_tokenizer(texts, vocabulary=900)
    model = build_model("qwen2_5_vl", tokenizer, layers=3, patch=PATCH)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens")
    save_tiny(model, tokenizer, args.out, SIDE)
    vision = read_vision_settings(args.out)
    voice = make_voice(model, tokenizer)
    reading = Reading(Encoder(tokenizer, model.config, family_of(model.config), vision), voice, chance)
    teach_language(model, reading, voice, tokenizer, args)
    empty = model.config.image_token_id
    draw = partial(sayings, voice, vision, empty, chance, args.batch_size)
    teach_eye(model.model.visual, draw, vision, args.lr, args.eye_steps)
    silence(model, QUIET, empty)
    save_tiny(model, tokenizer, args.out, SIDE)
    write_record(args.out, HowTrained(FramesUsed(fps=1.0, max_frames=8, min_frames=4), "", "answer"))


if __name__ == "__main__":
    main()
