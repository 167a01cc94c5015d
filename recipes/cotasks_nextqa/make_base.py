"""Make the toy student of the CoTasks experiments: a tiny Qwen2.5-VL that reads, and sees what lies where.

    demitasse toyworld stories STORIES --first 40000 --count 3000
    demitasse annotate cotasks source=nextqa questions=STORIES/questions.csv vidor=STORIES/vidor \\
        video_map=STORIES/video_map.json videos=STORIES/videos results_dir=COTASKS \\
        frames=8 form=lines boxed_frames=2 min_gap=1.9
    python recipes/cotasks_nextqa/make_base.py --items COTASKS/items --out recipes/cotasks_nextqa/base

As in larger models, language and eye are trained apart, on stories that the recipes never render. Afterwards the
student answers in form and makes use of CoTasks that stand before a question. About 50 minutes on one core.

1. Language, from text alone. In the place of each part of a frame stands what an eye would say of it, a vector: who
   lies there, who has come beside it, and which part it is. The model learns letters first, then to find answers in a
   list of events, to give a whole account of what is seen, and then the four CoTasks and the questions, with CoTasks
   before them. What is hard to come upon, such as finding, is asked many times in one sequence.
2. The eye, from frames alone: for each part of a frame it learns to say that vector.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch

from demitasse.cotasks.record import STAGES, CoTasks, Event, Relation, Sighting
from demitasse.cotasks.text import context, write_task
from demitasse.dataset import Item, question_text, read_folder
from demitasse.student.collate import collate
from demitasse.student.encode import IGNORE, Encoded, Encoder, see
from demitasse.student.family import family_of
from demitasse.student.record import FramesUsed, HowTrained, write_record
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
from demitasse.student.tiny_training import Sayings, advance, letter_lesson, schedule, teach_eye
from demitasse.student.vision import VisionSettings, read_vision_settings
from demitasse.toyworld.story import CELLS, MOMENT, MOMENTS, STORY_COLOURS, STORY_DURATION, ToyStory, toy_story
from demitasse.toyworld.story_files import vidor_annotation
from demitasse.toyworld.story_video import SIZE, draw_story

FIRST, LAST = 40_000, 60_000  # stories that the recipes never render
PARTS = CELLS * CELLS  # of a frame: a token each
COLOURS = sorted(STORY_COLOURS)
LETTERS = "ABCDE"
ORDER = ("first", "second", "last")
MURMUR = 0.3  # length of the noise in what is said while reading is learnt: an eye is never quite sure
TIMES = np.arange(round(MOMENT * MOMENTS)) + 0.5  # a frame a second, as students are shown them


@dataclass
class Voice:
    """What an eye says of the parts of a frame: vectors as wide as the language's embeddings.

    Attributes:
        embedding: the language's own.
        beside: float [colours, width]: who has come beside what lies there.
        parts: float [PARTS, width]: which part it is.
        words: token of each of COLOURS.
    """

    embedding: torch.nn.Embedding
    beside: torch.nn.Parameter
    parts: torch.nn.Parameter
    words: torch.Tensor

    def say(self, stories: list[ToyStory]) -> tuple[torch.Tensor, torch.Tensor]:
        """Float [stories, MOMENTS * PARTS, width], nothing where nothing is, and bool [stories, MOMENTS * PARTS]."""
        lying = torch.zeros(len(stories), MOMENTS, PARTS, len(COLOURS))
        come = torch.zeros_like(lying)
        for row, story in enumerate(stories):
            mover = COLOURS.index(story.mover.colour)
            where = {shape.colour: shape.cell[1] * CELLS + shape.cell[0] for shape in story.shapes}
            for shape in story.still:
                lying[row, :, where[shape.colour], COLOURS.index(shape.colour)] = 1
            for moment, place in enumerate([where[story.mover.colour], *(where[t.colour] for t in story.touches)]):
                come[row, moment, place, mover] = 1
        filled = (lying + come).any(-1)
        said = lying @ self.embedding(self.words) + come @ self.beside + filled[..., None] * self.parts
        return said.flatten(1, 2), filled.flatten(1, 2)


def make_voice(model: Any, tokenizer: Any) -> Voice:
    """A voice whose own vectors are drawn at random."""
    embedding = model.get_input_embeddings()
    width = embedding.embedding_dim
    drawn = torch.Generator().manual_seed(7)
    beside, parts = (
        torch.nn.Parameter(torch.randn(count, width, generator=drawn) * width**-0.5) for count in (len(COLOURS), PARTS)
    )
    words = torch.tensor([tokenizer.convert_tokens_to_ids(f"\u0120{colour}") for colour in COLOURS])
    return Voice(embedding, beside, parts, words)


class Reading:
    """Stage 1: batches without pixels, of letters and of items."""

    def __init__(self, encoder: Encoder, voice: Voice, items: dict[str, list[Item]], chance: random.Random) -> None:
        self._encoder, self._voice, self._items, self._chance = encoder, voice, items, chance
        self._line_ends = [
            *encoder.tokenizer("\n", add_special_tokens=False)["input_ids"],
            encoder.tokenizer.eos_token_id,
        ]
        self._blank = see(np.zeros((len(TIMES), SIZE, SIZE, 3), np.uint8), TIMES, encoder.vision)

    def batch(self, size: int, kind: str, pad_id: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """What the model is given, and the labels."""
        drawn = [self._lesson(kind) for _ in range(size)]
        batch = collate([example for example, _ in drawn], self._encoder.vision, pad_id)
        embeds = self._voice.embedding(batch["input_ids"])
        seen = [(row, story) for row, (_, story) in enumerate(drawn) if story is not None]
        if seen:
            said, filled = self._voice.say([story for _, story in seen])
            places = torch.stack([torch.from_numpy(np.flatnonzero(drawn[row][0].token_types)) for row, _ in seen])
            rows = torch.tensor([row for row, _ in seen])[:, None].expand_as(places)
            said = said + torch.randn_like(said) * MURMUR * said.shape[-1] ** -0.5
            embeds = embeds.index_put((rows[filled], places[filled]), said[filled])
        given = {"inputs_embeds": embeds, **{name: batch[name] for name in ("attention_mask", "position_ids")}}
        return given, batch["labels"]

    def _lesson(self, kind: str) -> tuple[Encoded, ToyStory | None]:
        if kind in ("letters", "own list"):
            return letter_lesson(self._encoder, self._chance, COLOURS, LETTERS, kind == "own list"), None
        if kind in ("lookups", "lettered lookups"):
            return self._lookups(kind == "lettered lookups"), None
        if kind == "letter":
            return self._reading(), None
        if kind == "account":
            return self._account()
        return self._item(kind)

    def _reading(self) -> Encoded:
        """A question whose answer stands in the events before it."""
        return self._encoder.example(with_context(self._chance.choice(self._items["mcq"]), [4]), None, "answer")

    def _lookups(self, by_letter: bool) -> Encoded:
        """A story's touches and all that can be asked of them, so that a rule is met many times in a sequence.

        The answers are the words themselves, or their letters in a list of options.
        """
        story = toy_story(self._chance.randrange(FIRST, LAST))
        mover, touched = story.mover.colour, [touch.colour for touch in story.touches]
        asked = [
            (f"what does the {mover} shape touch {word}", colour) for word, colour in zip(ORDER, touched, strict=True)
        ]
        for earlier, later in itertools.pairwise(touched):
            asked += [(f"what does the {mover} shape touch after the {earlier} one", later)]
            asked += [(f"what did the {mover} shape touch before the {later} one", earlier)]
        self._chance.shuffle(asked)
        given = context({4: write_task(account(story, TIMES[0]), 4, form="lines")}, 5)
        lines = "".join(f"{self._asked(mover, *one, by_letter)}\n" for one in asked)
        example = self._encoder.example(Item(given, lines.strip(), "none"), None, "answer")
        # Which of them is asked is drawn at random: only the answers, which stand alone on a line, are to be learnt.
        first, last = (np.isin(np.roll(example.input_ids, by), self._line_ends) for by in (1, -1))
        return replace(example, labels=np.where(first & last, example.labels, IGNORE))

    def _asked(self, mover: str, question: str, answer: str, by_letter: bool) -> str:
        """A question as items put it, and its answer on the line after it."""
        options = sorted(set(COLOURS) - {mover})
        put = question_text("mcq", question, "tao", dict(zip(LETTERS, options, strict=True)))
        if by_letter:
            return f"{put}\n{LETTERS[options.index(answer)]}"
        return f"{put.replace('letter', 'name')}\n {answer}"

    def _account(self) -> tuple[Encoded, ToyStory]:
        """All that is to be told of a story: so a rule is met many times in a sequence."""
        story = toy_story(self._chance.randrange(FIRST, LAST))
        stage = self._chance.choice((2, 3, 4, 4, 4))
        told = write_task(account(story, self._chance.choice(TIMES)), stage, form="lines")
        return self._encoder.example(Item(f"Account {stage}", told, "toy.mp4"), self._blank, "answer"), story

    def _item(self, task: str) -> tuple[Encoded, ToyStory | None]:
        """An item with all, some or none of the earlier CoTasks before it; a question always has the events."""
        item, is_question = self._chance.choice(self._items[task]), task == "mcq"
        blind = is_question and self._chance.random() < 0.1
        story = None if blind else toy_story(int(Path(item.media_id).stem))
        some = self._chance.random() < 0.6
        chosen = {stage for stage in STAGES if some and self._chance.random() < 0.75} | ({4} if is_question else set())
        return self._encoder.example(with_context(item, sorted(chosen)), self._blank, "answer"), story


def account(story: ToyStory, time: float) -> CoTasks:
    """A story's CoTasks, of all shapes and touches; boxes and relations at one time."""
    names = [f"{shape.colour} 1" for shape in story.shapes]
    seen = tuple(Sighting(time, f"{one.colour} 1", story.box(one.colour, time)) for one in story.shapes)
    touches = tuple(Event(names[0], "touch", f"{one.colour} 1", one.start, one.end) for one in story.touches)
    places = [row for row in vidor_annotation(story)["relation_instances"] if row["predicate"] != "touch"]
    stand = tuple(
        Relation(time, names[row["subject_tid"]], row["predicate"], names[row["object_tid"]]) for row in places
    )
    return CoTasks("account", STORY_DURATION, len(TIMES), sightings=seen, relations=stand, events=touches)


def with_context(item: Item, stages: list[int]) -> Item:
    """The item with its own CoTasks of the stages before it, as `--cotasks` puts them."""
    asked = item.extra["cotask"]
    cotasks = CoTasks.from_json(item.extra["cotasks"])
    texts = {stage: write_task(cotasks, stage, asked["box_style"], form=asked["form"]) for stage in stages}
    notes = context(texts, asked["stage"])
    return replace(item, question=f"{notes}\n\n{item.question}") if notes else item


def teach_language(model: Any, reading: Reading, voice: Voice, tokenizer: Any, args: argparse.Namespace) -> None:
    """Stage 1."""
    parameters = [value for name, value in model.named_parameters() if "visual" not in name]
    parameters += [voice.beside, voice.parts]
    tasks = {"cotask_frames": 0.03, "cotask_entities": 0.08, "cotask_spatial": 0.04, "cotask_temporal": 0.45}
    lessons: list[dict[str, float]] = [{"own list": 1.0}] * args.letter_steps
    lessons += [{"own list": 0.2, "letters": 0.8}] * args.letter_steps
    lessons += [{"letters": 0.1, "lookups": 0.9}] * args.lookup_steps
    lessons += [{"letters": 0.1, "lookups": 0.15, "lettered lookups": 0.75}] * args.lookup_steps
    lessons += [{"letters": 0.1, "lettered lookups": 0.4, "letter": 0.5}] * args.reading_steps
    lessons += [{"letters": 0.1, "letter": 0.1, "account": 0.8}] * args.account_steps
    mixed = {"lettered lookups": 0.03, "account": 0.1, "letter": 0.05, "mcq": 0.22, **tasks}
    lessons += [mixed] * args.language_steps
    optimizer, factor = schedule(parameters, args.lr, len(lessons))
    letters = torch.tensor(tokenizer.convert_tokens_to_ids(list(LETTERS)))
    heard: defaultdict[str, list[float]] = defaultdict(list)
    chance = random.Random(2)
    model.train()
    began = time.time()
    for step, shares in enumerate(lessons):
        [kind] = chance.choices(list(shares), list(shares.values()))  # one a batch: they differ in length
        batch, labels = reading.batch(args.batch_size, kind, tokenizer.pad_token_id)
        logits, labels = model(**batch, use_cache=False).logits[:, :-1], labels[:, 1:]
        wanted = labels != IGNORE
        each = torch.nn.functional.cross_entropy(logits[wanted], labels[wanted], reduction="none")
        # One letter among thirty words would hardly be heard.
        is_letter = torch.isin(labels[wanted], letters)
        weight = 1.0 + args.letter_weight * is_letter
        heard[kind].append(each[is_letter].mean().item() if is_letter.any() else each.mean().item())
        advance((each * weight).sum() / weight.sum(), parameters, optimizer, factor)
        if step % 100 == 99:
            told = "  ".join(f"{kind} {np.mean(losses):.3f}" for kind, losses in sorted(heard.items()))
            print(f"language {step + 1}/{len(lessons)}  {told}  {time.time() - began:.0f} s", flush=True)
            heard.clear()


def sayings(voice: Voice, vision: VisionSettings, nothing: int, chance: random.Random, size: int) -> Sayings:
    """Stage 2: stories, and what is to be said of each part of their frames; `nothing` is the token of an empty one."""
    stories = [toy_story(chance.randrange(FIRST, LAST)) for _ in range(size)]
    with torch.no_grad():
        said, filled = voice.say(stories)
        empty = voice.embedding.weight[nothing]  # what stood there when reading was learnt
        wanted = torch.where(filled[..., None], said, empty)
    frames = [np.stack([draw_story(story, moment) for moment in TIMES]) for story in stories]
    return [see(of_one, TIMES, vision).pixels for of_one in frames], wanted, filled


def main() -> None:
    """Build, train, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=Path, required=True, help="CoTasks of stories, with their questions")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--letter-steps", type=int, default=1000)
    parser.add_argument("--lookup-steps", type=int, default=800)
    parser.add_argument("--reading-steps", type=int, default=300)
    parser.add_argument("--account-steps", type=int, default=2500)
    parser.add_argument("--language-steps", type=int, default=3000)
    parser.add_argument("--eye-steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--letter-weight", type=float, default=10.0)
    parser.add_argument("--lr", type=float, default=1e-3)
    args = parser.parse_args()

    chance = random.Random(1)
    files = read_folder(args.items)
    items = {file.task: file.items for file in files}
    texts = [" " + " ".join(COLOURS) + "\nsystem\nuser\nassistant\n"] * 2000
    for of_task in items.values():
        for item in of_task[:1500]:
            whole = with_context(item, list(STAGES))
            texts += [whole.question, item.answer]
    tokenizer = build_tokenizer(texts, vocabulary=900)
    model = build_model("qwen2_5_vl", tokenizer, layers=4)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens")
    save_tiny(model, tokenizer, args.out, SIZE)
    vision = read_vision_settings(args.out)
    voice = make_voice(model, tokenizer)
    reading = Reading(Encoder(tokenizer, model.config, family_of(model.config), vision), voice, items, chance)
    teach_language(model, reading, voice, tokenizer, args)
    draw = partial(sayings, voice, vision, model.config.video_token_id, chance, args.batch_size)
    teach_eye(model.model.visual, draw, vision, args.lr, args.eye_steps)
    save_tiny(model, tokenizer, args.out, SIZE)
    write_record(args.out, HowTrained(FramesUsed(fps=1.0, max_frames=8, min_frames=4), "", "answer"))


if __name__ == "__main__":
    main()
