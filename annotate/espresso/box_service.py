"""A detector behind a small HTTP interface: GroundingDINO, OWL, whatever runs in an environment of its own.

It is sent one POST for a frame:

    {"image": "<a JPEG, base64>", "names": ["white bowl", "kettle"]}

and answers with as many lists as there are names, boxes in fractions of the frame, x first, from the top left corner:

    {"boxes": [[{"box": [0.10, 0.20, 0.50, 0.60], "score": 0.71}], []]}
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from annotate.espresso.detectors import Detected, Found
from annotate.espresso.settings import BoxSettings
from annotate.referring.pictures import Shown
from demitasse.chat.hosts import check_url, identity, read_key, without_key
from demitasse.chat.model import Capability, Image
from demitasse.engine.step import Quarantine
from demitasse.errors import ConfigError

if TYPE_CHECKING:
    import httpx

ATTEMPTS, PAUSE, AT_ONCE = 3, 0.5, 4  # tries, seconds between the first two, frames in flight
TRANSIENT = 500  # status from which another try may do better
QUOTED = 200  # characters of a complaint


@dataclass(eq=False)
class ServiceDetector:
    """A detector behind HTTP. It is free, as far as we know: what it says is kept in the step's own rows."""

    settings: BoxSettings
    _client: httpx.AsyncClient | None = field(init=False, default=None)
    _free: asyncio.Semaphore = field(init=False, default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def __post_init__(self) -> None:
        self._key = service_key(self.settings)

    @property
    def name(self) -> str:
        """The name in the settings, and where it runs."""
        return f"service:{identity(check_url(self.settings.service))}/{self.settings.service_name}"

    @property
    def capability(self) -> Capability:
        """Any frame as it is."""
        return Capability(video=False, json_schema=False)

    def decides(self) -> dict[str, Any]:
        """Its name: what else its boxes depend on, `service_name` has to tell."""
        return {"service": self.name}

    async def find(self, shown: Shown, names: Sequence[str]) -> Found:
        """One request, or a few where it is busy."""
        image = next(part for part in shown.parts if isinstance(part, Image))
        body = orjson.dumps({"image": base64.b64encode(image.data).decode(), "names": list(names)})
        async with self._free:
            reply = await self._post(body)
        return Found(read_boxes(reply, len(names)))

    async def _post(self, body: bytes) -> bytes:
        fault = ""
        for attempt in range(ATTEMPTS):
            await asyncio.sleep(PAUSE * (2**attempt - 1))
            fault, reply = await self._try(body)
            if not fault:
                return reply
        raise Quarantine(f"the box service failed {ATTEMPTS} times: {fault}")

    async def _try(self, body: bytes) -> tuple[str, bytes]:
        """What failed for a passing reason, and the reply."""
        import httpx  # here: most runs have no service

        if self._client is None:
            self._client = httpx.AsyncClient(timeout=self.settings.service_timeout)
        headers = {"Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            response = await self._client.post(self.settings.service, content=body, headers=headers)
        except httpx.HTTPError as error:
            return f"{type(error).__name__}", b""
        content = without_key(response.content, self._key)
        if response.status_code >= TRANSIENT:
            return f"status {response.status_code}", b""
        if not response.is_success:
            said = " ".join(content.decode("utf-8", "replace").split())[:QUOTED]
            raise Quarantine(f"the box service refused a frame with status {response.status_code}: {said}")
        return "", content


def service_key(settings: BoxSettings) -> str:
    """The service's key; "" where it asks for none.

    Raises:
        ConfigError: if its variable is not set, or the address carries what would end up in files.
    """
    check_url(settings.service)
    if not settings.service_name:
        raise ConfigError("boxes.service_name is not set: say which detector boxes.service is, with its version")
    return read_key([settings.service_key_env], settings.service) if settings.service_key_env else ""


def read_boxes(reply: bytes, names: int) -> list[list[Detected]]:
    """The boxes of a service's reply; whether they lie in the frame is not looked at.

    Raises:
        Quarantine: if it has another form.
    """
    try:
        lists = orjson.loads(reply)["boxes"]
        found = [[_detected(one) for one in boxes] for boxes in lists]
    except (ValueError, KeyError, TypeError, OverflowError):
        said = " ".join(reply.decode("utf-8", "replace").split())[:QUOTED]
        raise Quarantine(
            f'the box service must answer {{"boxes": [[{{"box": [...], "score": ...}}]]}}: {said}'
        ) from None
    if len(found) != names:
        raise Quarantine(f"the box service answered with {len(found)} lists of boxes for {names} names")
    return found


def _detected(value: Any) -> Detected:
    box, score = tuple(float(number) for number in value["box"]), value.get("score")
    if len(box) != 4:
        raise ValueError(value)
    return Detected(box, None if score is None else float(score))
