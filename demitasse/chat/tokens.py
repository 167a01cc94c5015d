"""How many tokens a request will take, before anyone has counted: rules of thumb, marked as estimates wherever shown.

Text: four UTF-8 bytes a token, which is OpenAI's own rule for English ("one token is about four characters"). Images:
one token for 28 x 28 pixels, as the Qwen2-VL and Qwen2.5-VL processors cut them (patches of 14, merged two by two).
Video sent whole: 300 tokens a second, Gemini's documented figure at default resolution (258 a frame at one frame a
second, and 32 a second of sound). A price table may say otherwise for a model. What an endpoint really counted takes
the place of these numbers as soon as it has answered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import orjson

from demitasse.chat.attach import describe_media
from demitasse.chat.model import Request, Text

_MARGIN = 2.0  # of an upper bound over the estimate of media
_FRAMING = 64  # what a chat template adds around the messages
_UNKNOWN_IMAGE = (1024, 1024)  # the size of an image whose header cannot be read


@dataclass(frozen=True, slots=True)
class TokenRule:
    """What a model makes of media.

    Attributes:
        image_pixels: pixels of an image that make one token.
        image: tokens of an image of any size, in the place of `image_pixels`.
        video_second: tokens of a second of video that is sent whole and read at one frame a second.
    """

    image_pixels: float = 28 * 28
    image: float | None = None
    video_second: float = 300.0

    def image_tokens(self, width: int, height: int) -> float:
        """Tokens of one image."""
        return self.image if self.image is not None else width * height / self.image_pixels

    def read_at(self, fps: float | None) -> TokenRule:
        """The rule where the model is told how many frames a second to read; its own choice is taken for one.

        Fewer than one count as one: a second holds sound as well, and an estimate shall not be too low.
        """
        return self if fps is None else replace(self, video_second=self.video_second * max(1.0, fps))


DEFAULT = TokenRule()


def text_tokens(text: str) -> float:
    """Tokens of a text."""
    return len(text.encode("utf-8", "surrogatepass")) / 4


def estimate_tokens(request: Request, rule: TokenRule = DEFAULT) -> int:
    """About as many tokens as the prompt will take, its media included."""
    return math.ceil(_text_bytes(request) / 4 + _media_tokens(request, rule))


def most_tokens(request: Request, rule: TokenRule = DEFAULT) -> int:
    """No fewer tokens than the prompt will take: no tokenizer makes more tokens than bytes; media have a margin."""
    return math.ceil(_FRAMING + _text_bytes(request) + _MARGIN * _media_tokens(request, rule))


def _media_tokens(request: Request, rule: TokenRule) -> float:
    rule, total = rule.read_at(request.sampling.fps), 0.0
    for media in describe_media(request.parts):
        if "seconds" in media:
            total += media["seconds"] * rule.video_second
        else:
            total += media["count"] * rule.image_tokens(*(media["size"] or _UNKNOWN_IMAGE))
    return total


def _text_bytes(request: Request) -> int:
    texts = [request.system, *(part.text for part in request.parts if isinstance(part, Text))]
    texts += [text for turn in request.turns for text in (turn.reply, turn.correction)]
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return size + (len(orjson.dumps(request.schema)) if request.schema is not None else 0)
