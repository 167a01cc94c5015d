"""What can be set. Names, defaults and shape are TAO's, so that a TAO experiment spec runs unchanged.

Fields of ours are marked; what TAO's files carry and nobody reads (`long_video_*`) is accepted and said to be unused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from annotate.endpoints import Endpoint
from annotate.run.spec import Experiment, given_in_vain, list_problems
from demitasse.chat.kinds import BOX_STYLES
from demitasse.config.setting import foreign, setting
from demitasse.dataset import DIALECTS
from demitasse.dataset.grounding import MAX_PIXELS, MIN_PIXELS
from demitasse.engine.cluster import Cluster

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
    sample: int | None = setting(None, "only so many images, for a pilot; more of them hold the same", ge=1)  # ours
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

    section_name: ClassVar[str] = SECTION

    image_referring_expression: ReferringExpression = setting(
        ReferringExpression(), "From images with boxes to expressions that refer to them"
    )
    autolabel_type: str = setting(SECTION, "what TAO's files say here", choices=(SECTION,))

    @property
    def section(self) -> ReferringExpression:
        """The pipeline's own."""
        return self.image_referring_expression

    def order_steps(self) -> None:
        """As TAO runs them."""
        self.section.workflow.steps.sort(key=STEPS.index)

    def endpoints(self) -> dict[str, Endpoint]:
        """Those that the chosen steps ask, by name: no key is needed where none is asked."""
        config, steps = self.section, set(self.section.workflow.steps)
        needed = {}
        if steps & {"0", "1", "2"} or ("3" in steps and config.checker is None):
            needed["vlm"] = config.vlm
        if steps & {"3", "4"} and config.checker is not None:
            needed["checker"] = config.checker
        return needed

    def problems(self) -> Iterator[str]:
        """What no run can begin with, in one sentence each."""
        config, workflow, data = self.section, self.section.workflow, self.section.data
        if not data.image_dir and not data.input_annotations_jsonl:
            yield f"nothing to annotate: set {SECTION}.data.image_dir or {SECTION}.data.input_annotations_jsonl"
        if config.student_min_pixels > config.student_max_pixels:
            yield f"{SECTION}.student_min_pixels is more than student_max_pixels: give the student's own bounds"
        if workflow.steps or not data.input_annotations_jsonl:  # what is given can be taken as it is: [] asks nobody
            yield from list_problems(f"{SECTION}.workflow", {"steps": workflow.steps})
        if "4" in workflow.steps and config.checker is None:
            yield f"step 4 is for a second model to find what the first one described: set {SECTION}.checker"

    def unused(self) -> list[str]:
        """The keys that were given and mean nothing here."""
        workflow = given_in_vain(self.section.workflow)
        return [*given_in_vain(self), *(f"{SECTION}.workflow.{name}" for name in workflow)]
