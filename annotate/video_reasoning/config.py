"""What can be set. Names, defaults and shape are TAO's, so that a TAO experiment spec runs unchanged.

Fields of ours are marked; a value whose behaviour is not there yet is refused, never ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from annotate.video_reasoning.prompt_keys import QA_TYPES
from demitasse.config import read_config
from demitasse.config.source import read_file
from demitasse.dataset import DIALECTS
from demitasse.errors import ConfigError

STEPS = ("0", "1a", "1b", "1c", "2", "3", "4")
SECTION = "video_reasoning_annotation"
Mode = Literal["auto", "anomaly", "normal"]

# What a step cannot do without, from this run or an earlier one in the same folder.
NEEDS = {"1b": ("1a",), "1c": ("1a",), "2": ("1a",), "3": ("1a", "2"), "4": ("3",)}


def _choices(*names: str) -> dict[str, Any]:
    return {"choices": names}


@dataclass
class Gemini:
    """The native Gemini endpoint: TAO's fields, so that its specs are read; it cannot be chosen yet."""

    api_key: str = field(default="", metadata={"secret": True})
    model: str = "gemini-3.1-flash-lite-preview"
    media_resolution: str = "MEDIA_RESOLUTION_LOW"
    temperature: float = 0.3
    max_output_tokens: int = 8192
    timeout: float = 120


@dataclass
class OpenAI:
    """An endpoint that speaks the OpenAI chat protocol. `timeout` in seconds."""

    api_key: str = field(default="", metadata={"secret": True})
    base_url: str = ""
    model_name: str = ""
    temperature: float = field(default=0.7, metadata={"ge": 0})
    max_tokens: int = field(default=4096, metadata={"ge": 1})
    timeout: float = field(default=60, metadata={"gt": 0})
    video: bool | None = None  # ours: takes whole files, or frames with their times; null: files, but not OpenAI's own
    json_schema: bool = True  # ours: takes a schema for the reply; false asks for labelled text


@dataclass
class Endpoint:
    """Who is asked. `scripted` (ours) is the stand-in that knows only the toy world."""

    backend: str = field(default="gemini", metadata=_choices("gemini", "openai", "scripted"))
    gemini: Gemini = field(default_factory=Gemini)
    openai: OpenAI = field(default_factory=OpenAI)


@dataclass
class Workflow:
    """What is done. Lengths and times in seconds."""

    steps: list[str] = field(default_factory=lambda: list(STEPS), metadata=_choices(*STEPS))
    mode: Mode = "auto"
    max_workers: int = field(default=4, metadata={"ge": 1})  # requests in flight at each model, over all steps
    max_video_length_sec: float | None = field(default=300, metadata={"ge": 0})  # 0 or null: no limit
    chunk_duration_options: list[float] = field(default_factory=lambda: [5, 10, 15, 20, 30], metadata={"gt": 0})
    max_chunks: int = field(default=10, metadata={"ge": 1})
    highlight_before_sec: float = field(default=3.0, metadata={"ge": 0})
    highlight_after_sec: float = field(default=3.0, metadata={"ge": 0})
    long_video_threshold_sec: float = field(default=60, metadata={"ge": 0})
    long_video_sample_fps: float = field(default=0.5, metadata={"gt": 0})
    long_video_max_frames: int = field(default=60, metadata={"ge": 1})
    qa_types: list[str] = field(default_factory=lambda: list(QA_TYPES), metadata=_choices(*QA_TYPES))


@dataclass
class Data:
    """What is annotated: a folder of videos, lines `{"video_path": ...}`, or both."""

    video_root: str = ""
    input_jsonl_files: list[str] = field(default_factory=list)
    filter_field: str | None = None


@dataclass
class VideoReasoning:
    """The section `video_reasoning_annotation`."""

    vlm: Endpoint = field(default_factory=Endpoint)
    llm: Endpoint = field(default_factory=Endpoint)
    workflow: Workflow = field(default_factory=Workflow)
    data: Data = field(default_factory=Data)
    license: str = ""
    description_extra: str = ""
    prompts_module: str = ""
    prompts: str = "general"  # ours: a pack's name or its .yaml file
    dialect: str = field(default="tao", metadata=_choices(*DIALECTS))  # ours: how items are written


@dataclass
class Spec:
    """A whole experiment spec. The fields after the second mean nothing to this pipeline: TAO's files carry them."""

    results_dir: str = ""
    video_reasoning_annotation: VideoReasoning = field(default_factory=VideoReasoning)
    autolabel_type: str = field(default=SECTION, metadata=_choices(SECTION))
    gpu_ids: Any = None
    num_gpus: Any = None
    batch_size: Any = None
    num_workers: Any = None
    encryption_key: Any = None
    wandb: Any = None
    mal: Any = None
    grounding_dino: Any = None
    image_grounding: Any = None
    image_referring_expression: Any = None

    def unused(self) -> list[str]:
        """The keys that were given and mean nothing here."""
        return [one.name for one in fields(self)[3:] if getattr(self, one.name) is not None]


def read_spec(path: Path | None, overrides: Sequence[str]) -> Spec:
    """Read a TAO spec, or the `annotate:` section of a recipe, and hold its values to what can be done.

    Raises:
        ConfigError: as `read_config`, and for a value that no behaviour stands behind.
    """
    section = "annotate" if path is not None and "annotate" in read_file(path).content else None
    spec = read_config(Spec, path, overrides, section)
    for problem in _problems(spec):
        raise ConfigError(problem)
    _complete_steps(spec.video_reasoning_annotation.workflow)
    return spec


def _problems(spec: Spec) -> Iterator[str]:
    config, workflow = spec.video_reasoning_annotation, spec.video_reasoning_annotation.workflow
    if not spec.results_dir:
        yield "results_dir is not set: say where the results go, results_dir=DIR"
    if not config.data.video_root and not config.data.input_jsonl_files:
        yield f"nothing to annotate: set {SECTION}.data.video_root or {SECTION}.data.input_jsonl_files"
    if config.prompts_module:
        yield (
            f"{SECTION}.prompts_module is '{config.prompts_module}', but prompts in Python are not read yet; "
            f"use {SECTION}.prompts with the name or .yaml file of a pack"
        )
    for name, chosen in (("steps", workflow.steps), ("qa_types", workflow.qa_types)):
        if not chosen:
            yield f"{SECTION}.workflow.{name} is empty: name at least one"
        if len(set(chosen)) < len(chosen):
            yield f"{SECTION}.workflow.{name} names one twice: {', '.join(chosen)}"
    if not workflow.chunk_duration_options:
        yield f"{SECTION}.workflow.chunk_duration_options is empty: give at least one length in seconds"
    for name, endpoint in needed_endpoints(config).items():
        yield from _endpoint_problems(f"{SECTION}.{name}", endpoint)


def _endpoint_problems(key: str, endpoint: Endpoint) -> Iterator[str]:
    if endpoint.backend == "gemini":
        yield (
            f"{key}.backend is 'gemini', TAO's default, which cannot be used yet; set {key}.backend=openai with "
            f"{key}.openai.base_url and {key}.openai.model_name (Gemini has an OpenAI-compatible address too)"
        )
    if endpoint.backend == "openai" and not endpoint.openai.model_name:
        yield f"{key}.openai.model_name is not set: name the model to ask"


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
