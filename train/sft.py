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

from accelerate import Accelerator
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
from train.data.examples import Unreadable
from train.data.frames import open_sight
from train.data.kept import Kept
from train.data.lengths import Length, keep_fitting, measure
from train.data.lessons import read_lessons
from train.data.loader import open_loader
from train.data.mixture import Order, steps_of
from train.loop import checkpoint, loss
from train.loop.agreed import check_alike, from_main
from train.loop.best import put_back_best
from train.loop.checkpoint import FOLDER, Checkpoints
from train.loop.guard import Guard
from train.loop.identity import identify, seed_of
from train.loop.launch import start_accelerator, tell_deepspeed
from train.loop.optimizer import build_optimizer, build_schedule
from train.loop.step import optimizer_step
from train.loop.stop import Interrupted, StopRequest
from train.loop.validation import Validation, asked, deciding_figure
from train.model import parts
from train.model.student import base_hash, open_student
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
    main, ranks = accelerator.is_main_process, accelerator.num_processes
    say = partial(print, flush=True) if main else (lambda *_: None)
    output, optim = Path(config.output_dir), config.optim
    check_settings(config)
    tell_deepspeed(accelerator, optim, config.guard)
    set_seed(config.seed)

    # ---- data
    lessons = read_lessons(config.data)
    order = Order(lessons, config.data, config.seed)
    check_validation(config)
    base = base_hash(config, accelerator)
    kind, precision = str(accelerator.distributed_type.value), accelerator.mixed_precision
    identity = identify(config, (lesson.key for lesson in lessons), ranks, kind, precision, base)
    check_alike(accelerator, identity.key, "settings, items or weights")
    checkpoint.check(output / FOLDER, identity)
    if result.is_finished(config, identity.key):
        say(f"{output / result.STUDENT}: already trained with these settings and this data")
        return output / result.STUDENT
    accelerator.wait_for_everyone()
    if main:
        save_resolved(config, output / "config.yaml")
        result.begin(config)
    student = open_student(config)
    sight = open_sight(config, student.encoder.vision)
    lengths: list[Length] = []
    peak = peak_of(accelerator, student.model, say)
    if optim.pack or config.data.max_tokens or peak:
        # One process measures: read by each, a file that is there only now and then would part them.
        lengths = from_main(accelerator, lambda: measure(lessons, student.encoder, sight))
        lessons, lengths = keep_fitting(lessons, lengths, config.data, output, writes=main)
        order = Order(lessons, config.data, config.seed)
    steps = steps_of(order.epoch, optim.batch_size, optim.steps, optim.epochs)
    say(f"{len(lessons)} items, {steps} steps of {optim.batch_size} items, {ranks} process(es) on {accelerator.device}")
    for note in notes(config, lessons, order.epoch, steps):
        say(note)

    # ---- model
    model = parts.prepare(student.model, config.model, config.seed, precision)
    rows = parts.table(model, config)
    say("\n".join(parts.lines(rows)))
    if main:
        parts.save_table(rows, output)
    model.train()
    optimizer = build_optimizer(model, config)
    schedule = build_schedule(optimizer, optim, steps)
    used = Utilisation.by(model, lengths, peak)
    loss_of, optimizer = accelerator.prepare(loss.SummedLoss(model), optimizer)

    # ---- loop
    guard = Guard(config.guard, say)
    unreadable = Unreadable(lessons, config.data.max_unreadable, output, writes=main)
    checkpoints = Checkpoints(
        accelerator,
        output / FOLDER,
        identity,
        loss_of,
        optimizer,
        {"kept": Kept(lessons, output / FOLDER), "schedule": schedule, "guard": guard, "unreadable": unreadable},
        config.keep_checkpoints,
    )
    step = start = checkpoints.resume()
    if start:
        say(f"going on after step {start}{checkpoints.changed()}")
    micro_batches = MicroBatches(order, optim, start, steps, accelerator.process_index, ranks, lengths)
    batches = iter(open_loader(config, lessons, student.encoder, sight, micro_batches))
    evaluator = open_evaluator(config, student, sight, identity.key, loss_of, accelerator)
    names = lesson_names(lessons)
    with StopRequest(accelerator) as stop, Track(config, names, steps, start, main, used) as track:
        validation = Validation(config, evaluator, track, accelerator, start, steps, stop.is_asked)
        if validation.due(start):
            say(f"asking the held-out items before step {start + 1}")
            if not validation.round(start):
                raise Interrupted(stop.signal, start, steps)
        while step < steps and not validation.stops:
            step += 1
            # Random numbers (dropout) follow from seed, step and process, as the order does: nothing to save.
            set_seed(seed_of(config.seed, step, accelerator.process_index))
            size, shown = micro_batches.in_step(step - 1), order.items((step - 1) * optim.batch_size, optim.batch_size)
            track.begins(step, shown)
            accept = partial(guard.accepts, step, unsound=checkpoints.unsound)
            stepped = optimizer_step(accelerator, loss_of, optimizer, batches, size, optim.max_grad_norm, accept)
            track.step(step, stepped, learning_rates(optimizer), shown)
            unreadable.note(step, stepped.faults)
            schedule.step()
            if validation.due(step):
                validation.round(step)
            ends = stop.is_asked()
            due = validation.is_best(step) or (config.save_every and step % config.save_every == 0)
            if ends or (due and step < steps):
                checkpoints.save(step, validation.best)
            if ends:
                raise Interrupted(stop.signal, step, steps)

    # ---- result
    if step < steps:
        say(f"stopped after step {step}: no better round of validation, validate.patience={config.validate.patience}")
    best = put_back_best(checkpoints, validation.best, step, config, say)
    checkpoints.refuse_unsound(best)
    trained = result.save(accelerator, loss_of, student, config, identity.key, best)
    say(f"trained student: {trained}")
    return trained


def check_validation(config: TrainConfig) -> None:
    """Refuse held-out items or a metric that cannot be used, before a model is loaded."""
    if config.validate.files:
        deciding_figure(config.validate, figures_in(questions(HeldOut(**asked(config)[1]))))


def open_evaluator(
    config: TrainConfig, student: Student, sight: Sight, key: str, loss_of: loss.SummedLoss, accelerator: Accelerator
) -> Evaluator | None:
    """Who asks and scores the student while it learns; here, as training knows nothing of evaluation."""
    if not config.validate.files:
        return None
    settings, held_out = asked(config)
    return Evaluator(student, sight, StudentSettings(**settings), HeldOut(**held_out), key, loss_of, accelerator)


if __name__ == "__main__":
    from train.start import main

    sys.exit(main(train, str(Path(__file__))))
