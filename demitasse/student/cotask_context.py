"""What is put before a question: the CoTasks of its earlier stages, in training and when asked.

Where they come from is the experiment. `oracle`: the item's own. `shuffled`: those of another question about another
video, a control that keeps the form and takes away the help. `noisy`: the item's own with mistakes. `predicted`: what a
student said when it was asked for them. A stage's own question sees only the stages before it; the question itself,
stage 5, sees all that are chosen. So one student can be asked in a chain, or each time with the truth.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from demitasse.chat.kinds import BOX_STYLES
from demitasse.cotasks.leaks import cases_of, mask
from demitasse.cotasks.noise import corrupt
from demitasse.cotasks.record import STAGES, CoTasks
from demitasse.cotasks.text import FORMS, Form, context, write_task
from demitasse.dataset import Item
from demitasse.dataset.schema import shown
from demitasse.errors import ConfigError, DataError
from demitasse.student.modes import CotaskSource
from demitasse.student.replies import read_replies

QUESTION = 5  # the stage of the question itself
OTHERS = 200  # questions that offer wrong categories and predicates to the noise, and are soon looked through

Said = Mapping[tuple[str, int], str]


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """Which CoTasks are put before a question, and where they come from.

    Attributes:
        stages: of 1 to 4; none for the bare question.
        source: see the module's beginning.
        noise: by stage, from 0 to 1; for `noisy`.
        seed: of shuffling and noise.
        masks: the leak guard: what is put before the question itself loses the words of its answer and its options.
    """

    stages: tuple[int, ...] = ()
    source: CotaskSource = "oracle"
    noise: Mapping[int, float] = field(default_factory=dict)
    seed: int = 0
    masks: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an item stands: its question's key, its stage (5 is the question itself), and how its texts are written."""

    key: str
    stage: int
    box_style: str
    size: tuple[float, float] | None
    form: Form

    def write(self, cotasks: CoTasks, stage: int) -> str:
        """A stage's answer in the words of this item's own tasks."""
        return write_task(cotasks, stage, self.box_style, self.size, self.form)


def read_stages(text: str) -> tuple[int, ...]:
    """`12` or `1234` as stages in order; none in an empty text.

    Raises:
        ConfigError: for anything but digits of 1 to 4, each at most once.
    """
    if len(set(text)) < len(text) or not set(text) <= set(map(str, STAGES)):
        raise ConfigError(f"cotasks is '{text}'; name stages by their digits, each once: 1234, 12, 34, 1")
    return tuple(sorted(map(int, text)))


def placed(item: Item) -> Placed:
    """Where an item stands.

    Raises:
        DataError: if it is none that `demitasse annotate cotasks` wrote.
    """
    value = item.extra.get("cotask")
    match value:
        case {"question_key": str(key), "stage": int(stage), "box_style": str(style), "form": str(form), **more} if (
            1 <= stage <= QUESTION and style in BOX_STYLES and form in FORMS
        ):
            return Placed(key, stage, style, _size(more), "json" if form == "json" else "lines")
    raise DataError(
        f"{item.media_id}: cotask is {shown(value)}, so no CoTasks can be put before {shown(item.question)}; take "
        "items that `demitasse annotate cotasks` wrote"
    )


def _size(value: Mapping[Any, Any]) -> tuple[float, float] | None:
    match value.get("size"):
        case [int() | float() as width, int() | float() as height]:
            return width, height
    return None


def read_predicted(runs: Sequence[Path]) -> dict[tuple[str, int], str]:
    """What a student said in earlier runs, by question and stage.

    Raises:
        DataError: if a folder holds no predictions, or a CoTask was predicted twice.
    """
    said: dict[tuple[str, int], str] = {}
    for run in runs:
        for reply in read_replies(run):
            match reply.extra.get("cotask"):
                case {"question_key": str(key), "stage": int(stage)} if stage in STAGES:
                    if (key, stage) in said:
                        raise DataError(f"{run}: CoTask {stage} of {key} is predicted twice; name one run for it")
                    if reply.text:
                        said[key, stage] = reply.text
    if not said:
        raise DataError(
            f"{', '.join(map(str, runs))}: no reply to a CoTask; predict on the items of the four tasks first"
        )
    return said


class CotaskContext:
    """Puts CoTasks before questions, and counts in `missing` those, by stage, that nobody had predicted.

    Args:
        settings: which, and from where.
        pool: all items, among which `shuffled` looks for others.
        said: for `predicted`; see `read_predicted`.
    """

    def __init__(self, settings: ContextSettings, pool: Iterable[Item], said: Said | None = None) -> None:
        self.settings = settings
        self.missing: Counter[int] = Counter()
        self._said = said or {}
        self._videos: dict[str, str] = {}
        self._known: dict[str, CoTasks] = {}
        self._stage: dict[str, int] = {}  # an item knows what the stages before its own tell
        if settings.stages and settings.source != "predicted":
            for item in pool:
                if "cotask" in item.extra:  # a folder may hold other tasks as well
                    self._learn(item)
        self._keys = sorted(self._known)

    def before(self, item: Item) -> str:
        """The context of an item; empty if it has none.

        Raises:
            DataError: if the item has no CoTasks, or there is no other video's to shuffle in.
        """
        place = placed(item)
        stages = [stage for stage in self.settings.stages if stage < place.stage]
        if self.settings.source == "predicted":
            texts = {stage: self._said.get((place.key, stage), "") for stage in stages}
            self.missing.update(stage for stage, text in texts.items() if not text)
        else:
            chosen = self._chosen(place)
            texts = {stage: place.write(chosen, stage) for stage in stages}
        if self.settings.masks and place.stage == QUESTION:
            (case,) = cases_of([item])
            texts = {stage: mask(text, case.options[case.right], case.options) for stage, text in texts.items()}
        return context(texts, before=place.stage)

    def add(self, item: Item) -> Item:
        """The item, asked with its context before the question. Its id is still that of the item as it was."""
        text = self.before(item) if self.settings.stages else ""
        return with_context(item, text)

    def _learn(self, item: Item) -> None:
        place = placed(item)
        key = place.key
        if place.stage > self._stage.get(key, 0):
            try:
                self._known[key] = CoTasks.from_json(item.extra.get("cotasks"))
            except DataError as fault:
                raise DataError(f"{item.media_id}, question {key}: {fault}") from fault
            self._videos[key], self._stage[key] = item.media_id, place.stage

    def _chosen(self, place: Placed) -> CoTasks:
        if self.settings.source == "shuffled":
            return self._known[self._another(place)]
        own = self._known[place.key]
        if self.settings.source == "noisy":
            others = [self._known[other] for other in self._keys[:OTHERS] if other != place.key]
            return corrupt(own, self.settings.noise, self.settings.seed, others)
        return own

    def _another(self, place: Placed) -> str:
        """A question about another video, of which the same stages are known: drawn by the seed and the key.

        So each run draws the same one.
        """
        video = self._videos[place.key]
        digest = hashlib.sha256(f"{self.settings.seed} {place.key}".encode()).digest()
        start = int.from_bytes(digest[:8], "big") % len(self._keys)
        for other in self._keys[start:] + self._keys[:start]:
            if self._videos[other] != video and self._stage[other] >= place.stage:
                return other
        raise DataError(f"every question is about {video}, so there are no other video's CoTasks to shuffle in")


def with_context(item: Item, text: str) -> Item:
    """The item with a text before its question."""
    return replace(item, question=f"{text}\n\n{item.question}") if text else item
