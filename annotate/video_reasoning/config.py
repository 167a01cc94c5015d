"""What can be set. Names, defaults and shape are TAO's, so that a TAO experiment spec runs unchanged.

Fields of ours are marked; a value whose behaviour is not there yet is refused, never ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from annotate.endpoints import Endpoint
from annotate.run import spec as run_spec
from annotate.run.spec import Experiment, asking_problems, list_problems
from annotate.sections import refuse_other
from annotate.video_reasoning.prompt_keys import QA_TYPES
from demitasse.config.setting import setting
from demitasse.dataset import DIALECTS
from demitasse.engine.cluster import Cluster
from demitasse.errors import ConfigError

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

    video_reasoning_annotation: VideoReasoning = setting(VideoReasoning(), "From videos to questions with reasoning")
    autolabel_type: str = setting(SECTION, "what TAO's files say here", choices=(SECTION,))


def read_spec(path: Path | None, overrides: Sequence[str]) -> Spec:
    """Read a TAO spec, or the `annotate:` section of a recipe, and hold its values to what can be done.

    Raises:
        ConfigError: as `read_config`, and for a value that no behaviour stands behind.
    """
    spec = read_draft(path, overrides)
    for problem in _problems(spec):
        raise ConfigError(problem)
    _complete_steps(spec.video_reasoning_annotation.workflow)
    return spec


def read_endpoints(path: Path | None, overrides: Sequence[str]) -> dict[str, Endpoint]:
    """The endpoints that a spec's steps ask, by name. What does not concern them may still be missing.

    Raises:
        ConfigError: as `read_config`.
    """
    config = read_draft(path, overrides).video_reasoning_annotation
    _complete_steps(config.workflow)
    return needed_endpoints(config)


def read_draft(path: Path | None, overrides: Sequence[str]) -> Spec:
    """A spec as far as it goes: what a run needs may still be missing.

    Raises:
        ConfigError: as `read_config`.
    """
    refuse_other(SECTION, path, overrides)
    return run_spec.read_draft(Spec, path, overrides)


def _problems(spec: Spec) -> Iterator[str]:
    config, workflow = spec.video_reasoning_annotation, spec.video_reasoning_annotation.workflow
    if not spec.results_dir:
        yield "results_dir is not set: say where the results go, results_dir=DIR"
    if not config.data.video_root and not config.data.input_jsonl_files:
        yield f"nothing to annotate: set {SECTION}.data.video_root or {SECTION}.data.input_jsonl_files"
    if config.prompts_module and config.prompts != VideoReasoning.prompts:
        yield f"{SECTION}.prompts and {SECTION}.prompts_module are both set: name one, and leave the other out"
    yield from list_problems(f"{SECTION}.workflow", {"steps": workflow.steps, "qa_types": workflow.qa_types})
    if not workflow.chunk_duration_options:
        yield f"{SECTION}.workflow.chunk_duration_options is empty: give at least one length in seconds"
    yield from asking_problems(SECTION, needed_endpoints(config), config.executor)


def needed_endpoints(config: VideoReasoning) -> dict[str, Endpoint]:
    """The endpoints that the chosen steps ask, by name: none for step 4 alone, no key needed where none is asked."""
    steps = set(config.workflow.steps)
    needed = {"vlm": {"0", "1a", "1b", "1c"}, "llm": {"1c", "2", "3"}}
    return {name: getattr(config, name) for name, asking in needed.items() if steps & asking}


def _complete_steps(workflow: Workflow) -> None:
    """In mode auto TAO adds step 0, which names the mode, and step 1c where 1b is asked for; order is fixed."""
    chosen = set(workflow.steps)
    if workflow.mode == "auto" and "1a" in chosen:
        chosen.add("0")
    if workflow.mode == "auto" and "1b" in chosen:
        chosen.add("1c")
    workflow.steps = [step for step in STEPS if step in chosen]
