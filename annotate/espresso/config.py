"""What can be set. VideoEspresso's own values stand as defaults where they were published; a comment says where not.

The settings of what is asked (questions, evidence, boxes, distractors, probe) are in `settings.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from annotate.endpoints import Endpoint
from annotate.espresso.settings import (
    BoxSettings,
    DistractorSettings,
    EvidenceSettings,
    ProbeSettings,
    QuestionSettings,
)
from annotate.run.spec import Experiment, list_problems
from annotate.video_reasoning.config import Data
from demitasse.chat.attach import FRAME_PIXELS
from demitasse.config.setting import setting
from demitasse.dataset import DIALECTS
from demitasse.embedding.config import EmbeddingConfig, embedding_problems
from demitasse.engine.cluster import Cluster

STEPS = ("1", "2", "3", "4", "5", "6", "7", "8", "9")
TEST_STEPS = ("8", "9")  # VideoEspresso's test set alone has options
SECTION = "video_espresso"

# What a step cannot do without, from this run or an earlier one in the same folder.
NEEDS = {
    "2": ("1",),
    "3": ("1", "2"),
    "4": ("1", "3"),
    "5": ("1", "3"),
    "6": ("1", "5"),
    "7": ("1", "5"),
    "8": ("1", "3", "5"),
    "9": ("3", "8"),
}


@dataclass
class Workflow:
    """What is done."""

    steps: list[str] = setting(
        list(STEPS),
        "1 frames and captions, 2 redundancy and groups, 3 questions, 4 filter, 5 evidence, 6 boxes, 7 captions found "
        "again in the video, 8 distractors, 9 text-only probe; their order is fixed, and 8 and 9 are for split test",
        choices=STEPS,
    )
    max_workers: int = setting(4, "requests in flight at each model, over all steps", ge=1)
    force_reprocess: bool = setting(False, "true asks again, though the answers are there; a run cut off goes on")


@dataclass
class FrameSettings:
    """Which frames are captioned, and how they are sent. VideoEspresso took 1 a second of still sources, 2 to 4 of
    moving ones; at another place its author says 1 for all."""

    fps: float = setting(1.0, "frames a second", gt=0)
    rates: dict[str, float] = setting(
        {},
        'other rates by pattern of the path under video_root, such as {"XD-Violence/*": 4}; the first that fits counts',
    )
    min_frames: int = setting(4, "of a video; a shorter one is looked at more often", ge=2)
    max_frames: int = setting(240, "of a video; a longer one is looked at more rarely, and evenly", ge=2)
    max_video_length_sec: float | None = setting(None, "longer videos are skipped; 0 or null: none", ge=0)
    max_pixels: int = setting(FRAME_PIXELS, "of a frame as it is sent", ge=28 * 28)


@dataclass
class Redundancy:
    """When a frame says nothing new."""

    similarity: float = setting(
        0.9,
        "cosine to the caption of the last kept frame from which a frame is dropped; VideoEspresso's is not published, "
        "and the value belongs to the embedding; 1 drops equal captions alone",
        gt=0,
        le=1,
    )


@dataclass
class Grouping:
    """Which frames are asked about together."""

    size: int = setting(
        15, "consecutive kept frames of a group at most, made as equal as can be; not published either", ge=2
    )


@dataclass
class Grounding:
    """When a chosen caption counts as found again."""

    margin: float = setting(
        0.05, "of cosine by which another frame's caption must be nearer than the chosen one's to disagree", ge=0, le=2
    )


@dataclass
class VideoEspresso:
    """The section `video_espresso`."""

    captioner: Endpoint = setting(Endpoint(), "Who looks at frames: step 1, and boxes where no detector is set")
    writer: Endpoint = setting(Endpoint(), "Who works on text alone: steps 3, 5 and 8; its fields are the captioner's")
    checker: Endpoint | None = setting(
        None, "who judges text, in steps 4 and 9; its fields are the captioner's; null: the writer"
    )
    detector: Endpoint | None = setting(
        None, "who finds boxes in step 6; its fields are the captioner's; null: the captioner"
    )
    workflow: Workflow = setting(Workflow(), "What is done")
    data: Data = setting(Data(), "What is annotated")
    split: str = setting("train", "train: open questions; test: with options too", choices=("train", "test"))
    frames: FrameSettings = setting(FrameSettings(), "Which frames are captioned")
    embedding: EmbeddingConfig = setting(EmbeddingConfig(), "How captions are compared")
    redundancy: Redundancy = setting(Redundancy(), "When a frame says nothing new")
    grouping: Grouping = setting(Grouping(), "Which frames are asked about together")
    questions: QuestionSettings = setting(QuestionSettings(), "Which questions are asked for")
    evidence: EvidenceSettings = setting(EvidenceSettings(), "What an answer is to be founded on")
    boxes: BoxSettings = setting(BoxSettings(), "Where key items are looked for, and who must agree")
    grounding: Grounding = setting(Grounding(), "When a chosen caption counts as found again")
    distractors: DistractorSettings = setting(DistractorSettings(), "Wrong options of split test")
    probe: ProbeSettings = setting(ProbeSettings(), "What can be answered without the video, of split test")
    license: str = setting("", "of the data that is written, such as CC-BY-4.0; stands in each items' file")
    description_extra: str = setting("", "added to the description in each items' file")
    prompts: str = setting("espresso", "a pack's name or its .yaml file")
    dialect: str = setting("tao", "how options and answers are written", choices=DIALECTS)
    budget_usd: float | None = setting(
        None, "never spend more, earlier runs in the folder included; embeddings are not counted", gt=0
    )
    prices: str = setting("", "a price table; empty: annotate/prices.yaml")
    executor: str = setting("local", "local: this process; ray: a Ray cluster", choices=("local", "ray"))
    ray: Cluster = setting(Cluster(), "Which cluster, and how much of it")


@dataclass
class Spec(Experiment):
    """A whole spec."""

    section_name: ClassVar[str] = SECTION

    video_espresso: VideoEspresso = setting(VideoEspresso(), "From videos to questions with core frames and evidence")
    autolabel_type: str = setting(SECTION, "which section is meant", choices=(SECTION,))

    @property
    def section(self) -> VideoEspresso:
        """The pipeline's own."""
        return self.video_espresso

    def order_steps(self) -> None:
        """As they are numbered, without those that are for another split."""
        workflow = self.section.workflow
        wanted = [step for step in steps_for(self.section.split) if step in workflow.steps]
        if wanted:  # asked for nothing else, those of another split are refused, by name
            workflow.steps = wanted

    def endpoints(self) -> dict[str, Endpoint]:
        """Those that the chosen steps ask, by name: no key is needed where none is asked."""
        config, boxes, steps = self.section, self.section.boxes, set(self.section.workflow.steps)
        captioner_finds = config.detector is None and not boxes.service
        needed: dict[str, Endpoint] = {}
        if "1" in steps or ("6" in steps and (captioner_finds or boxes.min_agreement > 0)):
            needed["captioner"] = config.captioner
        if steps & {"3", "5", "8"} or (steps & {"4", "9"} and config.checker is None):
            needed["writer"] = config.writer
        if steps & {"4", "9"} and config.checker is not None:
            needed["checker"] = config.checker
        if "6" in steps and config.detector is not None and not boxes.service:
            needed["detector"] = config.detector
        return needed

    def problems(self) -> Iterator[str]:
        """What no run can begin with, in one sentence each."""
        config, workflow, frames = self.section, self.section.workflow, self.section.frames
        if config.split == "train" and set(TEST_STEPS) & set(workflow.steps):
            yield f"steps {' and '.join(TEST_STEPS)} are for options: set {SECTION}.split=test"
        if not config.data.video_root and not config.data.input_jsonl_files:
            yield f"nothing to annotate: set {SECTION}.data.video_root or {SECTION}.data.input_jsonl_files"
        yield from list_problems(f"{SECTION}.workflow", {"steps": workflow.steps})
        yield from list_problems(f"{SECTION}.questions", {"tasks": config.questions.tasks})
        for pattern, rate in frames.rates.items():
            if not 0 < rate < math.inf:
                yield f"{SECTION}.frames.rates['{pattern}'] is {rate:g}: give frames a second, more than 0"
        if frames.min_frames > frames.max_frames:
            yield f"{SECTION}.frames.min_frames is more than max_frames: give the smaller number first"
        if config.evidence.min_core_frames > config.evidence.max_core_frames:
            yield f"{SECTION}.evidence.min_core_frames is more than max_core_frames: give the smaller number first"
        if config.detector is not None and config.boxes.service:
            yield f"{SECTION}.detector and {SECTION}.boxes.service are both set: name one, and leave the other out"
        if compares(config):
            yield from embedding_problems(f"{SECTION}.embedding", config.embedding)


def steps_for(split: str) -> list[str]:
    """The steps that there are for a split."""
    return [step for step in STEPS if split == "test" or step not in TEST_STEPS]


def compares(config: VideoEspresso) -> bool:
    """Whether a chosen step compares texts."""
    return bool({"2", "7"} & set(config.workflow.steps))
