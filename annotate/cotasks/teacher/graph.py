"""The steps of a run as a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from annotate.asking import Asker
from annotate.cotasks.teacher.config import TeacherCoTasks
from annotate.cotasks.teacher.events import Recounting
from annotate.cotasks.teacher.footage import Footage
from annotate.cotasks.teacher.moments import Locating
from annotate.cotasks.teacher.places import Tracking
from annotate.cotasks.teacher.relations import Relating
from annotate.cotasks.teacher.vocabulary import VOCABULARIES
from demitasse.engine.step import Step


def build_steps(config: TeacherCoTasks, askers: Mapping[str, Asker], footage: Footage) -> list[Step]:
    """The chosen steps, and before them the measuring of the videos. Step 4 runs beside 2 and 3."""
    chosen = {"media", *config.workflow.steps}
    words, vlm = VOCABULARIES[config.vocabulary], askers["vlm"]

    def after(*names: str) -> tuple[str, ...]:
        return tuple(name for name in names if name in chosen)

    steps: dict[str, Callable[[], Step]] = {
        "media": footage.step,
        "1": lambda: Locating(vlm, footage, words, config.max_key_frames, after("media")).step(),
        "2": lambda: Tracking(vlm, footage, after("media", "1")).step(),
        "3": lambda: Relating(vlm, footage, words, after("media", "1", "2")).step(),
        "4": lambda: Recounting(vlm, footage, words, after("media", "1")).step(),
    }
    return [build() for name, build in steps.items() if name in chosen]
