"""What can be set. Names, defaults and shape are TAO's, so that a TAO experiment spec runs unchanged.

Fields of ours are marked; what TAO's files carry and nobody reads (`long_video_*`) is accepted and said to be unused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotate.endpoints import Endpoint
from annotate.run import spec as run_spec
from annotate.run.spec import Experiment, asking_problems, given_in_vain, list_problems
from annotate.sections import refuse_other
from demitasse.chat.kinds import BOX_STYLES
from demitasse.config.setting import foreign, setting
from demitasse.dataset import DIALECTS
from demitasse.dataset.grounding import MAX_PIXELS, MIN_PIXELS
from demitasse.engine.cluster import Cluster
from demitasse.errors import ConfigError

STEPS = ("0", "1", "2", "3", "4")
SECTION = "image_referring_expression"

# What a step cannot do without, from this run, an earlier one in the same folder, or the annotations that it is given.
NEEDS = {"2": ("0",), "3": ("2",), "4": ("2",)}


@dataclass
class Workflow:
    """What is done."""

    steps: list[str] = setting(
        ["0", "1", "2", "3"],
        "0 descriptions of the boxes, 1 caption, 2 expressions with boxes, 3 a second look at them, 4 a second model "
        "finds each expression without being told its boxes; their order is fixed",
        choices=STEPS,
    )
    max_workers: int = setting(4, "requests in flight at each model, over all steps", ge=1)
    force_reprocess: bool = setting(False, "true asks again, though the answers are there; a run cut off goes on")
    output_format: str = setting(
        "jsonl",
        "jsonl writes annotations.jsonl, legacy TAO's text files in labels/, both writes both",
        choices=("jsonl", "legacy", "both"),
    )
    boxes_per_request: int = setting(40, "boxes that one request of steps 0 and 2 asks about at most", ge=1)  # ours
    min_box_px: float = setting(  # ours
        1, "boxes narrower or lower than this, in pixels of the image, are left out, each with its reason", ge=0
    )
    long_video_threshold_sec: Any = foreign()
    long_video_sample_fps: Any = foreign()
    long_video_max_frames: Any = foreign()


@dataclass
class Data:
    """What is annotated: a folder of images with KITTI labels, earlier annotations, or both."""

    image_dir: str = setting("", "a folder of images; with kitti_label_dir its labels, by the images' stems")
    kitti_label_dir: str = setting("", "a folder of KITTI labels, one .txt for each image")
    input_annotations_jsonl: str = setting("", "annotations of an earlier run to go on from, in the place of labels")
    skip_types: list[str] = setting(["DontCare"], "types whose boxes are not asked about")  # ours
    label_orientation: str = setting(  # ours
        "displayed",
        "what labels count in where EXIF turns an image: displayed, as it is seen; stored, as its pixels lie",
        choices=("displayed", "stored"),
    )


@dataclass
class ReferringExpression:
    """The section `image_referring_expression`."""

    vlm: Endpoint = setting(Endpoint(), "Who looks at the images: steps 0, 1 and 2, and step 3 without a checker")
    checker: Endpoint | None = setting(  # ours
        None, "who checks, in steps 3 and 4; its fields are those of vlm; null: vlm does step 3, and there is no step 4"
    )
    workflow: Workflow = setting(Workflow(), "What is done")
    data: Data = setting(Data(), "What is annotated")
    student_boxes: str = setting(  # ours
        "qwen_1000", "how the student that is to learn from the items writes boxes", choices=tuple(BOX_STYLES)
    )
    student_min_pixels: int = setting(MIN_PIXELS, "of an image as the student sees it", ge=1)  # ours
    student_max_pixels: int = setting(MAX_PIXELS, "of an image as the student sees it", ge=1)  # ours
    min_agreement: float = setting(  # ours
        0.0, "after step 4, expressions that the second model found with less IoU become no item", ge=0, le=1
    )
    license: str = setting("", "of the data that is written, such as CC-BY-4.0; stands in the items' file")  # ours
    description_extra: str = setting("", "added to the description in the items' file")  # ours
    prompts: str = setting("referring", "a pack's name or its .yaml file")  # ours
    dialect: str = setting("tao", "how answers are written", choices=DIALECTS)  # ours
    budget_usd: float | None = setting(None, "never spend more, earlier runs in the folder included", gt=0)  # ours
    prices: str = setting("", "a price table; empty: annotate/prices.yaml")  # ours
    executor: str = setting("local", "local: this process; ray: a Ray cluster", choices=("local", "ray"))  # ours
    ray: Cluster = setting(Cluster(), "Which cluster, and how much of it")  # ours


@dataclass
class Spec(Experiment):
    """A whole experiment spec."""

    image_referring_expression: ReferringExpression = setting(
        ReferringExpression(), "From images with boxes to expressions that refer to them"
    )
    autolabel_type: str = setting(SECTION, "what TAO's files say here", choices=(SECTION,))

    def unused(self) -> list[str]:
        """The keys that were given and mean nothing here."""
        workflow = given_in_vain(self.image_referring_expression.workflow)
        return [*given_in_vain(self), *(f"{SECTION}.workflow.{name}" for name in workflow)]


def read_spec(path: Path | None, overrides: Sequence[str]) -> Spec:
    """Read a TAO spec, or the `annotate:` section of a recipe, and hold its values to what can be done.

    Raises:
        ConfigError: as `read_config`, and for values that no run can begin with.
    """
    spec = read_draft(path, overrides)
    for problem in _problems(spec):
        raise ConfigError(problem)
    return spec


def read_endpoints(path: Path | None, overrides: Sequence[str]) -> dict[str, Endpoint]:
    """The endpoints that a spec's steps ask, by name. What does not concern them may still be missing.

    Raises:
        ConfigError: as `read_config`.
    """
    return needed_endpoints(read_draft(path, overrides).image_referring_expression)


def read_draft(path: Path | None, overrides: Sequence[str]) -> Spec:
    """A spec as far as it goes, its steps in order: what a run needs may still be missing.

    Raises:
        ConfigError: as `read_config`.
    """
    refuse_other(SECTION, path, overrides)
    spec = run_spec.read_draft(Spec, path, overrides)
    workflow = spec.image_referring_expression.workflow
    workflow.steps.sort(key=STEPS.index)
    return spec


def needed_endpoints(config: ReferringExpression) -> dict[str, Endpoint]:
    """The endpoints that the chosen steps ask, by name: no key is needed where none is asked."""
    steps = set(config.workflow.steps)
    needed = {}
    if steps & {"0", "1", "2"} or ("3" in steps and config.checker is None):
        needed["vlm"] = config.vlm
    if steps & {"3", "4"} and config.checker is not None:
        needed["checker"] = config.checker
    return needed


def _problems(spec: Spec) -> Iterator[str]:
    config, workflow = spec.image_referring_expression, spec.image_referring_expression.workflow
    if not spec.results_dir:
        yield "results_dir is not set: say where the results go, results_dir=DIR"
    if not config.data.image_dir and not config.data.input_annotations_jsonl:
        yield f"nothing to annotate: set {SECTION}.data.image_dir or {SECTION}.data.input_annotations_jsonl"
    if config.student_min_pixels > config.student_max_pixels:
        yield f"{SECTION}.student_min_pixels is more than student_max_pixels: give the student's own bounds"
    if workflow.steps or not config.data.input_annotations_jsonl:  # what is given can be taken as it is: [] asks nobody
        yield from list_problems(f"{SECTION}.workflow", {"steps": workflow.steps})
    if "4" in workflow.steps and config.checker is None:
        yield f"step 4 is for a second model to find what the first one described: set {SECTION}.checker"
    yield from asking_problems(SECTION, needed_endpoints(config), config.executor)
