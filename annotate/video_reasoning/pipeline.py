"""A run from its configuration to the ten task files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from annotate.video_reasoning.asking import Asker
from annotate.video_reasoning.assemble import FOLDER, Assembled, Envelope, assemble, portable_root
from annotate.video_reasoning.config import Spec, VideoReasoning, Workflow, needed_endpoints
from annotate.video_reasoning.footage import Footage
from annotate.video_reasoning.graph import EarlierRows, Row, build_steps
from annotate.video_reasoning.inputs import Inputs, media_root, read_inputs
from annotate.video_reasoning.prompt_keys import PROMPTS
from annotate.video_reasoning.teachers import open_teacher, sampling_of
from demitasse.chat.model import ChatModel
from demitasse.config import save_resolved
from demitasse.engine.caller import Caller, open_caller
from demitasse.engine.limits import Limits
from demitasse.engine.outcomes import Summary
from demitasse.engine.runner import Finished, run
from demitasse.engine.step import Record
from demitasse.errors import ConfigError
from demitasse.media.pool import DecodePool
from demitasse.media.sample import SamplingPolicy
from demitasse.prompts import Pack, load_pack

RESOLVED = "annotate.yaml"
SCRATCH = ".clips"  # in the results folder, so that what a kill leaves there is found and removed
CLIP_FPS = 2.0  # of footage short enough to be sent whole, where an endpoint takes frames only
FEWEST_FRAMES = 4
RECORDS_PER_REQUEST = 2  # records in work for each request in flight: while one is decoded another is asked about
MOST_DECODERS = 8


@dataclass
class Annotated:
    """What a run did. `notes` are lines for the person; `assembled` is None where step 4 was not reached."""

    summary: Summary
    folder: Path
    assembled: Assembled | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 all done, 3 something skipped, quarantined or left out, 130 interrupted."""
        unusable = self.assembled is not None and self.assembled.unusable
        return self.summary.exit_code or (3 if unusable else 0)


def annotate(
    spec: Spec, models: dict[str, ChatModel] | None = None, progress: bool = True, pool: DecodePool | None = None
) -> Annotated:
    """Run the chosen steps for every video and, with step 4, write the task files.

    Args:
        spec: the configuration, checked (`read_spec`).
        models: in the place of the endpoints that the configuration names, by "vlm" and "llm".
        progress: show a bar on stderr.
        pool: decode workers to be used; None starts some for this run.

    Raises:
        DemitasseError: for a configuration or a folder that cannot be used, or an endpoint that ended the run.
    """
    config, results_dir = spec.video_reasoning_annotation, Path(spec.results_dir)
    pack = load_pack(config.prompts, PROMPTS)
    inputs = read_inputs(config.data)
    if not inputs.records and not inputs.left_out:
        raise ConfigError(f"{media_root(config.data)} holds no .mp4, .avi, .mov or .mkv file; name another folder")
    with ExitStack() as stack:
        pool = pool or stack.enter_context(DecodePool(min(MOST_DECODERS, os.cpu_count() or 1)))
        limits = Limits(concurrency=config.workflow.max_workers)
        caller = stack.enter_context(open_caller(results_dir, limits))
        stack.enter_context(_scratch(results_dir / SCRATCH))
        save_resolved(spec, results_dir / RESOLVED)
        work = _Work(config, results_dir, inputs, pack, caller, pool)
        summary = work.run(models if models is not None else _open_models(config), progress)
        annotated = Annotated(summary, results_dir, notes=_notes(spec, inputs))
        if "4" in config.workflow.steps and not summary.interrupted:
            annotated.assembled = work.assemble()
            annotated.notes += [f"left out of step 4: {what}: {why}" for what, why in annotated.assembled.unusable]
    return annotated


def _open_models(config: VideoReasoning) -> dict[str, ChatModel]:
    """One model for each endpoint that is asked; equal endpoints share one, and so its limits."""
    needed = needed_endpoints(config)
    models = {name: open_teacher(name, endpoint) for name, endpoint in needed.items()}
    if len(needed) == 2 and needed["vlm"] == needed["llm"]:
        models["llm"] = models["vlm"]
    return models


@dataclass
class _Work:
    """The parts of one run. `questions` are step 3's rows by video, as the run goes by."""

    config: VideoReasoning
    results_dir: Path
    inputs: Inputs
    pack: Pack
    caller: Caller
    pool: DecodePool
    questions: dict[str, list[Row]] = field(default_factory=dict)

    def run(self, models: dict[str, ChatModel], progress: bool) -> Summary:
        workflow = self.config.workflow
        earlier = EarlierRows(workflow, self.results_dir)
        records = [record for record in self.inputs.records if self._is_workable(record, earlier)]
        askers = {name: self._asker(name, model) for name, model in models.items()}
        return run(
            records,
            build_steps(workflow, askers, self._footage(workflow)),
            self.results_dir,
            workers=RECORDS_PER_REQUEST * workflow.max_workers,
            progress=progress,
            caller=self.caller,
            models=list({id(model): model for model in models.values()}.values()),
            left_out=self.inputs.left_out,
            on_finished=self._note_questions,
        )

    def assemble(self) -> Assembled:
        """Step 4, in the order of the inputs and, within a video, of the question types."""
        data = self.config.data
        order: Iterable[Row] = (row for record in self.inputs.records for row in self.questions.get(record.id, ()))
        envelope = Envelope(
            portable_root(str(media_root(data)), self.results_dir),
            self.config.license,
            self.config.description_extra,
            "daft" if self.config.dialect == "daft" else "tao",
        )
        return assemble(order, self.results_dir / FOLDER, envelope)

    def _is_workable(self, record: Record, earlier: EarlierRows) -> bool:
        why = earlier.missing(record)
        if why is not None:
            self.inputs.left_out.append((record.id, why))
            return False
        earlier.add_to(record)
        self.questions[record.id] = list(earlier.questions(record))
        return True

    def _note_questions(self, finished: Finished) -> None:
        rows = [row for step, row in finished.rows.items() if step.startswith("3/")]
        if rows:
            self.questions[finished.record.id] = rows

    def _asker(self, name: str, model: ChatModel) -> Asker:
        endpoint = self.config.vlm if name == "vlm" else self.config.llm
        return Asker(self.caller, model, sampling_of(endpoint), self.pack)

    def _footage(self, workflow: Workflow) -> Footage:
        frames = workflow.long_video_max_frames
        fewest = min(FEWEST_FRAMES, frames)
        return Footage(
            self.pool,
            SamplingPolicy(CLIP_FPS, frames, fewest, frame_multiple=1),
            SamplingPolicy(workflow.long_video_sample_fps, frames, fewest, frame_multiple=1),
            workflow.long_video_threshold_sec,
            self.results_dir / SCRATCH,
            workflow.max_video_length_sec,
        )


@contextmanager
def _scratch(folder: Path) -> Iterator[None]:
    """An empty folder that is gone afterwards. The results folder must be locked."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _notes(spec: Spec, inputs: Inputs) -> list[str]:
    config = spec.video_reasoning_annotation
    notes = []
    if spec.unused():
        notes.append(f"not used by this pipeline: {', '.join(spec.unused())}")
    if "4" in config.workflow.steps and not config.license:
        notes.append("license is empty: set video_reasoning_annotation.license before the data leaves this machine")
    if inputs.outside:
        notes.append(f"{inputs.outside} videos lie outside video_root and keep absolute paths as their ids")
    return notes
