"""Step 1: a caption of the whole image, side by side with step 0. It names no place that the image does not show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotate.asking import Asker
from annotate.referring.rows import head, made_by
from demitasse.engine.step import Fields, Step

if TYPE_CHECKING:
    from annotate.referring.pictures import Pictures

VERSION = 1
FILE = "step_1_image_caption/annotations.jsonl"
KEY = "image_caption"


@dataclass(frozen=True)
class SceneCaptioning:
    """Step 1."""

    vlm: Asker
    pictures: Pictures
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("1", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        picture = self.pictures.decides(fields, self.vlm.model.capability)
        return {"asked": self.vlm.decides(KEY), "picture": picture}

    async def _run(self, fields: Fields) -> Fields:
        shown = await self.pictures.shown(fields, self.vlm.model.capability)
        told = await self.vlm.ask_text(KEY, {}, shown.parts)
        return {**head(fields), "caption": told.value, "provenance": made_by(self.vlm, [told])}
