"""What can be set where a teacher makes the CoTasks. Section `cotasks`; questions and videos stand at the top level."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from annotate.cotasks.teacher.vocabulary import VOCABULARIES
from annotate.endpoints import Endpoint
from annotate.run.spec import Experiment, list_problems
from demitasse.chat.attach import FRAME_PIXELS
from demitasse.chat.kinds import BOX_STYLES
from demitasse.config.setting import setting
from demitasse.cotasks.text import FORMS
from demitasse.dataset import DIALECTS
from demitasse.dataset.grounding import MAX_PIXELS, MIN_PIXELS
from demitasse.engine.cluster import Cluster

STEPS = ("1", "2", "3", "4")
SECTION = "cotasks"
SOURCE = "teacher"

# What a step cannot do without, from this run or an earlier one in the same folder.
NEEDS = {"2": ("1",), "3": ("1",), "4": ("1",)}


@dataclass
class Workflow:
    """What is done."""

    steps: list[str] = setting(
        list(STEPS),
        "1 moments and entities, 2 boxes, 3 spatial relations, 4 events; their order is fixed",
        choices=STEPS,
    )
    max_workers: int = setting(4, "requests in flight, over all steps", ge=1)
    force_reprocess: bool = setting(False, "true asks again, though the answers are there; a run cut off goes on")


@dataclass
class TeacherCoTasks:
    """The section `cotasks`."""

    vlm: Endpoint = setting(Endpoint(), "Who looks at the frames, in all steps")
    workflow: Workflow = setting(Workflow(), "What is done")
    frames: int = setting(
        32, "frames that are shown, evenly from the first to the last; the paper shows its models 64", ge=2
    )
    max_key_frames: int = setting(8, "moments that a question may need; the teacher is told, and held to it", ge=1)
    max_pixels: int = setting(FRAME_PIXELS, "of a frame as it is sent", ge=28 * 28)
    vocabulary: str = setting(
        "vidor",
        "which words it may use: VidOR's, so that it can be compared with annotation; open: any",
        choices=tuple(VOCABULARIES),
    )
    box_style: str = setting(
        "qwen_1000", "how the student that learns from the items writes boxes", choices=tuple(BOX_STYLES)
    )
    student_min_pixels: int = setting(MIN_PIXELS, "qwen2_5_vl_px: the student's bound for a frame", ge=1)
    student_max_pixels: int = setting(MAX_PIXELS, "qwen2_5_vl_px: the student's bound for a frame", ge=1)
    form: str = setting("json", "how the student writes CoTasks", choices=FORMS)
    license: str = setting("", "of the data that is written, such as CC-BY-4.0; stands in each items' file")
    description_extra: str = setting("", "added to the description in each items' file")
    prompts: str = setting("cotasks", "a pack's name or its .yaml file")
    dialect: str = setting("tao", "how options and answers are written", choices=DIALECTS)
    budget_usd: float | None = setting(None, "never spend more, earlier runs in the folder included", gt=0)
    prices: str = setting("", "a price table; empty: annotate/prices.yaml")
    executor: str = setting("local", "local: this process; ray: a Ray cluster", choices=("local", "ray"))
    ray: Cluster = setting(Cluster(), "Which cluster, and how much of it")


@dataclass
class Spec(Experiment):
    """A whole spec."""

    section_name: ClassVar[str] = SECTION

    source: str = setting(SOURCE, "whose CoTasks: this spec's are a teacher's", choices=(SOURCE,))
    questions: str = setting("", "a file of questions in NExT-QA's form: video, qid, question, answer, ...")
    videos: str = setting("", "the folder of the videos, named like the questions' video, in any subfolder")
    video_map: str = setting(
        "", "a JSON object from a question's video to its file's path without suffix; empty: by name"
    )
    cotasks: TeacherCoTasks = setting(TeacherCoTasks(), "From questions about videos to their CoTasks, by a teacher")
    autolabel_type: str = setting(SECTION, "which section is meant", choices=(SECTION,))

    @property
    def section(self) -> TeacherCoTasks:
        """The pipeline's own."""
        return self.cotasks

    def order_steps(self) -> None:
        """As they are numbered."""
        self.section.workflow.steps.sort(key=STEPS.index)

    def endpoints(self) -> dict[str, Endpoint]:
        """Those that the chosen steps ask, by name."""
        return {"vlm": self.section.vlm} if self.section.workflow.steps else {}

    def problems(self) -> Iterator[str]:
        """What no run can begin with, in one sentence each."""
        if not self.questions:
            yield "questions is not set: give a file of questions, questions=FILE"
        if not self.videos:
            yield "videos is not set: a teacher has to see the videos; give their folder, videos=DIR"
        yield from list_problems(f"{SECTION}.workflow", {"steps": self.section.workflow.steps})
