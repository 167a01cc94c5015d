"""The steps of a run as a graph, and what steps that are not run have left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from annotate.video_reasoning import captions, chunks, describe, filter, highlight, questions
from annotate.video_reasoning.asking import Asker
from annotate.video_reasoning.captions import Captioning
from annotate.video_reasoning.chunks import ChunkCaptioning
from annotate.video_reasoning.config import NEEDS, Workflow
from annotate.video_reasoning.describe import Describing
from annotate.video_reasoning.filter import Filtering
from annotate.video_reasoning.footage import Footage
from annotate.video_reasoning.highlight import Highlighting
from annotate.video_reasoning.questions import Questioning, qa_type_of
from demitasse.engine.journal import read_rows
from demitasse.engine.step import Fields, Record, Step

FILES = {
    "0": filter.FILE,
    "1a": captions.FILE,
    "1b": chunks.FILE,
    "1c": highlight.FILE,
    "2": describe.FILE,
    "3": questions.FILE,
}
SHOWS_FOOTAGE = {"0", "1a", "1b", "1c"}

Row = Fields


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


class EarlierRows:
    """The rows of steps that this run leaves out, from earlier runs in the same folder (TAO merges them so too).

    Of several rows of a video and question type the last one counts.
    """

    def __init__(self, workflow: Workflow, results_dir: Path) -> None:
        self._needed = {need for step in workflow.steps for need in NEEDS.get(step, ())} - set(workflow.steps)
        self._rows: dict[str, dict[str, dict[str, Row]]] = {}  # step, video, part
        for step, file in FILES.items():
            path = results_dir / file
            if step not in workflow.steps and path.exists():
                rows = self._rows[step] = {}
                for row in read_rows(path):
                    part = qa_type_of(row) if "prompt_key" in row else ""
                    rows.setdefault(row["video"], {})[part] = row

    def missing(self, record: Record) -> str | None:
        """Why a record cannot be worked on: a step that it needs has left no row and is not run."""
        lacking = sorted(step for step in self._needed if record.id not in self._rows.get(step, {}))
        return f"no row of step {lacking[0]}, which was not asked for" if lacking else None

    def add_to(self, record: Record) -> None:
        """Give a record the fields of its rows, all but those of the questions."""
        for step in FILES:
            for row in self._rows.get(step, {}).get(record.id, {}).values() if step != "3" else ():
                record.fields.update({name: value for name, value in row.items() if name != "provenance"})

    def questions(self, record: Record) -> Iterator[Row]:
        """The rows of step 3."""
        yield from self._rows.get("3", {}).get(record.id, {}).values()
