"""Who captions and who picks: whoever answers items, be it a student of ours or an endpoint.

Both are asked the same items (`wording`): a student is shown them as it was trained on them, an endpoint gets the frame
as a picture and the question as text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from demitasse.dataset import Item

Ask = tuple[Item, Path]


@dataclass(frozen=True, slots=True)
class Said:
    """A reply. `finish` is "stop", "length" (cut short) or "error", and then `error` says why there is none."""

    text: str = ""
    finish: str = "stop"
    error: str = ""


class Asker(Protocol):
    """Answers items, each with the file that it is about. `at_once` is how many it is best given together."""

    at_once: int

    def ask(self, asks: Sequence[Ask], progress: Callable[[int], object]) -> list[Said]:
        """Replies in the order of the asks; `progress` is told how many more are answered."""
        ...


@dataclass(frozen=True, slots=True)
class AskerSettings:
    """Whom to ask.

    Attributes:
        model: a student's folder; with `url`, a model's name at that endpoint.
        url: of an OpenAI-compatible endpoint; empty for a student.
        api_key_env: the variable that holds the endpoint's key.
        max_new_tokens: of a reply.
        batch_size: items that a student answers at once, requests that an endpoint has in flight.
        max_pixels: of a frame; None leaves the student's own bound, and the endpoint a camera's VGA.
        device: of a student.
    """

    model: str
    url: str = ""
    api_key_env: str = "OPENAI_API_KEY"
    max_new_tokens: int = 256
    batch_size: int = 16
    max_pixels: int | None = None
    device: str = "auto"

    def record(self) -> dict[str, object]:
        """All that decides the replies, as JSON, without secrets; a student's weights stand for its folder.

        Raises:
            ConfigError: if the folder holds no student.
        """
        decides = {"max_new_tokens": self.max_new_tokens, "max_pixels": self.max_pixels}
        if self.url:
            from demitasse.chat.hosts import check_url, identity

            return {"model": f"{identity(check_url(self.url))}/{self.model}", **decides}
        from demitasse.student.weights import model_hash

        return {"model": model_hash(Path(self.model)), **decides}
