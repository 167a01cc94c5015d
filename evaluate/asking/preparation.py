"""What `predict` puts before and beside the items' questions: CoTasks, evidence, chosen frames.

An item keeps its id and its row in `items.jsonl` however it is asked, so that the arms of an experiment stay paired.
What makes the difference is in the settings of `run.json`, other runs by the hash of what they said.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from demitasse.dataset import Item, TaskFile
from demitasse.dataset.item_id import id_of
from demitasse.dataset.shown_frames import with_shown_frames
from demitasse.errors import ConfigError, DataError
from demitasse.media.probe import content_hash
from demitasse.selector.selections import SELECTIONS, read_selections
from demitasse.student.cotask_context import ContextSettings, CotaskContext, read_predicted, read_stages
from demitasse.student.modes import by_letters, with_generated_evidence
from demitasse.student.replies import PREDICTIONS, read_replies
from evaluate.metric import MCQ, metric_of
from evaluate.records import Json


@dataclass(frozen=True, slots=True)
class Asking:
    """How the items are asked, besides the student's own settings.

    Attributes:
        context: the CoTasks before each question.
        cotasks_from: runs whose replies are the CoTasks, for source `predicted`.
        evidence_from: a run whose replies are the evidence to answer from; None for the items' own.
        selected: a folder of chosen frames.
        letters: multiple choice is answered by the options' letters.
    """

    context: ContextSettings = field(default_factory=ContextSettings)
    cotasks_from: tuple[Path, ...] = ()
    evidence_from: Path | None = None
    selected: Path | None = None
    letters: bool = False

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            ConfigError: naming the arguments.
        """
        source, stages = self.context.source, self.context.stages
        faults = {
            f"--cotasks-source {source} changes nothing without --cotasks": source != "oracle" and not stages,
            "--leak-guard changes nothing without --cotasks": self.context.masks and not stages,
            "--noise and --cotasks-source noisy need one another": bool(self.context.noise) != (source == "noisy"),
            "--cotasks-from and --cotasks-source predicted need one another": (
                bool(self.cotasks_from) != (source == "predicted")
            ),
        }
        for fault, is_so in faults.items():
            if is_so:
                raise ConfigError(fault)

    def record(self) -> Json:
        """All of it as JSON: what decides the answers besides the student's settings.

        Raises:
            DataError: if a named run holds nothing.
        """
        context = self.context
        return {
            "cotasks": "".join(map(str, context.stages)),
            "cotasks_source": context.source if context.stages else "",
            "cotasks_from": [content_hash(run / PREDICTIONS) for run in self.cotasks_from],
            "noise": {f"t{stage}": level for stage, level in sorted(context.noise.items())},
            "cotasks_seed": context.seed,
            "leak_guard": "mask" if context.masks else "",
            "evidence_from": content_hash(self.evidence_from / PREDICTIONS) if self.evidence_from else "",
            "selected": content_hash(self.selected / SELECTIONS) if self.selected else "",
        }


def asking_of(args: argparse.Namespace) -> Asking:
    """What the arguments of `demitasse predict` say.

    Raises:
        ConfigError: if they contradict one another.
    """
    if args.evidence_from and args.mode != "answer_from_evidence":
        raise ConfigError("--evidence-from changes nothing without --mode answer_from_evidence")
    noise = read_noise(args.noise)
    stages, masks = read_stages(args.cotasks), args.leak_guard == "mask"
    context = ContextSettings(stages, args.cotasks_source, noise, args.cotasks_seed, masks)
    return Asking(context, tuple(args.cotasks_from), args.evidence_from, args.selected, args.mcq == "letters")


def read_noise(words: Sequence[str]) -> dict[int, float]:
    """`t1=0.25 t3=0.5` as levels by stage.

    Raises:
        ConfigError: for another word, a stage that is there twice, or a level that is not from 0 to 1.
    """
    levels: dict[int, float] = {}
    for word in words:
        match = re.fullmatch(r"t([1-4])=(\d*\.?\d+)", word)
        if match is None or float(match[2]) > 1 or int(match[1]) in levels:
            raise ConfigError(f"--noise {word}: write each CoTask's level once, from 0 to 1: t1=0.25 t3=0.5")
        levels[int(match[1])] = float(match[2])
    return levels


class Preparation:
    """Turns an item of a task into the item that is shown and asked."""

    def __init__(self, asking: Asking, files: Sequence[TaskFile]) -> None:
        said = read_predicted(asking.cotasks_from) if asking.cotasks_from else None
        pool = [item for file in files for item in file.items]
        self._context = CotaskContext(asking.context, pool, said)
        self._evidence = (
            {reply.item_id: reply.text for reply in read_replies(asking.evidence_from)}
            if asking.evidence_from
            else None
        )
        self._silent = 0
        self._selected = read_selections(asking.selected) if asking.selected else None
        self._letters = asking.letters

    def __call__(self, item: Item, task: str) -> Item:
        """The item as it is shown and asked.

        Raises:
            DataError: if it has no CoTasks, chosen frames or options, and is to be asked with them.
        """
        put = item if self._selected is None else self._chosen(item, id_of(item, task))
        if self._evidence is not None:
            said = self._evidence.get(id_of(item, task), "")
            self._silent += not said
            put = with_generated_evidence(put, said)
        put = self._context.add(put)
        return by_letters(put) if self._letters and metric_of(task) is MCQ else put

    def _chosen(self, item: Item, item_id: str) -> Item:
        selections = self._selected or {}
        if item_id not in selections:
            raise DataError("no frames were chosen for this item; the selection's left_out.jsonl may say why")
        return with_shown_frames(item, selections[item_id].times)

    @property
    def missing(self) -> dict[str, int]:
        """What nobody had said, and the items were asked without, by kind; only what is missing."""
        counts = {f"cotask_{stage}": count for stage, count in sorted(self._context.missing.items())}
        return counts | ({"evidence": self._silent} if self._silent else {})
