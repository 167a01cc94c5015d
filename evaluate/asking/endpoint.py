"""A student behind a chat endpoint: the trained one on a server, or any other model, asked as the local one is.

The prompt is the one that is trained, without a word of ours beside it, and the frames are those that the local
student is shown. Replies that were paid for are kept in the run's `calls.jsonl`; limits, patience with an endpoint that
is busy, and the budget are the engine's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demitasse.answers.reasoning import split_reasoning
from demitasse.chat.model import ChatModel, Outcome, Part, Reply, Request, Sampling, Text
from demitasse.dataset import Item
from demitasse.engine.budget import Spending
from demitasse.engine.caller import Caller, open_caller
from demitasse.engine.limits import Limits
from demitasse.engine.share import Share
from demitasse.errors import ConfigError, DataError, DemitasseError, MediaError
from demitasse.prices import Prices
from demitasse.student.modes import REASONS, AskMode, Size, Way, asked_question, with_generated_evidence
from demitasse.student.record import PUBLISHED
from demitasse.student.weights import ADAPTER_CONFIG, base_of, model_hash
from evaluate.asking.answering import Batch, Take
from evaluate.asking.shown import SentAs, parts_of
from evaluate.asking.student import StudentSettings
from evaluate.records import Json

if TYPE_CHECKING:
    from demitasse.student.encode import Clip
    from demitasse.student.sight import Sight
    from demitasse.student.vision import VisionSettings

LARGEST = 2**31  # pixels of a frame that is sent as it was decoded


@dataclass(frozen=True, slots=True)
class Said:
    """A reply as a student in this process would have written it. `finish` is "stop" or "length"."""

    text: str
    finish: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """How a model behind an endpoint is asked, besides what `StudentSettings` says of frames and prompts.

    Attributes:
        sent_as: how a video goes out.
        box_style: how it writes boxes, a name of `BOX_STYLES`; None if nobody has said.
        temperature: 0 for the likeliest words; None leaves it to the endpoint, for models that refuse it.
        max_new_tokens: an answer longer than this is cut, and counted as cut.
        mode: the way of asking.
        system_prompt: put before every question.
        seed: of what is drawn at a temperature, which an endpoint may heed or not.
    """

    sent_as: SentAs
    box_style: str | None = None
    temperature: float | None = 0.0
    max_new_tokens: int = 512
    mode: AskMode = "answer"
    system_prompt: str = ""
    seed: int = 0

    @property
    def sampling_seed(self) -> int | None:
        """The seed to send; None where nothing is drawn, or the endpoint is left to itself."""
        return self.seed if self.temperature else None

    def record(self) -> Json:
        """All of it that decides the answers and is not among `StudentSettings`."""
        decoding = "greedy" if self.temperature == 0 else {"temperature": self.temperature, "seed": self.sampling_seed}
        return {"sent_as": self.sent_as, "box_style": self.box_style, "decoding": decoding}


def open_endpoint(
    open_chat: Callable[[], ChatModel],
    shown: StudentSettings,
    student: Path | None,
    cache: Path,
    how: EndpointSettings,
    limits: Limits,
    prices: Prices,
) -> EndpointStudent:
    """A student behind an endpoint. The arguments hold no key, so that another process may open it as well."""
    return EndpointStudent(open_chat(), open_eyes(shown, student, cache)[0], how, limits, prices)


def endpoint_record(shown: StudentSettings, student: Path | None, chat: ChatModel, how: EndpointSettings) -> Json:
    """All that decides the answers, as JSON; the hash of a folder stands for what is said to be served."""
    local = {name: value for name, value in shown.shown().items() if name not in ("dtype", "positions", "mcq")}
    return {**local, "model": model_hash(student) if student else "", "endpoint": chat.name, **how.record()}


def open_eyes(shown: StudentSettings, student: Path | None, cache: Path) -> tuple[Sight, str | None]:
    """What an endpoint's model is shown, and how it writes boxes; without its folder, frames as they are decoded.

    Raises:
        ConfigError: if the folder is no student, or the frame limits contradict each other.
    """
    from demitasse.media.cache import FrameCache
    from demitasse.media.sample import SamplingPolicy
    from demitasse.student.sight import Sight, SightSettings

    vision, style = _vision(student)
    policy = SamplingPolicy(shown.fps, shown.max_frames, shown.min_frames)
    seen = SightSettings(policy, shown.max_pixels, shown.frames, shown.video_pixels)
    return Sight(seen, FrameCache(cache), vision.with_bounds(shown.min_pixels, shown.max_pixels)), style


def served_otherwise(student: Path) -> str:
    """A warning about servers that count a student's positions otherwise than it learnt, where vLLM's usual one does.

    Raises:
        ConfigError: if the folder is no student.
    """
    from demitasse.student.positions import learnt_positions, model_type, servers

    learnt = learnt_positions(student)
    others = servers(model_type(student), learnt)[1] if learnt != PUBLISHED else ""
    return f"warning: {student} learnt positions '{learnt}'. {others}" if others else ""


def _vision(student: Path | None) -> tuple[VisionSettings, str | None]:
    from demitasse.student.vision import VisionSettings, read_vision_settings

    if student is None:
        plain = (0.0, 0.0, 0.0)  # nothing is normalised here
        return VisionSettings(1, 1, 1, plain, plain, min_pixels=1, max_pixels=LARGEST), None
    from transformers import AutoConfig

    from demitasse.student.family import family_of

    folder = base_of(student) if (student / ADAPTER_CONFIG).is_file() else student
    if not (folder / "config.json").is_file():
        raise ConfigError(f"{student}: no config.json; give --student the folder of the student that is served")
    return read_vision_settings(folder), family_of(AutoConfig.from_pretrained(folder)).box_style


class EndpointStudent:
    """Asks a chat endpoint many items at once; to be used for one call of `ask`, whose event loop the model belongs to.

    Args:
        chat: who is asked.
        sight: what it is shown.
        settings: how.
        limits: how hard it may be asked.
        prices: what its tokens cost; None if nobody counts.
    """

    def __init__(
        self, chat: ChatModel, sight: Sight, settings: EndpointSettings, limits: Limits, prices: Prices | None = None
    ) -> None:
        self._chat, self._sight, self._settings = chat, sight, settings
        self._limits, self._prices = limits, prices
        self._eyes = ThreadPoolExecutor(1, thread_name_prefix="frames")  # decoded frames are kept for one thread

    async def ask(self, batches: AsyncIterator[Batch], take: Take, share: Share) -> None:
        """Ask all items; `take` is called with each batch and what came of it, in the order of the replies.

        Raises:
            Stop: if it makes no sense to go on: a wrong key, an endpoint that is down, a budget that is used up.
        """
        spending = Spending(self._prices, share.purse) if self._prices else None
        at_once = -(-2 * self._limits.concurrency // share.parts)  # while one is decoded, another is asked about
        try:
            with open_caller(
                share.folder, self._limits, gates=share.gates, budget=spending, beneath=share.paid
            ) as caller:
                async with asyncio.TaskGroup() as group:
                    for _ in range(at_once):
                        group.create_task(self._ask_some(caller, batches, take))
        except* DemitasseError as faults:
            raise _first(faults) from None
        finally:
            self._eyes.shutdown(cancel_futures=True)
            await self._chat.close()

    async def _ask_some(self, caller: Caller, batches: AsyncIterator[Batch], take: Take) -> None:
        async for batch in batches:
            take(batch, [await self._try_one(caller, one.item, one.path) for one in batch.work])

    async def _try_one(self, caller: Caller, item: Item, path: Path) -> Said | DemitasseError:
        try:
            return await self._ask_one(caller, item, path)
        except (MediaError, DataError) as fault:
            return fault

    async def _ask_one(self, caller: Caller, item: Item, path: Path) -> Said:
        """Raises DataError where the endpoint has no answer, MediaError for a file that cannot be read."""
        clip, parts = await asyncio.get_running_loop().run_in_executor(self._eyes, self._see, item, path)
        mode = self._settings.mode
        if mode != "two_stage":
            return await self._put(caller, item, clip, parts, mode)
        evidence = await self._put(caller, item, clip, parts, "evidence")
        item = with_generated_evidence(item, split_reasoning(evidence.text).final)
        answer = await self._put(caller, item, clip, parts, "answer_from_evidence")
        return replace(answer, evidence=evidence.text)

    def _see(self, item: Item, path: Path) -> tuple[Clip | None, tuple[Part, ...]]:
        clip = self._sight.show(item, path)
        return clip, parts_of(clip, item.video_id is not None, self._settings.sent_as)

    async def _put(self, caller: Caller, item: Item, clip: Clip | None, parts: tuple[Part, ...], way: Way) -> Said:
        size: Size | None = (clip.pixels.frames.shape[-1], clip.pixels.frames.shape[-2]) if clip else None
        question = Text(asked_question(item, way, self._settings.box_style, size))
        settings = self._settings
        extra = _switches(way) if self._chat.capability.template_switches else {}
        sampling = Sampling(settings.temperature, settings.max_new_tokens, seed=settings.sampling_seed, extra=extra)
        request = Request("", (*parts, question), settings.system_prompt, sampling=sampling)
        return said(await caller.ask_once(self._chat, request))


def _switches(way: Way) -> dict[str, Any]:
    """What a server would else take from the checkpoint's files: its template's reasoning, and its penalty."""
    return {"chat_template_kwargs": {"enable_thinking": way in REASONS}, "repetition_penalty": 1.0}


def said(reply: Reply) -> Said:
    """A reply as the student's own text, reasoning before the answer.

    Raises:
        DataError: if there is none: the endpoint failed, or withheld it.
    """
    withheld = reply.outcome is Outcome.BLOCKED and reply.finish_reason == "content_filter"
    if reply.outcome is Outcome.ERROR or withheld:
        raise DataError(reply.error or reply.finish_reason)
    text = reply.error if reply.outcome is Outcome.REFUSED and not reply.text else reply.text
    cut = reply.outcome is Outcome.TRUNCATED
    if reply.raw:
        text = reply.raw.strip()
    elif reply.reasoning:
        closing = "\n</think>\n\n" if text else ""  # without an answer it was cut, or never closed
        text = f"<think>\n{reply.reasoning}{closing}{text}"
    return Said(text, "length" if cut else "stop")


def _first(faults: BaseExceptionGroup[DemitasseError]) -> DemitasseError:
    """One of them: the others say the same of other items."""
    one: Any = faults
    while isinstance(one, BaseExceptionGroup):
        one = one.exceptions[0]
    fault: DemitasseError = one
    return fault
