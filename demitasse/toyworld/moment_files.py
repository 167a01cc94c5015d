"""Files of the clips of moments: videos, questions with core frames and evidence, and a caption of every frame.

They have the shape of what `demitasse annotate espresso` writes, and come from truth: no teacher stands between.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from demitasse.atomic import write_text
from demitasse.dataset import Item, TaskFile, bcq_answer, mcq_answer, question_text, write
from demitasse.dataset.evidence import CoreFrame, Evidence, Mention, PlacedBox, with_evidence_fields
from demitasse.toyworld.moments import DURATION, Moment, MomentClip, moment_clip
from demitasse.toyworld.picture import draw_things
from demitasse.toyworld.render import FPS, write_clip
from demitasse.toyworld.world import SHAPES

SIZE = 64  # pixels, square
LICENSE = "Apache-2.0"
TIMES = tuple(second + 0.5 for second in range(DURATION))  # of the frames that are captioned: one a second


def draw(clip: MomentClip, time: float, size: int = SIZE) -> NDArray[np.uint8]:
    """The frame of `clip` at `time` seconds: uint8 [size, size, 3], RGB."""
    moment = clip.at(time)
    return draw_things(clip.number, [moment.thing] if moment else [], size, size)


def render_moments(path: Path, number: int) -> Path:
    """Write one clip as H.264 in MP4, unless it is there; whole or not at all."""
    if path.exists():
        return path
    clip = moment_clip(number)
    return write_clip(path, (draw(clip, index / FPS) for index in range(DURATION * FPS)), SIZE, FPS)


def write_moments(folder: Path, numbers: Iterable[int]) -> None:
    """Write clips to `videos/`, a question of each kind about each to `items/`, and `captions.jsonl`."""
    (folder / "videos").mkdir(parents=True, exist_ok=True)
    clips = []
    for number in numbers:
        render_moments(folder / "videos" / video_name(number), number)
        clips.append(moment_clip(number))
    for task, ask in (("mcq", shape_item), ("bcq", order_item)):
        items = [ask(clip) for clip in clips]
        write(folder / "items" / f"{task}.json", TaskFile(items, task, LICENSE, media_root="../videos"))
    rows = [{"video": video_name(clip.number), "frames": _captioned(clip)} for clip in clips]
    write_text(folder / "captions.jsonl", "".join(orjson.dumps(row).decode() + "\n" for row in rows))


def shape_item(clip: MomentClip) -> Item:
    """Which shape the thing of one colour has: one moment answers it."""
    moment = random.Random(f"shape of moments {clip.number}").choice(clip.moments)
    options = dict(zip("ABC", SHAPES, strict=True))
    letter = next(letter for letter, shape in options.items() if shape == moment.thing.shape)
    question = question_text("mcq", f"Which shape has the {moment.colour} thing?", options=options)
    said = f"The {moment.colour} thing is a {moment.thing.shape}."
    return _item(clip, question, mcq_answer(letter, options), said, [moment])


def order_item(clip: MomentClip) -> Item:
    """Whether the thing of one colour comes before another's: it takes two moments."""
    chance = random.Random(f"order of moments {clip.number}")
    first, second = sorted(chance.sample(clip.moments, 2), key=lambda moment: moment.start)
    verdict = chance.random() < 0.5
    asked, other = (first, second) if verdict else (second, first)
    question = question_text("bcq", f"Does the {asked.colour} thing come before the {other.colour} thing?")
    said = f"The {first.colour} thing comes first, then the {second.colour} thing."
    return _item(clip, question, bcq_answer(verdict), said, [first, second])


def video_name(number: int) -> str:
    """A clip's file."""
    return f"{number:05d}.mp4"


def _item(clip: MomentClip, question: str, answer: str, said: str, moments: list[Moment]) -> Item:
    """An item whose core frames are all frames that show one of the moments."""
    core = [CoreFrame(**frame) for frame in _captioned(clip) if clip.at(frame["time"]) in moments]
    shown = [clip.at(frame.time or 0.0) for frame in core]
    mentions = []
    for moment in moments:
        name = f"{moment.colour} thing"
        boxes = tuple(PlacedBox(moment.thing.box, place) for place, one in enumerate(shown) if one == moment)
        start = said.index(name)
        mentions.append(Mention(name, start, start + len(name), boxes))
    item = Item(question, answer, video_name(clip.number), reasoning=said)
    return with_evidence_fields(item, Evidence(said, tuple(mentions)), core)


def _captioned(clip: MomentClip) -> list[dict[str, Any]]:
    return [{"time": time, "frame": round(time * FPS), "caption": clip.caption(time)} for time in TIMES]
