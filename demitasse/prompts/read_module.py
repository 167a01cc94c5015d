"""Imports a prompts module and writes its PROMPT_TEMPLATES as JSON. Run as a script by `module.py`, never imported.

python -P read_module.py NAME
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any


def main(name: str) -> None:
    """Write `{"templates": {...}}` or `{"error": sentence}`; what the module prints goes to stderr."""
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        told = _templates(_imported(name))
    except BaseException as fault:  # SystemExit too: whatever ends the import is its error
        told = {"error": f"it cannot be imported: {_sentence(fault)}"}
    with answer:
        json.dump(told, answer)


def _imported(name: str) -> ModuleType:
    if not name.endswith(".py"):
        sys.path.insert(0, os.getcwd())
        return importlib.import_module(name)
    path = Path(name).resolve()
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} is no Python module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _templates(module: ModuleType) -> dict[str, Any]:
    templates = getattr(module, "PROMPT_TEMPLATES", None)
    if not isinstance(templates, Mapping):
        return {"error": "it has no dictionary PROMPT_TEMPLATES; that is where its prompts must be"}
    return {"templates": {str(key): text if isinstance(text, str) else None for key, text in templates.items()}}


def _sentence(fault: BaseException) -> str:
    """The fault on one line, with the line of code where it arose, if that is in a file."""
    frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if Path(frame.filename).is_file()]
    outside = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    where = f" ({Path(outside[-1].filename).name}, line {outside[-1].lineno})" if outside else ""
    return f"{type(fault).__name__}: {' '.join(str(fault).split())}{where}"


if __name__ == "__main__":
    main(sys.argv[1])
