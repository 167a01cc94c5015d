"""Putting a pack's question to one endpoint: the prompt, the form of the reply, the media, the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, TypeVar

from annotate.forms import Fields, Form
from demitasse.answers.parsed import is_refusal
from demitasse.chat.model import ChatModel, Part, Request, Sampling, Text
from demitasse.engine.caller import Answer, Caller, ParseError, provenance
from demitasse.prompts import Pack

Value = TypeVar("Value")
FormFields = TypeVar("FormFields", bound=Fields)


@dataclass(frozen=True)
class Asked(Generic[Value]):
    """A prompt of a pack, and the checked reply to it."""

    key: str
    pack: Pack
    answer: Answer[Value]

    @property
    def value(self) -> Value:
        """What the form made of the reply."""
        return self.answer.value

    @property
    def text(self) -> str:
        """The reply as it was written."""
        return self.answer.reply.text


@dataclass(frozen=True)
class Asker:
    """One endpoint with its settings, and the pack that words the questions.

    `rounds` says, by prompt, how often a person has had it asked anew; what is not named was asked once.
    """

    caller: Caller
    model: ChatModel
    sampling: Sampling
    pack: Pack
    rounds: Mapping[str, int] = field(default_factory=dict)

    def decides(self, key: str, form: Form[Any] | None = None) -> dict[str, Any]:
        """What a call's reply depends on, besides the values filled in and the media."""
        return {
            "prompt": self.pack.hash(key),
            "model": self.model.name,
            "sampling": asdict(self.sampling),
            "form": [form.schema, self._layout(form)] if form else None,
            "round": self.rounds.get(key, 0),
        }

    async def ask(
        self,
        key: str,
        values: Mapping[str, str],
        form: Form[FormFields],
        duration: float,
        parts: tuple[Part, ...] = (),
    ) -> Asked[FormFields]:
        """Ask for a reply in a form, about a video of `duration` seconds."""
        return await self._ask(key, values, lambda text: form.read(text, duration), parts, form)

    async def ask_and_read(
        self,
        key: str,
        values: Mapping[str, str],
        form: Form[Any],
        read: Callable[[str], Value],
        parts: tuple[Part, ...] = (),
    ) -> Asked[Value]:
        """Ask for a reply in a form; `read` holds it against what else is known, and may raise ParseError."""
        return await self._ask(key, values, read, parts, form)

    async def ask_text(
        self,
        key: str,
        values: Mapping[str, str],
        parts: tuple[Part, ...] = (),
        read: Callable[[str], str] | None = None,
    ) -> Asked[str]:
        """Ask for free text; `read` checks it and may raise ParseError."""
        return await self._ask(key, values, read or read_text, parts, None)

    async def _ask(
        self,
        key: str,
        values: Mapping[str, str],
        read: Callable[[str], Value],
        parts: tuple[Part, ...],
        form: Form[Any] | None,
    ) -> Asked[Value]:
        text = self.pack.render(key, values)
        if form and self._layout(form):
            text = f"{text}\n\n{self._layout(form)}"
        request = Request(
            step=key,
            parts=(*parts, Text(text)),  # media before text: NIM and the Qwen family want it so
            system=self.pack.system,
            schema=form.schema if form and self.is_structured else None,
            sampling=self.sampling,
            round=self.rounds.get(key, 0),
        )
        return Asked(key, self.pack, await self.caller.ask(self.model, request, read))

    @property
    def is_structured(self) -> bool:
        """Whether replies are JSON.

        A pack that lays replies out itself (TAO's own prompts do) is answered in its text, never in JSON.
        """
        return self.model.capability.json_schema and self.pack.layout != "own"

    def _layout(self, form: Form[Any]) -> str:
        return "" if self.pack.layout == "own" else form.layout(self.is_structured)


async def all_of(*asked: Any) -> list[Any]:
    """The results of calls made side by side. If one fails the others still end, and are kept by their journal.

    Raises:
        BaseException: the first failure, once all have ended.
    """
    results = await asyncio.gather(*asked, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def origin(*asked: Asked[Any]) -> dict[str, Any]:
    """A row's provenance: the calls behind it, and the pack's prompts as they were then."""
    templates = {one.key: one.pack.hash(one.key) for one in asked}
    return provenance(*(one.answer for one in asked)) | {"pack": asked[0].pack.name, "templates": templates}


def read_text(text: str) -> str:
    """Free text that is there at all, and is no refusal: that would be taken for a caption."""
    if not text.strip():
        raise ParseError("The reply is empty. Write the text that was asked for.")
    if is_refusal(text):
        raise ParseError("The reply declines to answer. Write the text that was asked for.")
    return text.strip()
