"""Supervised fine-tuning of a Qwen-VL student on tao-vl-reason files.

    accelerate launch train/sft.py --config recipes/quickstart/config.yaml optim.lr=1e-4
    accelerate launch --config_file recipes/accelerate/fsdp2.yaml train/sft.py --config …
    demitasse train --config …                       the same, in one process

Read it from top to bottom: settings, data, model, loop, result. An interrupted run goes on with the same command.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # Started as a script, the path leads with this folder: the checkout has to come first (demitasse/stages.py).
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from demitasse.stages import use_checkout

    use_checkout()

from functools import partial

from accelerate.utils import set_seed

from demitasse.config import save_resolved
from demitasse.student.load import Student
from demitasse.student.sight import Sight
from evaluate.asking.in_training import Evaluator, HeldOut, figures_in, questions
from evaluate.asking.student import StudentSettings
from train.after import result
from train.check import check_settings, notes
from train.config import TrainConfig
from train.data.batches import MicroBatches
from train.data.course import Course
from train.data.frames import open_sight
from train.data.lessons import read_lessons
from train.data.loader import open_loader
from train.loop import checkpoint
from train.loop.agreed import agreed_identity
from train.loop.best import put_back_best
from train.loop.identity import seed_of
from train.loop.launch import start_accelerator, tell_deepspeed
from train.loop.state import TrainingState
from train.loop.step import optimizer_step
from train.loop.stop import Interrupted, StopRequest
from train.loop.validation import Validation, asked, deciding_figure
from train.model import parts
from train.model.student import open_student
from train.planning.utilisation import Utilisation, peak_of
from train.track import Track, learning_rates, lesson_names


def train(config: TrainConfig) -> Path:
    """Train a student as configured; returns the folder of the trained student or adapter.

    An interrupted run goes on from its newest checkpoint; a finished one is left as it is.

    Raises:
        DemitasseError: for settings, data or media that cannot be used, or a run that went wrong.
        Interrupted: if a signal ended it; a checkpoint was saved.
    """
    # ---- settings
    accelerator = start_accelerator(config.model)
    main, ranks, output = accelerator.is_main_process, accelerator.num_processes, Path(config.output_dir)
    say = partial(print, flush=True) if main else (lambda *_: None)
    check_settings(config)
    tell_deepspeed(accelerator, config.optim, config.guard)
    set_seed(config.seed)

    # ---- data
    course = Course.of(config, read_lessons(config.data))
    check_validation(config)
    identity = agreed_identity(config, course.lessons, accelerator)
    checkpoint.check(output / checkpoint.FOLDER, identity)
    if result.is_finished(config, identity.key):
        say(f"{output / result.STUDENT}: already trained with these settings and this data")
        return output / result.STUDENT
    accelerator.wait_for_everyone()
    if main:
        save_resolved(config, output / "config.yaml")
        result.begin(config)
    student = open_student(config)
    sight = open_sight(config, student.encoder.vision)
    peak = peak_of(accelerator, student.model, say)
    if config.optim.pack or config.data.max_tokens or peak:
        course = course.measured(student.encoder, sight, accelerator)
    found = f"{len(course.lessons)} items, {course.steps} steps of {config.optim.batch_size} items"
    say("\n".join([f"{found}, {ranks} process(es) on {accelerator.device}", *notes(course)]))

    # ---- model
    model = parts.prepare(student.model, config.model, config.seed, accelerator.mixed_precision)
    rows = parts.table(model, config)
    say("\n".join(parts.lines(rows)))
    if main:
        parts.save_table(rows, output)
    model.train()
    used = Utilisation.by(model, course.lengths, peak)
    state = TrainingState.fresh(course, model, identity, accelerator, say)

    # ---- loop
    start = state.checkpoints.resume()
    if start:
        say(f"going on after step {start}{state.checkpoints.changed()}")
    step, best = learn(course, student, sight, state, start, used)

    # ---- result
    if step < course.steps:
        say(f"stopped after step {step}: no better round of validation, validate.patience={config.validate.patience}")
    step = put_back_best(state.checkpoints, best, step, config, say)
    state.checkpoints.refuse_unsound(step)
    trained = result.save(accelerator, state.loss_of, student, config, identity.key, step)
    say(f"trained student: {trained}")
    return trained


def learn(
    course: Course, student: Student, sight: Sight, state: TrainingState, start: int, used: Utilisation | None
) -> tuple[int, int | None]:
    """Take the steps after `start`; returns the last one, and that of the best round of validation (None: no round).

    Raises:
        Interrupted: if a signal ended it; a checkpoint was saved.
    """
    config, accelerator, steps, step = course.config, state.accelerator, course.steps, start
    rank, ranks = accelerator.process_index, accelerator.num_processes
    micro_batches = MicroBatches(course.order, config.optim, start, steps, rank, ranks, course.lengths)
    batches = iter(open_loader(config, course.lessons, student.encoder, sight, micro_batches))
    evaluator = open_evaluator(config, student, sight, state)
    names, writes = lesson_names(course.lessons), accelerator.is_main_process
    with StopRequest(accelerator) as stop, Track(config, names, steps, start, writes, used) as track:
        validation = Validation(config, evaluator, track, accelerator, start, steps, stop.is_asked)
        if validation.due(start):
            track.say(f"asking the held-out items before step {start + 1}")
            if not validation.round(start):
                raise Interrupted(stop.signal, start, steps)
        while step < steps and not validation.stops:
            step += 1
            # Random numbers (dropout) follow from seed, step and process, as the order does: nothing to save.
            set_seed(seed_of(config.seed, step, rank))
            shown = course.shown(step)
            track.begins(step, shown)
            accept = partial(state.guard.accepts, step, unsound=state.checkpoints.unsound)
            size, most = micro_batches.in_step(step - 1), config.optim.max_grad_norm
            stepped = optimizer_step(accelerator, state.loss_of, state.optimizer, batches, size, most, accept)
            track.step(step, stepped, learning_rates(state.optimizer), shown)
            state.unreadable.note(step, stepped.faults)
            state.schedule.step()
            if validation.due(step):
                validation.round(step)
            ends = stop.is_asked()
            due = validation.is_best(step) or (config.save_every and step % config.save_every == 0)
            if ends or (due and step < steps):
                state.checkpoints.save(step, validation.best)
            if ends:
                raise Interrupted(stop.signal, step, steps)
    return step, validation.best


def check_validation(config: TrainConfig) -> None:
    """Refuse held-out items or a metric that cannot be used, before a model is loaded."""
    if config.validate.files:
        deciding_figure(config.validate, figures_in(questions(HeldOut(**asked(config)[1]))))


def open_evaluator(config: TrainConfig, student: Student, sight: Sight, state: TrainingState) -> Evaluator | None:
    """Who asks and scores the student while it learns; here, as training knows nothing of evaluation."""
    if not config.validate.files:
        return None
    settings, held_out = asked(config)
    key, loss_of = state.checkpoints.identity.key, state.loss_of
    return Evaluator(student, sight, StudentSettings(**settings), HeldOut(**held_out), key, loss_of, state.accelerator)


if __name__ == "__main__":
    from train.start import main

    sys.exit(main(train, str(Path(__file__))))
