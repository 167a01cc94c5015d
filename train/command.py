"""`demitasse train`: the training script in this process."""

from __future__ import annotations

import argparse

from train.start import add_train_arguments, read_train, run

__all__ = ["add_train_arguments", "check_train_arguments", "run_train"]


def check_train_arguments(args: argparse.Namespace) -> None:
    """Refuse settings that cannot be used.

    Raises:
        ConfigError: naming the first of them.
    """
    read_train(args)


def run_train(args: argparse.Namespace) -> int:
    """Train as the command line says; returns the exit code, as `train.start.run`."""
    from train.sft import train  # not above: with torch it takes seconds, and a recipe's plan only reads the arguments

    return run(train, args)
