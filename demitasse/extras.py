"""Libraries that the core does without, and the extra of `pyproject.toml` that brings each."""

from __future__ import annotations

from importlib.util import find_spec

from demitasse.errors import ConfigError

EXTRAS = {
    "train": ("torch", "transformers", "peft", "accelerate", "datasets", "huggingface_hub", "psutil"),
    "evaluate": ("matplotlib",),
}


def need(extra: str) -> None:
    """Refuse to begin without what an extra brings.

    Raises:
        ConfigError: naming the first library that is not installed.
    """
    for library in EXTRAS[extra]:
        if find_spec(library) is None:
            raise ConfigError(_told(library, extra))


def told_of(fault: ModuleNotFoundError) -> str:
    """The sentence for an import that failed; empty if no extra brings what it asked for."""
    library = (fault.name or "").partition(".")[0]
    return next((_told(library, extra) for extra, libraries in EXTRAS.items() if library in libraries), "")


def _told(library: str, extra: str) -> str:
    return f"this needs {library}, which is not installed: run pip install -e '.[{extra}]' in the checkout"
