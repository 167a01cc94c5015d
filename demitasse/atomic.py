"""Writing a file whole or not at all: a kill leaves the old file or the new one, never half of either."""

from __future__ import annotations

import os
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Replace `path` with `text` in UTF-8: a temporary file beside it, flushed to disk, then renamed.

    Missing folders are made. The temporary name starts with a dot and does not end in the file's own suffix,
    so that one left behind by a kill is no input to anything.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
