"""Starting to train from a command line: processes, data that are not there yet, exit codes.

The training itself is handed in, as `train/sft.py` starts here when it is a script.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from demitasse.config import read_config
from demitasse.config.overrides import take_overrides_anywhere
from demitasse.errors import ConfigError, DemitasseError
from demitasse.recipe import prepare
from train import fault
from train.config import TrainConfig
from train.loop.launch import launch_missing, start_processes
from train.loop.stop import Interrupted
from train.packages import check_packages

BAD_INPUT, SKIPPED, INTERRUPTED = 2, 3, 130


Train = Callable[[TrainConfig], Path]


def main(train: Train, script: str, argv: Sequence[str] | None = None) -> int:
    """The command line of `accelerate launch train/sft.py`; `script` is its path. Returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(description="Fine-tune a Qwen-VL student on tao-vl-reason files.")
    add_train_arguments(parser)
    args = parser.parse_args(words)
    try:
        launched = launch_missing(script, words) if argv is None else None
        return run(train, args) if launched is None else launched
    except DemitasseError as stop:
        fault.tell(str(stop))
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the newest checkpoint", file=sys.stderr)
        return INTERRUPTED
    except Exception as defect:
        others = fault.told_by_others()
        if others:
            fault.tell(others)
            return BAD_INPUT
        fault.leave(f"{type(defect).__name__}: {defect}")
        raise


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse train` and of the script."""
    parser.add_argument("--config", required=True, help="a recipe with a `train:` section")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="keys of the section: optim.lr=1e-4")
    take_overrides_anywhere(parser)


def run(train: Train, args: argparse.Namespace) -> int:
    """Train as the command line says; a recipe whose data are not there yet makes them first.

    Returns:
        0; 3 if items or steps were left out; 130 or 143 if a signal ended it, with a checkpoint saved.
    """
    from demitasse.student.weights import check_model  # not above: they bring torch and PyAV
    from train.shortfall import shortfall

    config = read_train(args)
    check_model(Path(config.model.path))
    processes = start_processes()
    with processes.main_process_first():
        prepare(Path(args.config), config.data.files)
    try:
        train(config)
    except Interrupted as end:
        _say(str(end))
        return end.exit_code
    processes.destroy_process_group()  # a process that left its threads to the interpreter's end aborted, now and then
    lacking = shortfall(Path(config.output_dir))
    if lacking:
        _say(lacking)
    return SKIPPED if lacking else 0


def read_train(args: argparse.Namespace) -> TrainConfig:
    """The settings that a command line names.

    Raises:
        ConfigError: for those that cannot be used.
    """
    config = read_config(TrainConfig, args.config, args.overrides, section="train")
    if not config.model.path.strip():
        raise ConfigError("model.path is not given; name the folder of a Qwen-VL model")
    if not config.output_dir.strip() or Path(config.output_dir).is_file():
        raise ConfigError(f"output_dir is '{config.output_dir}'; name a folder for what the run writes")
    check_packages(config)
    return config


def _is_main() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _say(text: str) -> None:
    if _is_main():
        print(text, file=sys.stderr)
