"""Step 0: is the footage usable and, where the mode is left to the teacher, does it show an anomaly?

A rejected video keeps its row with the reason and goes no further. A classification that fails quarantines the
video until the next run: it never turns into "normal" by default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotate.asking import Asker, origin
from annotate.forms import Form
from annotate.video_reasoning.entries import Classification, Filter
from annotate.video_reasoning.footage import Footage
from demitasse.answers import read_binary
from demitasse.engine.step import Fields, Skip, Step

VERSION = 1
FILE = "step_0_filter/filter_results.jsonl"
_CLASS_LINE = re.compile(
    r"(?:\W*(?:final )?(?:class|classification|verdict|answer)\b)?\W*(anomaly|normal)\W*", re.IGNORECASE
)


def _filter_from_text(text: str) -> Mapping[str, Any] | None:
    read = read_binary(text)
    return {"usable": read.value == "yes", "reason": text} if read.ok else None


def _class_from_text(text: str) -> Mapping[str, Any] | None:
    """The class stands on a line of its own; every such line must say the same."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = {match[1].casefold() for line in lines if (match := _CLASS_LINE.fullmatch(line))}
    if len(named) != 1:
        return None
    told = " ".join(line for line in lines if not _CLASS_LINE.fullmatch(line)) or text
    return {"observation": told, "rationale": told, "class": named.pop()}


FILTER = Form(
    Filter,
    "Reply with one JSON object: usable (true or false), reason (one sentence).",
    "Begin the reply with Yes (usable) or No (not usable) and a full stop, then give the reason in one sentence.",
    _filter_from_text,
)
CLASS = Form(
    Classification,
    "Reply with one JSON object: observation, rationale (both text), class (anomaly or normal).",
    "End the reply with a line that holds one word alone: Anomaly or Normal.",
    _class_from_text,
)


@dataclass(frozen=True)
class Filtering:
    """Step 0. `mode` is the run's: only `auto` leaves the class to the teacher."""

    vlm: Asker
    footage: Footage
    mode: str

    def step(self) -> Step:
        """The step for the graph."""
        return Step("0", FILE, VERSION, self._inputs, self._run, after=("media",))

    def _classifies(self, fields: Fields) -> bool:
        return self.mode == "auto" and fields["given_mode"] is None

    def _inputs(self, fields: Fields) -> Any:
        asked = [self.vlm.decides("video_filtering", FILTER)]
        if self._classifies(fields):
            asked.append(self.vlm.decides("video_anomaly_classification", CLASS))
        return {"asked": asked, "footage": self.footage.decides(fields, self.vlm.model.capability)}

    async def _run(self, fields: Fields) -> Fields:
        self.footage.cut_ahead(fields, self.vlm.model.capability)
        parts = await self.footage.whole(fields, self.vlm.model.capability)
        length = fields["video_length"]
        values = {"video_length": f"{length:.1f}"}
        verdict = await self.vlm.ask("video_filtering", values, FILTER, length, parts)
        row = {
            "video_path": fields["video"],
            "video": fields["video"],
            "is_valid": verdict.value.usable,
            "raw_response": verdict.text,
        }
        if not verdict.value.usable or not self._classifies(fields):
            return row | {"provenance": origin(verdict)}
        named = await self.vlm.ask("video_anomaly_classification", values, CLASS, length, parts)
        return row | {"mode": named.value.label, "provenance": origin(verdict, named)}


def mode_of(fields: Fields, mode: str) -> str:
    """The mode of a video: its input line's own, then the run's, then the class that step 0 gave it.

    Raises:
        Skip: if step 0 found the video unusable.
    """
    if not fields.get("is_valid", True):
        raise Skip("not usable in the teacher's judgement (step 0)")
    named: str = fields["given_mode"] or (fields["mode"] if mode == "auto" else mode)
    return named
