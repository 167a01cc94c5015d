"""The prompts of the filters, and how a question goes to a model: fenced, without its video or with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from annotate.asking import Asked, Asker
from annotate.forms import Fields, Form
from demitasse.answers import split_reasoning
from demitasse.chat.blocks import write_blocks
from demitasse.chat.model import Part
from demitasse.prompts import Placeholders

BLOCKS = Placeholders(required=frozenset({"blocks"}))
PROMPTS = dict.fromkeys(
    ("blind_mcq", "blind_bcq", "blind_times", "blind_open", "judge_item", "conclude", "follows"), BLOCKS
)

Reply = TypeVar("Reply", bound=Fields)


@dataclass(frozen=True)
class Desk:
    """A model that is shown items of the data, each part in a block of its own."""

    asker: Asker

    @property
    def model_name(self) -> str:
        """Who is asked."""
        return self.asker.model.name

    def decides(self, key: str, blocks: Mapping[str, str], form: Form[Any] | None = None) -> dict[str, Any]:
        """Everything that decides a call's reply, its media aside."""
        return self.asker.decides(key, form) | {"blocks": dict(blocks)}

    def trying(self, number: int, temperature: float) -> Desk:
        """The same desk for one of several tries: with a seed of its own, so that each is a request of its own."""
        sampling = replace(self.asker.sampling, temperature=temperature, seed=number)
        return Desk(replace(self.asker, sampling=sampling))

    async def ask(
        self, key: str, blocks: Mapping[str, str], form: Form[Reply], parts: tuple[Part, ...] = ()
    ) -> Asked[Reply]:
        """Ask for a reply in a form."""
        return await self.asker.ask(key, _values(blocks), form, 0.0, parts)

    async def ask_line(self, key: str, blocks: Mapping[str, str]) -> Asked[str]:
        """Ask for an answer in words; thoughts before it are taken off. Whatever comes is taken."""
        return await self.asker.ask_text(key, _values(blocks), read=lambda text: split_reasoning(text).final.strip())


def _values(blocks: Mapping[str, str]) -> dict[str, str]:
    # Marker lines must be lines of their own, wherever a person's pack puts the blocks.
    return {"blocks": f"\n{write_blocks(blocks)}\n"}
