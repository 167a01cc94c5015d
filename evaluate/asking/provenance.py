"""What a number was made with: versions of code and libraries, and the weights that answered."""

from __future__ import annotations

import platform
import subprocess
import threading
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from demitasse.stages import CHECKOUT
from evaluate.records import Json

_PACKAGES = ("demitasse", "torch", "transformers", "peft", "av", "numpy", "scipy")


@cache
def provenance() -> Json:
    """Versions of Python and the packages that matter, and the checkout's commit if it is one."""
    return {"python": platform.python_version(), "packages": dict(_versions()), "commit": _commit()}


def find_out() -> None:
    """Begin to look, beside what comes first: it takes a fiftieth of a second, most of it git's."""
    threading.Thread(target=provenance, daemon=True).start()


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _commit() -> str | None:
    """The commit, with "-dirty" for uncommitted changes; None outside a git checkout."""
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
