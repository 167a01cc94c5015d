"""What tests of several areas need."""

import argparse
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.chromium import CHROMIUM, Browser

# Tiny models gain nothing from a second thread, and lose much where other tests' processes compete for the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# wandb looks once in a process: set by the test that needs it, it would come too late after one that only imports it.
os.environ.setdefault("WANDB_MODE", "offline")
# A shell has its background jobs ignore Ctrl-C, and all that they start would: whom a test interrupts must hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# The same examples every time, at any speed: a change fails by what it changes. `--hypothesis-profile=default` draws
# new ones.
settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")


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


@pytest.fixture(scope="session")
def _chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture
def browser(_chromium: Browser) -> Iterator[Browser]:
    """The browser; a script of the page that fails in it fails the test."""
    _chromium.complaints.clear()
    yield _chromium
    assert _chromium.complaints == []
