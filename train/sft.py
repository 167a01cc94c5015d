"""Supervised fine-tuning of a Qwen-VL student on tao-vl-reason files.

    accelerate launch train/sft.py --config recipes/quickstart/config.yaml optim.lr=1e-4
    accelerate launch --num_processes 2 --cpu train/sft.py --config recipes/quickstart/config.yaml
    demitasse train --config …                       the same, in one process

Read it from top to bottom: settings, data, model, loop, result.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # Started as a script, the path leads with this folder: the checkout has to come first (demitasse/stages.py).
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from demitasse.stages import use_checkout

    use_checkout()

import argparse
from functools import partial

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from demitasse.config import read_config, save_resolved
from demitasse.errors import ConfigError, DemitasseError
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.recipe import prepare
from demitasse.student.collate import collate
from demitasse.student.load import Student, load_student
from demitasse.student.sight import Sight, SightSettings
from train import checkpoint, parts, result
from train.config import TrainConfig
from train.data import Lessons, MicroBatches, steps_of
from train.launch import launch_missing
from train.lessons import Lesson, read_lessons
from train.loss import SummedLoss
from train.step import learning_rate_factor, optimizer_step
from train.track import Track


def train(config: TrainConfig) -> Path:
    """Train a student as configured; returns the folder of the trained student or adapter.

    An interrupted run goes on from its newest checkpoint; a finished one is left as it is.

    Raises:
        DemitasseError: for settings, data or media that cannot be used.
    """
    # ---- settings
    accelerator = Accelerator()
    say = partial(print, flush=True) if accelerator.is_main_process else (lambda *_: None)
    set_seed(config.seed)
    output, optim, ranks = Path(config.output_dir), config.optim, accelerator.num_processes
    if optim.batch_size % ranks:
        raise ConfigError(f"optim.batch_size is {optim.batch_size}, which {ranks} processes cannot share evenly")

    # ---- data
    lessons = read_lessons(config.data)
    steps = steps_of(len(lessons), optim.batch_size, optim.steps, optim.epochs)
    key = checkpoint.run_key(config, [lesson.key for lesson in lessons], ranks)
    if result.is_finished(output, key):
        say(f"{output / result.STUDENT}: already trained with these settings and this data")
        return output / result.STUDENT
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        save_resolved(config, output / "config.yaml")
    say(f"{len(lessons)} items, {steps} steps of {optim.batch_size} items, {ranks} process(es) on {accelerator.device}")

    # ---- model
    student = load_student(
        config.model.path,
        config.model.dtype,
        device="cpu",
        min_pixels=config.frames.min_pixels,
        max_pixels=config.frames.max_pixels,
        system_prompt=config.model.system_prompt,
    )
    model = parts.prepare(student.model, config.model, config.seed)
    for part, count, total in parts.table(model):
        say(f"  {part:<11}{count:>14,} of {total:>14,} parameters learn")
    model.train()
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=optim.lr, betas=optim.betas, weight_decay=optim.weight_decay)
    schedule = LambdaLR(optimizer, lambda step: learning_rate_factor(step, steps, optim))
    loss_of, optimizer = accelerator.prepare(SummedLoss(model), optimizer)
    accelerator.register_for_checkpointing(schedule)

    # ---- loop
    start = checkpoint.resume(accelerator, output / "checkpoints", key)
    micro_batches = MicroBatches(
        len(lessons),
        config.seed,
        start,
        steps,
        optim.batch_size,
        optim.micro_batch_size,
        accelerator.process_index,
        ranks,
    )
    batches = iter(loader(config, lessons, student, micro_batches))
    track = Track(config, steps, start, writes=accelerator.is_main_process)
    for step in range(start + 1, steps + 1):
        stepped = optimizer_step(accelerator, loss_of, optimizer, batches, micro_batches.a_step, optim.max_grad_norm)
        track.step(step, stepped, lr=float(schedule.get_last_lr()[0]))
        schedule.step()
        if config.save_every and step % config.save_every == 0 and step < steps:
            checkpoint.save(accelerator, output / "checkpoints", step, key, config.keep_checkpoints)
    track.close()

    # ---- result
    if accelerator.is_main_process:
        result.save(accelerator.unwrap_model(loss_of).model, student.tokenizer, config, key)
    accelerator.wait_for_everyone()
    say(f"trained student: {output / result.STUDENT}")
    return output / result.STUDENT


def loader(config: TrainConfig, lessons: list[Lesson], student: Student, batches: MicroBatches) -> DataLoader[Lessons]:
    """Batches of encoded lessons, in the order of `batches`."""
    encoder = student.encoder
    policy = SamplingPolicy(fps=config.frames.fps, max_frames=config.frames.max_frames)
    sight = Sight(SightSettings(policy, config.frames.max_pixels), FrameCache(config.data.cache_dir), encoder.vision)
    return DataLoader(
        Lessons(lessons, encoder, sight),  # type: ignore[arg-type]
        batch_sampler=batches,
        num_workers=config.data.workers,
        collate_fn=partial(collate, vision=encoder.vision, pad_id=encoder.tokenizer.pad_token_id),
    )


def main(argv: list[str] | None = None) -> int:
    """The command line of `accelerate launch train/sft.py`."""
    parser = argparse.ArgumentParser(description="Fine-tune a Qwen-VL student on tao-vl-reason files.")
    add_train_arguments(parser)
    args = parser.parse_args(argv)
    try:
        if argv is None and launch_missing(__file__, sys.argv[1:]):
            return 0
        return run_train(args)
    except DemitasseError as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse train` and of this script."""
    parser.add_argument("--config", required=True, help="a recipe with a `train:` section")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="keys of the section: optim.lr=1e-4")


def run_train(args: argparse.Namespace) -> int:
    """Train as the command line says; a recipe whose data are not there yet makes them first."""
    config = read_config(TrainConfig, args.config, args.overrides, section="train")
    with Accelerator().main_process_first():
        prepare(Path(args.config), config.data.files)
    train(config)
    return 0


if __name__ == "__main__":
    sys.exit(main())
