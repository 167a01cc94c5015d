"""What tests of several areas need."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest


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
