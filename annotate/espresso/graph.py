"""The steps of a run as a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from annotate.asking import Asker
from annotate.espresso.captions import Captioning
from annotate.espresso.config import VideoEspresso
from annotate.espresso.distractors import DistractorWriting
from annotate.espresso.evidence import EvidenceWriting
from annotate.espresso.filter import Filtering
from annotate.espresso.grounding import TemporalGrounding
from annotate.espresso.groups import Thinning
from annotate.espresso.key_item_boxes import boxing
from annotate.espresso.probe import Probing
from annotate.espresso.questions import Questioning
from demitasse.embedding.embedder import Embedder
from demitasse.engine.step import Step

if TYPE_CHECKING:
    from annotate.espresso.frames import Frames


def build_steps(config: VideoEspresso, askers: Mapping[str, Asker], frames: Frames, embedder: Embedder) -> list[Step]:
    """The chosen steps, and before them the measuring of the videos. Steps 6, 7 and 8 run side by side.

    `askers` holds those of `Spec.endpoints`; without a checker the writer judges.
    """
    chosen = {"media", *config.workflow.steps}
    checker = askers.get("checker", askers.get("writer"))

    def after(*names: str) -> tuple[str, ...]:
        return tuple(name for name in names if name in chosen)

    def captioning() -> Step:
        return Captioning(askers["captioner"], frames, after("media")).step()

    def thinning() -> Step:
        return Thinning(embedder, config.redundancy.similarity, config.grouping.size, after("1")).step()

    def questioning() -> Step:
        return Questioning(askers["writer"], config.questions, after("1", "2")).step()

    def filtering() -> Step:
        assert checker is not None
        return Filtering(checker, after("1", "2", "3")).step()

    def evidence_writing() -> Step:
        return EvidenceWriting(askers["writer"], config.evidence, after("1", "2", "3", "4")).step()

    def box_finding() -> Step:
        return boxing(askers, frames, config.boxes, after("media", "1", "5")).step()

    def grounding() -> Step:
        return TemporalGrounding(embedder, config.grounding.margin, after("1", "5")).step()

    def distractor_writing() -> Step:
        return DistractorWriting(askers["writer"], config.distractors, after("1", "3", "4", "5")).step()

    def probing() -> Step:
        assert checker is not None
        return Probing(checker, config.probe, after("3", "4", "5", "8")).step()

    steps: dict[str, Callable[[], Step]] = {
        "media": frames.step,
        "1": captioning,
        "2": thinning,
        "3": questioning,
        "4": filtering,
        "5": evidence_writing,
        "6": box_finding,
        "7": grounding,
        "8": distractor_writing,
        "9": probing,
    }
    return [build() for name, build in steps.items() if name in chosen]
