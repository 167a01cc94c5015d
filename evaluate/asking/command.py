"""`demitasse predict`."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import get_args

from demitasse.errors import ConfigError
from demitasse.student.modes import AskMode, CotaskSource, Frames
from evaluate.asking.student import StudentSettings
from evaluate.spelled import spelled

_DEFAULTS = StudentSettings(model=Path())


def add_predict_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse predict`."""
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="dataset files, or folders of them")
    parser.add_argument("--model", type=Path, required=True, help="folder of a student, or of a LoRA adapter")
    parser.add_argument("--out", type=Path, required=True, help="run folder to write; an unfinished run goes on")
    parser.add_argument("--tasks", nargs="+", default=[], help="ask only these tasks")
    _add_trained_arguments(parser.add_argument_group("as in training, which a student of `demitasse train` remembers"))
    parser.add_argument("--frames", choices=get_args(Frames), default=_DEFAULTS.frames, help="blank, none: controls")
    parser.add_argument("--max-new-tokens", type=int, default=_DEFAULTS.max_new_tokens, help="longest answer")
    parser.add_argument("--batch-size", type=int, default=8, help="items asked at once")
    parser.add_argument("--dtype", default=_DEFAULTS.dtype, choices=("auto", "float32", "bfloat16", "float16"))
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="folder of decoded frames")
    _add_asking_arguments(parser.add_argument_group("what is put beside the questions"))


def _add_trained_arguments(group: argparse._ArgumentGroup) -> None:
    """None stands for what the student remembers; for one that remembers nothing, for the default."""
    usual = _DEFAULTS
    group.add_argument("--mode", choices=get_args(AskMode), help=f"the way of asking (else {usual.mode})")
    group.add_argument("--fps", type=float, help=f"frames a second (else {usual.fps:g})")
    group.add_argument("--max-frames", type=int, help=f"most frames of a video (else {usual.max_frames})")
    group.add_argument("--min-frames", type=int, help=f"fewest frames of a video (else {usual.min_frames})")
    group.add_argument("--max-pixels", type=int, help="most pixels of a frame or image (else the model's)")
    group.add_argument("--min-pixels", type=int, help="fewest pixels of a frame or image (else the model's)")
    group.add_argument("--video-pixels", type=int, help="most pixels of all frames of a video together (else no bound)")
    group.add_argument("--system-prompt", help="put before every question (else none)")


def _add_asking_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--cotasks", default="", metavar="1234", help="put these CoTasks before each question")
    group.add_argument(
        "--cotasks-source", choices=get_args(CotaskSource), default="oracle", help="where they come from"
    )
    group.add_argument(
        "--cotasks-from", nargs="+", type=Path, default=[], metavar="RUN", help="runs that predicted them"
    )
    group.add_argument("--cotasks-seed", type=int, default=0, help="of shuffled and noisy ones")
    group.add_argument("--noise", nargs="+", default=[], metavar="t1=0.25", help="mistakes in each CoTask, from 0 to 1")
    group.add_argument("--leak-guard", choices=("mask",), help="take the words of the answer out of them")
    group.add_argument("--evidence-from", type=Path, metavar="RUN", help="answer from the evidence that a run wrote")
    group.add_argument("--selected", type=Path, metavar="RUN", help="show the frames that `demitasse select` chose")


def run_predict(args: argparse.Namespace) -> int:
    """Ask the student; returns the exit code."""
    from demitasse.dataset import read, read_folder
    from evaluate.asking.as_trained import FLAGS, resolve
    from evaluate.asking.predict import predict
    from evaluate.asking.preparation import Preparation, asking_of
    from evaluate.asking.student import open_student

    if args.batch_size < 1 or args.max_new_tokens < 1:
        raise ConfigError("--batch-size and --max-new-tokens must be 1 or more")
    trained, told = resolve(args.model, {name: getattr(args, name) for name in FLAGS})
    for line in told:
        print(line, file=sys.stderr if line.startswith("warning") else sys.stdout)
    args.mode = trained["mode"]
    settings = StudentSettings(
        args.model, frames=args.frames, max_new_tokens=args.max_new_tokens, dtype=args.dtype, **trained
    )
    files = [file for path in args.data for file in (read_folder(path) if path.is_dir() else [read(path)])]
    asking = asking_of(args)
    preparation = Preparation(asking, files)
    done = predict(
        partial(open_student, settings, args.cache, args.device),
        files,
        args.out,
        str(args.model),
        settings.record() | asking.record(),
        batch_size=args.batch_size,
        tasks=args.tasks,
        command=spelled("predict", args),
        prepare=preparation,
    )
    failed = f", {done.failed} could not be asked (their rows say why)" if done.failed else ""
    print(f"{args.out}: {done.asked} items asked, {done.found} found done{failed}")
    for kind, count in preparation.missing.items():
        print(f"{count} items were asked without {kind}: nobody had said it")
    if done.failed:
        print(f"the first: {done.why}", file=sys.stderr)
    return done.exit_code
