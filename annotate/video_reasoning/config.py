"""What can be set. Names, defaults and shape are TAO's, so that a TAO experiment spec runs unchanged.

Fields of ours are marked; a value whose behaviour is not there yet is refused, never ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from annotate.endpoints import Endpoint
from annotate.run.spec import Experiment, list_problems
from annotate.video_reasoning.prompt_keys import QA_TYPES
from demitasse.config.setting import setting
from demitasse.dataset import DIALECTS
from demitasse.engine.cluster import Cluster

STEPS = ("0", "1a", "1b", "1c", "2", "3", "4")
SECTION = "video_reasoning_annotation"
Mode = Literal["auto", "anomaly", "normal"]

# What a step cannot do without, from this run or an earlier one in the same folder.
NEEDS = {"1b": ("1a",), "1c": ("1a",), "2": ("1a",), "3": ("1a", "2"), "4": ("3",)}


@dataclass
class Workflow:
    """What is done. Lengths and times in seconds."""

    steps: list[str] = setting(
        list(STEPS),
        "0 filter and classify, 1a captions, 1b captions of windows, 1c a close look at the critical moment, "
        "2 description, 3 questions, 4 task files; their order is fixed, and mode auto adds 0 and 1c where needed",
        choices=STEPS,
    )
    mode: Mode = setting("auto", "auto has step 0 classify each video; otherwise all videos are of this kind")
    max_workers: int = setting(4, "requests in flight at each model, over all steps", ge=1)
    max_video_length_sec: float | None = setting(300, "longer videos are skipped; 0 or null: none", ge=0)
    chunk_duration_options: list[float] = setting(
        [5, 10, 15, 20, 30], "lengths of a window: the shortest one that gives no more than max_chunks is taken", gt=0
    )
    max_chunks: int = setting(10, "windows of a video; what is too long for every option is cut into so many", ge=1)
    highlight_before_sec: float = setting(3.0, "shown before the critical moment", ge=0)
    highlight_after_sec: float = setting(3.0, "shown after it", ge=0)
    long_video_threshold_sec: float = setting(60, "longer videos are shown as frames with their times", ge=0)
    long_video_sample_fps: float = setting(0.5, "frames a second of such a video", gt=0)
    long_video_max_frames: int = setting(60, "and no more of them than this", ge=1)
    qa_types: list[str] = setting(
        list(QA_TYPES), "what is asked about; mcq and bcq make two task files each", choices=QA_TYPES
    )


@dataclass
class Data:
    """What is annotated: a folder of videos, lines `{"video_path": ...}`, or both."""

    video_root: str = setting("", "a folder, walked with all its subfolders: .mp4 .avi .mov .mkv")
    input_jsonl_files: list[str] = setting([], 'files of lines {"video_path": ...}, instead of a folder or besides')
    filter_field: str | None = setting(None, "only lines in which this field is true")
    sample: int | None = setting(None, "only so many videos, for a pilot; more of them hold the same", ge=1)  # ours


@dataclass
class VideoReasoning:
    """The section `video_reasoning_annotation`."""

    vlm: Endpoint = setting(Endpoint(), "Who watches the videos: steps 0, 1a, 1b and the close look of 1c")
    llm: Endpoint = setting(Endpoint(), "Who works on text alone: steps 1c, 2 and 3; its fields are those of vlm")
    workflow: Workflow = setting(Workflow(), "What is done; lengths and times in seconds")
    data: Data = setting(Data(), "What is annotated")
    license: str = setting("", "of the data that is written, such as CC-BY-4.0; stands in each task file")
    description_extra: str = setting("", "added to the description in each task file")
    prompts_module: str = setting("", "instead of prompts: a Python module with PROMPT_TEMPLATES, or its .py file")
    prompts: str = setting("general", "a pack's name (general, traffic, warehouse) or its .yaml file")  # ours
    dialect: str = setting("tao", "how options and answers are written", choices=DIALECTS)  # ours
    budget_usd: float | None = setting(None, "never spend more, earlier runs in the folder included", gt=0)  # ours
    prices: str = setting("", "a price table; empty: annotate/prices.yaml")  # ours
    executor: str = setting("local", "local: this process; ray: a Ray cluster", choices=("local", "ray"))  # ours
    ray: Cluster = setting(Cluster(), "Which cluster, and how much of it")  # ours


@dataclass
class Spec(Experiment):
    """A whole experiment spec."""

    section_name: ClassVar[str] = SECTION

    video_reasoning_annotation: VideoReasoning = setting(VideoReasoning(), "From videos to questions with reasoning")
    autolabel_type: str = setting(SECTION, "what TAO's files say here", choices=(SECTION,))

    @property
    def section(self) -> VideoReasoning:
        """The pipeline's own."""
        return self.video_reasoning_annotation

    def order_steps(self) -> None:
        """In mode auto TAO adds step 0, which names the mode, and step 1c where 1b is asked for; order is fixed."""
        workflow = self.section.workflow
        brought = {"1a": "0", "1b": "1c"} if workflow.mode == "auto" else {}
        added = {brought[step] for step in workflow.steps if step in brought} - set(workflow.steps)
        workflow.steps = sorted([*workflow.steps, *added], key=STEPS.index)

    def endpoints(self) -> dict[str, Endpoint]:
        """Those that the chosen steps ask, by name: none for step 4 alone, no key needed where none is asked."""
        steps = set(self.section.workflow.steps)
        needed = {"vlm": {"0", "1a", "1b", "1c"}, "llm": {"1c", "2", "3"}}
        return {name: getattr(self.section, name) for name, asking in needed.items() if steps & asking}

    def problems(self) -> Iterator[str]:
        """What no run can begin with, in one sentence each."""
        config, workflow = self.section, self.section.workflow
        if not config.data.video_root and not config.data.input_jsonl_files:
            yield f"nothing to annotate: set {SECTION}.data.video_root or {SECTION}.data.input_jsonl_files"
        if config.prompts_module and config.prompts != VideoReasoning.prompts:
            yield f"{SECTION}.prompts and {SECTION}.prompts_module are both set: name one, and leave the other out"
        yield from list_problems(f"{SECTION}.workflow", {"steps": workflow.steps, "qa_types": workflow.qa_types})
        if not workflow.chunk_duration_options:
            yield f"{SECTION}.workflow.chunk_duration_options is empty: give at least one length in seconds"
