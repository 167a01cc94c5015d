"""A stand-in for a paid endpoint: answers Demitasse's prompts about toy clips and pictures from their truth.

It knows a clip or picture from the marker in the pixels it is sent or, in a text-only step, from the reference that
its own captions carry; it knows the step from the request, so prompts can be edited freely. Latency, failures and
mistakes are settable. It is never a default outside the demo, and its name in every file says what it is.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
from collections import OrderedDict
from collections.abc import Iterator, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from demitasse.chat.blocks import read_blocks
from demitasse.chat.model import Capability, Image, Outcome, Reply, Request, Usage, Video
from demitasse.errors import DataError
from demitasse.media.exif import ORIENTATION, displayed_size, known_orientation
from demitasse.toyworld import cotask_teacher, espresso_teacher, examiner, scene_teacher, teacher
from demitasse.toyworld.clock import time_of
from demitasse.toyworld.marker import read_marker
from demitasse.toyworld.scene import toy_scene
from demitasse.toyworld.scene_teacher import DEFAULT_BOXES
from demitasse.toyworld.world import CLIP_COUNT, ToyClip, toy_clip

FRAMES_READ = 3  # of a video: enough for a vote on its marker
REMEMBERED = 256  # videos whose number is kept, so that a video sent four times is decoded once


class ScriptedModel:
    """A `ChatModel` that plays teacher and judge of the toy world.

    Args:
        latency: seconds that every reply takes.
        error_rate: share of attempts that fail as a busy endpoint does; another attempt may succeed.
        mistakes: share of clips that are taken for another one, so that the answers are wrong but well formed.
        boxes: how it writes and reads boxes, a name of `BOX_STYLES`.
        box_mistakes: share of the boxes of toy pictures and frames that are wrong; `demitasse.toyworld.mistakes` says
            which of pictures'.
        check_mistakes: share of the verdicts on such boxes that are wrong.
    """

    def __init__(
        self,
        latency: float = 0.0,
        error_rate: float = 0.0,
        mistakes: float = 0.0,
        boxes: str = DEFAULT_BOXES,
        box_mistakes: float = 0.0,
        check_mistakes: float = 0.0,
    ) -> None:
        self._latency = latency
        self._error_rate = error_rate
        self._mistakes = mistakes
        self._boxes = boxes
        self._box_mistakes = box_mistakes
        self._check_mistakes = check_mistakes
        self._attempts: dict[str, int] = {}
        self._known: OrderedDict[bytes, int | None] = OrderedDict()

    @property
    def name(self) -> str:
        """Says in every key and file that nobody real answered; mistakes are part of what was answered."""
        shares = (
            ("mistakes", self._mistakes),
            ("box_mistakes", self._box_mistakes),
            ("check_mistakes", self._check_mistakes),
        )
        told = [f"{name}={share:g}" for name, share in shares if share]
        told += [f"boxes={self._boxes}"] if self._boxes != DEFAULT_BOXES else []
        return f"scripted:{','.join(told)}" if told else "scripted"

    @property
    def capability(self) -> Capability:
        """Takes whatever an OpenAI-compatible endpoint for Qwen-VL does."""
        return Capability(boxes=self._boxes)

    async def reply(self, request: Request) -> Reply:
        """Answer from the truth, after the set latency."""
        await asyncio.sleep(self._latency)
        if self._fails(request):
            return Reply(Outcome.ERROR, error="scripted failure: busy", retryable=True, model=self.name)
        try:
            told = self._told(request)
        except KeyError:
            error = f"the scripted model knows no step '{request.step}': it teaches, checks and judges, no more"
            return Reply(Outcome.ERROR, error=error, model=self.name)
        except DataError as fault:  # a picture or box that no model of this style takes
            return Reply(Outcome.ERROR, error=str(fault), model=self.name)
        text = told if isinstance(told, str) else orjson.dumps(told).decode()
        usage = Usage(prompt=len(request.text) // 4, completion=len(text) // 4)
        return Reply(Outcome.SUCCESS, text, model=self.name, finish_reason="stop", usage=usage, latency=self._latency)

    async def close(self) -> None:
        """Nothing is held open."""

    def _told(self, request: Request) -> teacher.Told:
        if request.step == "check":
            return {"ready": True}
        if request.step == "judge":
            blocks = read_blocks(request.text)
            return teacher.judge(blocks.get("reference", ""), blocks.get("response", ""), request.schema)
        if request.step in scene_teacher.STEPS:
            return scene_teacher.tell(request, self._see(request))
        if request.step in espresso_teacher.SEEN:
            return espresso_teacher.see(request, self._see_frame(request))
        if request.step == cotask_teacher.PLACES:
            return cotask_teacher.find(request, self._see_frame(request))
        clip = self._recognise(request)
        if request.step in cotask_teacher.STEPS:
            return cotask_teacher.tell(request, clip and self._mistaken(clip))
        if request.step in espresso_teacher.STEPS:
            return espresso_teacher.tell(request, clip and self._mistaken(clip))
        if request.step in examiner.STEPS:
            return examiner.examine(request, clip and self._mistaken(clip))
        return teacher.excuse(request.step) if clip is None else teacher.tell(request.step, self._mistaken(clip))

    def _recognise(self, request: Request) -> ToyClip | None:
        media = [part for part in request.parts if isinstance(part, (Image, Video))]
        if not media:
            return teacher.find_mark(request.text)
        number = self._number(media)
        return None if number is None else toy_clip(number)

    def _see(self, request: Request) -> scene_teacher.Sight | None:
        """The toy picture that is shown; None if there is none."""
        shown = next((part for part in request.parts if isinstance(part, Image)), None)
        number = self._number([shown]) if shown else None
        if shown is None or number is None:
            return None
        units = scene_teacher.units_of(self.capability, _displayed_size(shown))
        return scene_teacher.Sight(toy_scene(number), units, self._box_mistakes, self._check_mistakes)

    def _see_frame(self, request: Request) -> espresso_teacher.Frame | None:
        """The frame of a toy clip that is shown; None if there is none."""
        clip, shown = self._recognise(request), next((part for part in request.parts if isinstance(part, Image)), None)
        if clip is None or shown is None:
            return None
        units = scene_teacher.units_of(self.capability, _displayed_size(shown))
        time = time_of(clip.number, shown.data) if shown.time is None else shown.time
        return espresso_teacher.Frame(self._mistaken(clip), time, units, self._box_mistakes)

    def _number(self, media: Sequence[Image | Video]) -> int | None:
        """What the marker says in most frames of what was sent."""
        digest = hashlib.sha256(b"".join(part.data for part in media)).digest()
        if digest not in self._known:
            self._known[digest] = read_marker(_frames(media))
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return self._known[digest]

    def _mistaken(self, clip: ToyClip) -> ToyClip:
        chance = random.Random(f"mistake about toy clip {clip.number}")
        return toy_clip(chance.randrange(CLIP_COUNT)) if chance.random() < self._mistakes else clip

    def _fails(self, request: Request) -> bool:
        if not self._error_rate:
            return False
        key = request.key(self.name)
        attempt = self._attempts[key] = self._attempts.get(key, 0) + 1
        return random.Random(f"failure {attempt} of {key}").random() < self._error_rate


def _displayed_size(image: Image) -> tuple[int, int]:
    """Width and height of an image that was sent, as its EXIF orientation has it displayed."""
    from PIL import Image as Picture

    with Picture.open(io.BytesIO(image.data)) as picture:  # reads the header only
        orientation = known_orientation(picture.getexif().get(ORIENTATION))
        return displayed_size(*picture.size, orientation)


def _frames(media: Sequence[Image | Video]) -> Iterator[NDArray[np.uint8]]:
    """The first frames of what was sent: uint8 [H, W, 3] each. Media that cannot be read show nothing."""
    import av
    from PIL import Image as Picture
    from PIL import ImageOps

    for part in media[:FRAMES_READ]:
        if isinstance(part, Image):
            with Picture.open(io.BytesIO(part.data)) as picture:
                yield np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
        else:
            try:
                with av.open(io.BytesIO(part.data), "r") as container:
                    for _, frame in zip(range(FRAMES_READ), container.decode(video=0), strict=False):
                        yield np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
            except (av.error.FFmpegError, IndexError):
                return
