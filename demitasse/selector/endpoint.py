"""A captioner or picker behind an OpenAI-compatible endpoint, asked through the engine: journal, limits, retries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from demitasse.chat.model import Image, Part, Request, Sampling, Text
from demitasse.chat.openai import OpenAIChat
from demitasse.dataset import Item
from demitasse.dataset.item_id import storable
from demitasse.dataset.shown_frames import shown_frames
from demitasse.engine.caller import Caller, open_caller, provenance
from demitasse.engine.limits import Limits
from demitasse.engine.runner import Finished, run
from demitasse.engine.step import Fields, Quarantine, Record, Step
from demitasse.errors import DemitasseError
from demitasse.media.cache import FrameCache
from demitasse.media.images import encode_jpeg
from demitasse.media.sample import SamplingPolicy
from demitasse.selector.asking import Ask, AskerSettings, Said
from demitasse.selector.choosing import nearest

FRAME_PIXELS = 640 * 480  # as annotation sends frames
_ALL = 2**31  # the engine shares its own requests out


class EndpointAsker:
    """One model behind one address. Its replies are kept in `folder`."""

    at_once = _ALL

    def __init__(self, settings: AskerSettings, policy: SamplingPolicy, cache: FrameCache, folder: Path) -> None:
        self._settings, self._policy, self._cache, self._folder = settings, policy, cache, folder
        self._open()  # an address or a key that cannot be used is said before any video is decoded

    def _open(self) -> OpenAIChat:
        return OpenAIChat(self._settings.model, base_url=self._settings.url, api_key_env=self._settings.api_key_env)

    def ask(self, asks: Sequence[Ask], progress: Callable[[int], object]) -> list[Said]:
        """Replies; what an earlier run has paid for is not asked again.

        Raises:
            DemitasseError: if the endpoint cannot be reached at all, or the run is interrupted.
        """
        said: dict[str, Said] = {}
        model = self._open()  # its connections belong to one event loop

        def take(finished: Finished) -> None:
            row = finished.rows.get("ask")
            lost = Said(finish="error", error="no usable reply; the folder's quarantine.jsonl says why")
            said[finished.record.id] = lost if row is None else Said(row["text"], row["finish"])
            progress(1)

        records = [Record(str(place), {"place": place}) for place in range(len(asks))]
        with open_caller(self._folder, Limits(concurrency=self._settings.batch_size)) as caller:
            step = Step(
                name="ask",
                file="replies.jsonl",
                version=1,
                inputs=lambda fields: self._request(asks[fields["place"]]).key(model.name),
                run=partial(self._reply, caller, model, asks),
            )
            summary = run(
                records,
                [step],
                self._folder,
                workers=2 * self._settings.batch_size,
                progress=False,
                caller=caller,
                models=(model,),
                on_finished=take,
                id_field="ask",
            )
        if summary.interrupted:
            raise KeyboardInterrupt
        return [said[record.id] for record in records]

    async def _reply(self, caller: Caller, model: OpenAIChat, asks: Sequence[Ask], fields: Fields) -> Fields:
        answer = await caller.ask(model, self._request(asks[fields["place"]]), storable)
        return {"text": answer.value, "finish": "stop", "provenance": provenance(answer)}

    def _request(self, ask: Ask) -> Request:
        item, path = ask
        sampling = Sampling(temperature=0.0, max_tokens=self._settings.max_new_tokens)
        return Request("frame", (*self._pictures(item, path), Text(item.question)), sampling=sampling)

    def _pictures(self, item: Item, path: Path) -> list[Part]:
        wanted = shown_frames(item) or []
        if not wanted:
            return []
        try:
            frames = self._cache.frames(path, self._policy, self._settings.max_pixels or FRAME_PIXELS)
        except DemitasseError as fault:
            raise Quarantine(str(fault)) from fault
        places = nearest(frames.times.tolist(), wanted)
        return [Image(encode_jpeg(frames.pixels[place]), "image/jpeg", float(frames.times[place])) for place in places]
