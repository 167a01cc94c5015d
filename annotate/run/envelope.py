"""What the task files of a run say of themselves, from its configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from annotate.run.spec import Experiment
from annotate.task_files import Envelope, portable_root


def envelope_of(spec: Experiment, media_root: str | Path, folder: Path) -> Envelope:
    """The envelope of task files in a folder of the results, about media under `media_root`."""
    section = spec.section
    return Envelope(
        portable_root(str(media_root), folder),
        section.license,
        section.description_extra,
        "daft" if section.dialect == "daft" else "tao",
    )


def license_remark(spec: Experiment) -> Iterator[str]:
    """What a person must be told of data without a license, if this is such."""
    if not spec.section.license:
        yield f"license is empty: set {spec.section_name}.license before the data leaves this machine"
