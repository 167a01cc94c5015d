"""What trackers call a run, so that a resumed one is the same run to them."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from demitasse.atomic import write_text

RUN_ID = "run_id"


def run_id(output: Path) -> str:
    """Eight characters that are this output folder's for good."""
    path = output / RUN_ID
    if not path.is_file():
        write_text(path, uuid4().hex[:8] + "\n")
    return path.read_text(encoding="utf-8").strip()


def run_name(output: Path) -> str:
    """The folder's name, made unlike that of other folders of this name."""
    return f"{output.resolve().name}-{run_id(output)}"
