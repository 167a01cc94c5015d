"""The steps of a run as a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from annotate.asking import Asker
from annotate.referring.blind_grounding import BlindGrounding
from annotate.referring.config import Workflow
from annotate.referring.double_check import DoubleChecking
from annotate.referring.grounding import Grounding
from annotate.referring.regions import RegionDescribing
from annotate.referring.scene_caption import SceneCaptioning
from demitasse.engine.step import Step

if TYPE_CHECKING:
    from annotate.referring.pictures import Pictures


def build_steps(workflow: Workflow, askers: Mapping[str, Asker], pictures: Pictures) -> list[Step]:
    """The chosen steps in TAO's order, and before them the measuring of the images. Steps 0 and 1 run side by side.

    `askers` holds "vlm" and "checker" where a chosen step asks them; without a checker, vlm does step 3.
    """
    most = workflow.boxes_per_request
    chosen = {"media", *workflow.steps}

    def after(*names: str) -> tuple[str, ...]:
        return tuple(name for name in names if name in chosen)

    def describing() -> Step:
        return RegionDescribing(askers["vlm"], pictures, most, after("media")).step()

    def captioning() -> Step:
        return SceneCaptioning(askers["vlm"], pictures, after("media")).step()

    def grounding() -> Step:
        return Grounding(askers["vlm"], pictures, most, after("media", "0", "1")).step()

    def checking() -> Step:
        checker = askers["checker"] if "checker" in askers else askers["vlm"]
        return DoubleChecking(checker, pictures, most, after("media", "0", "2")).step()

    def blind_grounding() -> Step:
        return BlindGrounding(askers["checker"], pictures, most, after("media", "2", "3")).step()

    steps: dict[str, Callable[[], Step]] = {
        "media": pictures.step,
        "0": describing,
        "1": captioning,
        "2": grounding,
        "3": checking,
        "4": blind_grounding,
    }
    return [build() for name, build in steps.items() if name in chosen]
