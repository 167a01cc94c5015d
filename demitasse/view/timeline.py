"""From the journals of `demitasse annotate video` to what lies on a video's timeline.

Only files are read, by the names and fields that TAO gives them; a step that left no file leaves no track. What
cannot be read as a time stays text: a person is to see what was written, not what we made of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from demitasse import timecode
from demitasse.engine.journal import Row, read_rows
from demitasse.view.contents import Medium, Span

_TIME = r"\d+(?::\d{2}){1,2}(?:\.\d+)?"
_EVENT = re.compile(rf"^[ \t>*-]*[<\[(]*({_TIME})[>\])]*\s*(?:-|–|to|,)?\s*[<\[(]*({_TIME})[>\])]*[:\s]*(.*)$")


def events(text: str) -> list[Span]:
    """The timed lines of a dense caption; a line without times belongs to the line above."""
    spans: list[Span] = []
    for line in text.splitlines():
        match = _EVENT.match(line)
        start, end = (timecode.parse(match[1]), timecode.parse(match[2])) if match else (None, None)
        if match and start is not None and end is not None:
            spans.append(Span(start, max(start, end), match[3].strip()))
        elif spans and line.strip():
            spans[-1] = Span(spans[-1].start, spans[-1].end, f"{spans[-1].text}\n{line.strip()}".strip())
    return spans


def _filtered(medium: Medium, row: Row) -> None:
    if row.get("is_valid") is False:
        medium.note = f"filtered out in step 0: {row.get('raw_response', '')}"


def _measured(medium: Medium, row: Row) -> None:
    medium.length = _seconds(row.get("video_length"))


def _captioned(medium: Medium, row: Row) -> None:
    medium.length = _seconds(row.get("video_length")) or medium.length
    _put_text(medium, "Mode", row.get("mode"))
    _put_text(medium, "Account", row.get("global_caption"))
    dense = row.get("dense_caption")
    spans = events(dense) if isinstance(dense, str) else []
    if spans:
        medium.tracks["Events"] = spans
    else:
        _put_text(medium, "Events", dense)


def _chunked(medium: Medium, row: Row) -> None:
    medium.tracks["Chunks"] = list(_spans(row.get("chunk_captions")))


def _highlighted(medium: Medium, row: Row) -> None:
    found = list(_spans([row.get("highlight_chunk")]))
    if found:
        medium.tracks["Highlight"] = found


def _described(medium: Medium, row: Row) -> None:
    _put_text(medium, "Description", row.get("detailed_description"))


# In the order of the steps. A file's last row of a video counts.
JOURNALS: dict[str, tuple[str, Callable[[Medium, Row], None]]] = {
    "media": ("step_0_filter/media.jsonl", _measured),
    "0": ("step_0_filter/filter_results.jsonl", _filtered),
    "1a": ("step_1a_caption/captions.jsonl", _captioned),
    "1b": ("step_1b_chunks/chunk_captions.jsonl", _chunked),
    "1c": ("step_1c_highlight/highlight_captions.jsonl", _highlighted),
    "2": ("step_2_description/descriptions.jsonl", _described),
}
OUTCOMES = {"quarantine.jsonl": "quarantined", "skipped.jsonl": "skipped"}


def is_results(folder: Path) -> bool:
    """Whether a folder is a results folder of `annotate video`."""
    return any((folder / file).is_file() for file, _ in JOURNALS.values())


def add_captions(folder: Path, medium_of: Callable[[str], Medium]) -> None:
    """Put what the journals of a results folder say onto the media; `medium_of` gives the one of a video's id.

    Raises:
        DataError: if a journal is damaged.
    """
    for step, (file, put) in JOURNALS.items():
        for row in _last_rows(folder / file):
            medium = medium_of(row["video"])
            put(medium, row)
            if isinstance(row.get("provenance"), dict):
                medium.provenance[f"step {step}"] = row["provenance"]
    for file, ended in OUTCOMES.items():
        for row in _last_rows(folder / file):
            step = f" in step {row['step']}" if row.get("step") else ""
            medium_of(row["video"]).note = f"{ended}{step}: {row.get('reason', 'no reason was kept')}"


def _last_rows(path: Path) -> Iterator[Row]:
    if path.is_file():
        yield from {row["video"]: row for row in read_rows(path) if isinstance(row.get("video"), str)}.values()


def _spans(chunks: Any) -> Iterator[Span]:
    for chunk in chunks if isinstance(chunks, list) else ():
        if isinstance(chunk, dict):
            start, end = _seconds(chunk.get("timestamp_start")), _seconds(chunk.get("timestamp_end"))
            if start is not None and end is not None:
                yield Span(start, end, str(chunk.get("caption", "")))


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _put_text(medium: Medium, name: str, text: Any) -> None:
    if isinstance(text, str) and text.strip():
        medium.texts[name] = text
