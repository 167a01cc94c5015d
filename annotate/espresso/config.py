"""What can be set. VideoEspresso's own values stand as defaults where they were published; a comment says where not.

The settings of what is asked (questions, evidence, boxes, distractors, probe) are in `settings.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from annotate.endpoints import Endpoint
from annotate.espresso.settings import (
    BoxSettings,
    DistractorSettings,
    EvidenceSettings,
    ProbeSettings,
    QuestionSettings,
)
from annotate.run import spec as run_spec
from annotate.run.spec import Experiment, asking_problems, list_problems
from annotate.sections import refuse_other
from annotate.video_reasoning.config import Data
from demitasse.chat.attach import FRAME_PIXELS
from demitasse.config.setting import setting
from demitasse.dataset import DIALECTS
from demitasse.embedding.config import EmbeddingConfig, embedding_problems
from demitasse.engine.cluster import Cluster
from demitasse.errors import ConfigError

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

    video_espresso: VideoEspresso = setting(VideoEspresso(), "From videos to questions with core frames and evidence")
    autolabel_type: str = setting(SECTION, "which section is meant", choices=(SECTION,))


def read_spec(path: Path | None, overrides: Sequence[str]) -> Spec:
    """Read a spec, or the `annotate:` section of a recipe, and hold its values to what can be done.

    Raises:
        ConfigError: as `read_config`, and for values that no run can begin with.
    """
    spec = read_draft(path, overrides)
    _complete_steps(spec.video_espresso)
    for problem in _problems(spec):
        raise ConfigError(problem)
    return spec


def read_endpoints(path: Path | None, overrides: Sequence[str]) -> dict[str, Endpoint]:
    """The endpoints that a spec's steps ask, by name. What does not concern them may still be missing.

    Raises:
        ConfigError: as `read_config`.
    """
    config = read_draft(path, overrides).video_espresso
    _complete_steps(config)
    return needed_endpoints(config)


def read_draft(path: Path | None, overrides: Sequence[str]) -> Spec:
    """A spec as far as it goes: what a run needs may still be missing.

    Raises:
        ConfigError: as `read_config`.
    """
    refuse_other(SECTION, path, overrides)
    return run_spec.read_draft(Spec, path, overrides)


def needed_endpoints(config: VideoEspresso) -> dict[str, Endpoint]:
    """The endpoints that the chosen steps ask, by name: no key is needed where none is asked."""
    steps, boxes = set(config.workflow.steps), config.boxes
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


def steps_of(split: str) -> list[str]:
    """The steps that there are for a split."""
    return [step for step in STEPS if split == "test" or step not in TEST_STEPS]


def compares(config: VideoEspresso) -> bool:
    """Whether a chosen step compares texts."""
    return bool({"2", "7"} & set(config.workflow.steps))


def _problems(spec: Spec) -> Iterator[str]:
    config, workflow, frames = spec.video_espresso, spec.video_espresso.workflow, spec.video_espresso.frames
    if config.split == "train" and set(TEST_STEPS) & set(workflow.steps):
        yield f"steps {' and '.join(TEST_STEPS)} are for options: set {SECTION}.split=test"
    if not spec.results_dir:
        yield "results_dir is not set: say where the results go, results_dir=DIR"
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
    yield from asking_problems(SECTION, needed_endpoints(config), config.executor)


def _complete_steps(config: VideoEspresso) -> None:
    """In their order, without those that are for another split."""
    wanted = [step for step in steps_of(config.split) if step in config.workflow.steps]
    if wanted:  # asked for nothing else, those of another split are refused, by name
        config.workflow.steps = wanted
