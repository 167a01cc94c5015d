"""The steps of a run as a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from annotate.asking import Asker
from annotate.video_reasoning.captions import Captioning
from annotate.video_reasoning.chunks import ChunkCaptioning
from annotate.video_reasoning.config import Workflow
from annotate.video_reasoning.describe import Describing
from annotate.video_reasoning.filter import Filtering
from annotate.video_reasoning.footage import Footage
from annotate.video_reasoning.highlight import Highlighting
from annotate.video_reasoning.questions import Questioning
from demitasse.engine.step import Step

SHOWS_FOOTAGE = {"0", "1a", "1b", "1c"}


def build_steps(workflow: Workflow, askers: Mapping[str, Asker], footage: Footage) -> list[Step]:
    """The chosen steps in TAO's order, and before them the measuring of the files where footage is shown.

    `askers` holds "vlm" and "llm" where a chosen step asks them.
    """
    chosen = set(workflow.steps)
    if chosen & SHOWS_FOOTAGE:
        chosen.add("media")

    def after(*names: str) -> tuple[str, ...]:
        return tuple(name for name in names if name in chosen)

    def filtering() -> Step:
        return Filtering(askers["vlm"], footage, workflow.mode).step()

    def captioning() -> Step:
        return Captioning(askers["vlm"], footage, workflow.mode, after("media", "0")).step()

    def chunk_captioning() -> Step:
        windows = (tuple(workflow.chunk_duration_options), workflow.max_chunks)
        return ChunkCaptioning(askers["vlm"], footage, *windows, after("media", "1a")).step()

    def highlighting() -> Step:
        span = (workflow.highlight_before_sec, workflow.highlight_after_sec)
        return Highlighting(askers["vlm"], askers["llm"], footage, *span, after("media", "1a", "1b")).step()

    def describing() -> Step:
        return Describing(askers["llm"], after("1a", "1b", "1c")).step()

    steps: dict[str, Callable[[], Step]] = {
        "media": footage.step,
        "0": filtering,
        "1a": captioning,
        "1b": chunk_captioning,
        "1c": highlighting,
        "2": describing,
    }
    built = [build() for name, build in steps.items() if name in chosen]
    if "3" in chosen:
        before = after("1a", "1b", "1c", "2")
        built += [Questioning(askers["llm"], qa_type, before).step() for qa_type in workflow.qa_types]
    return built
