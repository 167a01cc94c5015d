"""`demitasse train`: the training script in this process."""

from __future__ import annotations

import argparse

from train.sft import train
from train.start import add_train_arguments, run

__all__ = ["add_train_arguments", "run_train"]


def run_train(args: argparse.Namespace) -> int:
    """Train as the command line says; returns the exit code, as `train.start.run`."""
    return run(train, args)
