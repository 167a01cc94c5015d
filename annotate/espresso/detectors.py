"""Who finds things in a frame by their names, and a teacher that does so when it is asked in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from annotate.asking import Asked, Asker
from annotate.referring.blind_grounding import Phrase, read_findings
from annotate.referring.pictures import Shown
from annotate.referring.replies import finding_form
from annotate.referring.space import space_of
from demitasse.chat.model import Capability


@dataclass(frozen=True, slots=True)
class Detected:
    """A box as it was found: fractions of the frame, not yet held to anything, and the score where there is one."""

    box: tuple[float, ...]
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of each name, in their order; `asked` is the call behind it, where a model was asked."""

    boxes: list[list[Detected]]
    asked: Asked[Any] | None = None


class Detector(Protocol):
    """Finds things in frames by their names."""

    @property
    def name(self) -> str:
        """Who that is, for rows."""
        ...

    @property
    def capability(self) -> Capability:
        """How it wants a frame."""
        ...

    def decides(self) -> dict[str, Any]:
        """What its boxes depend on, besides the frame and the names."""
        ...

    async def find(self, shown: Shown, names: Sequence[str]) -> Found:
        """Find things in a frame.

        Raises:
            Unusable: if what it says cannot be used.
            Quarantine: if it cannot be reached.
        """
        ...


@dataclass(frozen=True)
class TeacherDetector:
    """A model that is asked with a prompt of the pack, and writes boxes in its own units."""

    asker: Asker
    key: str

    @property
    def name(self) -> str:
        """The model's."""
        return self.asker.model.name

    @property
    def capability(self) -> Capability:
        """The model's."""
        return self.asker.model.capability

    def decides(self) -> dict[str, Any]:
        """Prompt, model, sampling and how it writes boxes."""
        style = self.capability.boxes
        return {"asked": self.asker.decides(self.key, finding_form(space_of(style))), "style": style}

    async def find(self, shown: Shown, names: Sequence[str]) -> Found:
        """One call."""
        space = space_of(self.capability.boxes, shown.size)
        phrases = [Phrase(index, name, 1) for index, name in enumerate(names)]
        listing = "\n".join(f"{one.number}. {one.text}" if self.asker.is_structured else one.text for one in phrases)
        asked = await self.asker.ask_and_read(
            self.key,
            {"phrases": listing},
            finding_form(space),
            lambda text: read_findings(text, phrases, space),
            shown.parts,
        )
        return Found([[Detected(box) for box in asked.value[index]] for index in range(len(names))], asked)
