"""A Qwen-VL checkpoint on this machine as a `ChatModel`: no server, no key, one question at a time.

It is shown frames, as the family's own video where their times are known, by the same encoding that students are
trained and asked with. The weights are loaded with the first question, in a thread of their own.
"""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from demitasse.answers.reasoning import split_reasoning
from demitasse.chat.kinds import LOCAL
from demitasse.chat.model import Capability, Image, Outcome, Reply, Request, Text, Usage, Video
from demitasse.chat.wire.completions import one_line
from demitasse.chat.wire.requests import frame_time, write_schema
from demitasse.errors import ConfigError, DataError, DemitasseError
from demitasse.student.processor_files import pixel_bounds, processor_json
from demitasse.student.weights import ADAPTER_CONFIG, base_of

if TYPE_CHECKING:
    from demitasse.student.encode import Encoded
    from demitasse.student.load import Student

# How each family writes boxes (`demitasse.chat.kinds.BOX_STYLES`).
BOXES = {"qwen2_5_vl": "qwen2_5_vl_px", "qwen3_vl": "qwen_1000"}


class LocalChat:
    """One checkpoint. To be used from one event loop.

    Args:
        path: a model folder in transformers' layout, or a LoRA adapter's.
        device: "auto" takes a GPU where there is one.
        dtype: "auto" is the checkpoint's own.
        max_pixels: of a picture, as requests will ask for it; None leaves the checkpoint's own bound.

    Raises:
        ConfigError: if the folder holds no model of a family that is known.
    """

    def __init__(
        self, path: str | Path, device: str = "auto", dtype: str = "auto", max_pixels: int | None = None
    ) -> None:
        self._folder = Path(path)
        self._device = device
        self._dtype = dtype
        boxes = _boxes(self._folder)
        fewest, most = pixel_bounds(processor_json(_base(self._folder)))
        self._capability = replace(LOCAL, boxes=boxes, min_pixels=fewest, max_pixels=max_pixels or most)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="local-chat")  # so one question at a time
        self._student: Student | None = None

    def __repr__(self) -> str:
        return f"LocalChat({str(self._folder)!r})"

    @cached_property
    def name(self) -> str:
        """The folder's name and its content's hash: "local:qwen3-vl-8b@1f2e3d4c5b6a"."""
        from demitasse.student.weights import model_hash

        return f"local:{self._folder.resolve().name}@{model_hash(self._folder)[:12]}"

    @property
    def capability(self) -> Capability:
        """Frames, and no schema."""
        return self._capability

    async def reply(self, request: Request) -> Reply:
        """Ask once. Never raises for what the model does."""
        started = time.monotonic()
        loop = asyncio.get_running_loop()
        try:
            reply = await loop.run_in_executor(self._thread, self._answer, request)
        except (DemitasseError, RuntimeError, ValueError, OSError) as error:  # torch's and Pillow's own among them
            reply = Reply(Outcome.ERROR, error=one_line(f"{type(error).__name__}: {error}"))
        return replace(reply, model=self.name, latency=time.monotonic() - started)

    async def close(self) -> None:
        """Let the weights go. A question that is being answered is waited for."""
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)
        self._student = None

    def _answer(self, request: Request) -> Reply:
        from demitasse.student.generate import generate

        student, sampling = self._loaded(), request.sampling
        prompt = _encode(student, request)
        (said,) = generate(student, [prompt], sampling.max_tokens, sampling.temperature or 0.0, [sampling.seed or 0])
        split = split_reasoning(said.text)
        cut = said.finish == "length"
        return Reply(
            outcome=Outcome.TRUNCATED if cut else Outcome.SUCCESS if split.final else Outcome.BLOCKED,
            text=split.final,
            reasoning=split.reasoning,
            finish_reason=said.finish,
            usage=Usage(prompt=len(prompt.input_ids), completion=said.tokens),
            error="" if cut or split.final else "the reply has no text",
        )

    def _loaded(self) -> Student:
        if self._student is None:
            from demitasse.student.load import load_student

            self._student = load_student(self._folder, self._dtype, self._device)
        return self._student


def _encode(student: Student, request: Request) -> Encoded:
    """The prompt's tensors.

    Raises:
        DataError: for what the encoding has no place for: several stills, or a whole file.
    """
    from demitasse.dataset import Item
    from demitasse.student.encode import see

    images = [part for part in request.parts if isinstance(part, Image)]
    times = [image.time for image in images if image.time is not None]
    if len(times) < len(images) > 1 or any(isinstance(part, Video) for part in request.parts):
        raise DataError("a local checkpoint is shown one still, or the frames of one video with their times")
    encoder = copy(student.encoder)
    schema = [write_schema(request.schema)] if request.schema is not None else []
    encoder.system_prompt = "\n\n".join([*([request.system] if request.system else []), *schema])
    bounds = encoder.vision.with_bounds(None, request.sampling.extra.get("max_pixels"))
    frames = _frames(images)
    clip = None if frames is None else see(frames, np.array(times or [0.0]), bounds)
    video, image = ("shown", None) if times else (None, "shown")
    return encoder.prompt(Item(_words(request), "", video, image), clip)


def _frames(images: Sequence[Image]) -> NDArray[np.uint8] | None:
    """The pictures as uint8 [N, H, W, 3]; None where there are none."""
    from PIL import Image as Picture
    from PIL import ImageOps

    shown = [ImageOps.exif_transpose(Picture.open(io.BytesIO(image.data))).convert("RGB") for image in images]
    return np.stack([np.asarray(picture, dtype=np.uint8) for picture in shown]) if shown else None


def _words(request: Request) -> str:
    """The text parts without the frames' labels, for the family tells times in its own way; then earlier turns."""
    texts = [part.text for part in request.parts if isinstance(part, Text) and frame_time(part) is None]
    for turn in request.turns:
        texts += [f"Your reply was:\n{turn.reply}", turn.correction]
    return "\n\n".join(texts)


def _boxes(folder: Path) -> str:
    """How the checkpoint in a folder writes boxes.

    Raises:
        ConfigError: if there is none, or of a family that is not known.
    """
    family = _model_type(folder)
    if family not in BOXES:
        raise ConfigError(f"{folder}: model type '{family}' cannot be asked; there are {', '.join(BOXES)}")
    return BOXES[family]


def _model_type(folder: Path) -> str:
    """The family that a folder's configuration names; of an adapter, its base's."""
    try:
        return str(json.loads((_base(folder) / "config.json").read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{folder} holds no model that can be asked ({type(error).__name__}): give the folder of a Qwen-VL "
            "checkpoint or of a LoRA adapter"
        ) from None


def _base(folder: Path) -> Path:
    """The folder itself; of an adapter its base's."""
    return base_of(folder) if (folder / ADAPTER_CONFIG).is_file() else folder
