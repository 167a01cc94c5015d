"""The captions that came with the videos, for a judge that is not to see the videos themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from annotate.quality.entry import Entry
from demitasse.dataset import TaskFile
from demitasse.engine.journal import read_rows
from demitasse.errors import ConfigError

STEP_2 = Path("step_2_description") / "descriptions.jsonl"  # beside TAO's, and our, folder of task files
_TEXTS = ("global_caption", "dense_caption", "detailed_description")


def read_captions(path: str, files: Sequence[TaskFile]) -> Callable[[Entry], str | None]:
    """A function from an item to its video's captions; None where there are none.

    Args:
        path: a JSON Lines file; empty for TAO's step 2 beside the folder of the data.
        files: the data.

    Raises:
        ConfigError: if there is no such file, or nothing in it is a caption of a video.
        DataError: naming the line that is no JSON.
    """
    file = Path(path) if path else _beside(files)
    if not file.is_file():
        raise ConfigError(
            f"quality.judge.evidence is 'captions', but there is no file {file}; name one with quality.judge.captions"
        )
    captions = {video: text for row in read_rows(file) for video, text in [_captions(row)] if video and text}
    if not captions:
        raise ConfigError(f"{file} holds no captions: a line needs 'video' and one of {', '.join(_TEXTS)}, 'caption'")
    return lambda entry: captions.get(entry.item.media_id)


def _beside(files: Sequence[TaskFile]) -> Path:
    folder = files[0].path.resolve().parent if files[0].path else Path()
    return folder.parent / STEP_2


def _captions(row: dict[str, Any]) -> tuple[str, str]:
    inner = row.get("original_captions")
    fields = row | (inner if isinstance(inner, dict) else {})
    texts = [f"[{name}]\n{fields[name]}" for name in (*_TEXTS, "caption") if isinstance(fields.get(name), str)]
    return str(row.get("video") or row.get("video_path") or row.get("video_id") or ""), "\n\n".join(texts)
