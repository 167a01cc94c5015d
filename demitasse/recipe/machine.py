"""What a run was made with: this program, its packages, and the kind of machine; never whose machine or which."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from typing import Any

from demitasse.stages import CHECKOUT

# Those that decide what is computed, or what is read from a video.
PACKAGES = ("torch", "transformers", "peft", "accelerate", "av", "pillow", "numpy", "scipy", "openai", "google-genai")


def made_with() -> dict[str, Any]:
    """The head of a record."""
    from importlib.metadata import version

    return {
        "demitasse": {"version": version("demitasse"), "commit": commit()},
        "python": platform.python_version(),
        "packages": _packages(),
        "machine": _machine(),
    }


@cache
def commit() -> str:
    """The commit of the checkout, with a + if files of it differ; "" where git knows of none."""
    head = _git("rev-parse", "HEAD")
    return f"{head[:12]}+" if head and _git("status", "--porcelain") else head[:12]


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=CHECKOUT, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@cache
def _packages() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, Any]:
    found: dict[str, Any] = {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found["memory_gib"] = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    torch = sys.modules.get("torch")  # where no stage has needed it, none has used a GPU
    if torch is not None and torch.cuda.is_available():
        found["gpus"] = [torch.cuda.get_device_name(place) for place in range(torch.cuda.device_count())]
    return found
