"""What tests of several areas need."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import pytest

# Tiny models gain nothing from a second thread, and lose much where other tests' processes compete for the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# wandb looks once in a process: set by the test that needs it, it would come too late after one that only imports it.
os.environ.setdefault("WANDB_MODE", "offline")


@pytest.fixture
def tao_daft() -> Callable[[Path], bool]:
    """Whether `tao-daft validate` passes a folder. A crash of it is no pass."""
    from nvidia_tao_daft.validators import BaseValidator

    validator = next(kind for kind in BaseValidator.formats if kind.format == "tao-vl-reason-v1.0")

    def passes(folder: Path) -> bool:
        try:
            return validator(argparse.Namespace(path=folder, strict=False)).run() == 0
        except Exception:
            return False

    return passes
