"""The videos and images behind the items: how long they are, what they hold, and how they are shown to a judge."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from annotate.quality.entry import Entry
from annotate.video_reasoning.footage import Footage
from demitasse.chat.model import Capability, Image, Part
from demitasse.dataset.length import length_told
from demitasse.engine.outcomes import Summary
from demitasse.engine.runner import Finished, run
from demitasse.engine.step import Fields, Quarantine, Record, Step
from demitasse.errors import MediaError
from demitasse.media.pool import DecodePool

FOLDER = "media"  # in the filters' folder: the journal of what was measured
FILE = "media.jsonl"
VERSION = 1
IMAGE_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


@dataclass(frozen=True)
class Measured:
    """What is known of one file: its fields, or why there are none."""

    fields: Mapping[str, Any]
    fault: str = ""


def told_length(entry: Entry) -> float | None:
    """Seconds of the video as the item itself says: `video_length`, its own or its provenance's."""
    return length_told(entry.item.extra)


def measure(
    entries: Iterable[Entry], pool: DecodePool, folder: Path, progress: bool
) -> tuple[dict[str, Measured], Summary]:
    """Measure and hash the files of some items, each once; what an earlier run measured is read from its journal.

    Returns:
        By place what is known of each, and how the run ended.
    """
    files = {entry.place: entry.is_video for entry in entries}
    known: dict[str, Measured] = {}
    meter = _Meter(pool)

    def note(finished: Finished) -> None:
        place = finished.record.fields["path"]
        row = finished.rows.get("media")
        known[place] = Measured(row, "") if row else Measured({}, meter.faults.get(place, "it could not be measured"))

    records = [Record(place, {"path": place, "is_video": is_video}) for place, is_video in files.items()]
    step = Step("media", FILE, VERSION, meter.inputs, meter.run, merge=False)
    summary = run(records, [step], folder / FOLDER, progress=progress, on_finished=note, id_field="file")
    return known, summary


class _Meter:
    """Measures files in the decode workers."""

    def __init__(self, pool: DecodePool) -> None:
        self.faults: dict[str, str] = {}
        self._pool = pool

    def inputs(self, fields: Fields) -> Any:
        """A file is measured again when it has been touched."""
        try:
            status = Path(fields["path"]).stat()
        except OSError:
            return None
        return [status.st_size, status.st_mtime_ns]

    async def run(self, fields: Fields) -> Fields:
        """Length and content hash of a video, content hash of an image."""
        try:
            return await self._pool.run(_measured, fields["path"], fields["is_video"])
        except MediaError as error:
            self.faults[fields["path"]] = error.reason
            raise Quarantine(error.reason) from None


def _measured(path: str, is_video: bool) -> Fields:
    from demitasse.media.probe import content_hash, probe

    length = probe(Path(path)).duration if is_video else None
    return {"video_length": length, "sha256": content_hash(Path(path))}


@dataclass(frozen=True)
class Evidence:
    """What a judge is shown of an item: its video as its own footage, or its image as it is."""

    footage: Footage

    def decides(self, fields: Fields, capability: Capability) -> dict[str, Any]:
        """What decides the parts."""
        if fields["entry"].is_video:
            return self.footage.decides(fields, capability)
        return {"media": fields["sha256"], "sent": asdict(capability)}

    async def parts(self, fields: Fields, capability: Capability) -> tuple[Part, ...]:
        """The parts.

        Raises:
            MediaError: if the file cannot be read.
        """
        if fields["entry"].is_video:
            return await self.footage.whole(fields, capability)
        return (await asyncio.to_thread(_image, Path(fields["path"])),)


def _image(path: Path) -> Image:
    try:
        return Image(path.read_bytes(), IMAGE_TYPES.get(path.suffix.lower(), "image/jpeg"))
    except OSError:
        raise MediaError(path, "not readable") from None
