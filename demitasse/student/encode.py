"""One item to tensors: the path that training, evaluation and prediction share.

What is trained is what is asked, because both are worded by the same way of asking (`demitasse.student.modes`) and
encoded alike: a training example is a prompt with its target appended. The prompt is built in pieces around the
question, so that a question or an answer that contains `<|im_start|>assistant` is data, not a turn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from demitasse.dataset import Item
from demitasse.errors import ConfigError, DataError
from demitasse.student.family import Family, text_and_vision_positions
from demitasse.student.modes import Size, Way, asked_question, target_text
from demitasse.student.vision import Pixels, VisionSettings, resize_frames

IGNORE = -100  # the label that no loss counts
# Stands for the question while the template is rendered; a private-use character that no template touches.
QUESTION = "\ue000"


@dataclass(frozen=True, slots=True)
class Clip:
    """What a student sees: fitted frames, and the true seconds [N] of the frames they were made from.

    It is made once for a video and shared by all of the video's questions. With `stills`, each of the N frames fills a
    temporal patch of its own, as frames that were chosen out of a video do: they are not neighbours in time.
    """

    pixels: Pixels
    times: NDArray[np.float64]
    stills: bool = False


def see(frames: NDArray[np.uint8], times: NDArray[np.float64], vision: VisionSettings) -> Clip:
    """The clip of uint8 frames [N, H, W, 3] at `times` [N] seconds."""
    return Clip(resize_frames(torch.from_numpy(np.array(frames)), vision), times)


@dataclass(frozen=True, slots=True)
class Encoded:
    """One sequence, ready for collation.

    `input_ids`, `labels`, `token_types` are int64 [L]; `positions` int64 [3, L]; `labels` is -100 but on the
    target. `pixels` is None for a text-only item. `seconds_per_patch` is None for a model that is not told it.
    Nothing is padded and nothing has a batch axis.
    """

    input_ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    token_types: NDArray[np.int64]
    positions: NDArray[np.int64]
    pixels: Pixels | None
    seconds_per_patch: float | None
    is_video: bool

    @property
    def label_count(self) -> int:
        """How many tokens the loss counts."""
        return int((self.labels != IGNORE).sum())


def _size(clip: Clip | None) -> Size | None:
    """Width and height of the frames as they are seen."""
    return None if clip is None else (clip.pixels.frames.shape[-1], clip.pixels.frames.shape[-2])


class Encoder:
    """Encodes items for one model: its tokenizer, family and vision settings."""

    def __init__(
        self, tokenizer: Any, config: Any, family: Family, vision: VisionSettings, system_prompt: str = ""
    ) -> None:
        self.tokenizer = tokenizer
        self.family = family
        self.vision = vision
        self.system_prompt = system_prompt
        self.image_token_id: int = config.image_token_id
        self.video_token_id: int = config.video_token_id
        self._end_of_turn = self._ids("<|im_end|>", special=True)

    def prompt(self, item: Item, clip: Clip | None, way: Way = "answer") -> Encoded:
        """Encode what is asked: system, media and question, up to where the student begins to write.

        Args:
            item: the item.
            clip: what is seen of it; None for nothing, a prompt of text alone.
            way: how it is asked.

        Raises:
            DataError: if the way needs evidence, and there is none.
        """
        return self._encode(self._asked(item, clip, way), clip, target=None)

    def example(self, item: Item, clip: Clip | None, way: Way) -> Encoded:
        """Encode a training example: the prompt, then the target with labels.

        Raises:
            DataError: as `prompt`, and for an item without an answer, or without the evidence that it is to write.
        """
        if not item.answer.strip():
            raise DataError(f"{item.media_id}: the item's 'answer' is empty, so there is nothing to learn")
        target = target_text(item, way, self.family.box_style, _size(clip))
        return self._encode(self._asked(item, clip, way), clip, target)

    def _asked(self, item: Item, clip: Clip | None, way: Way) -> Item:
        """The item with its question as it is put."""
        return replace(item, question=asked_question(item, way, self.family.box_style, _size(clip)))

    def _encode(self, item: Item, clip: Clip | None, target: str | None) -> Encoded:
        is_video = item.video_id is not None
        pixels = None if clip is None else clip.pixels
        seconds, media = (1.0, None) if clip is None else self._media(clip, is_video)
        prompt = self._prompt_ids(item.question, media, is_video)
        answer = [] if target is None else [*self._ids(target), *self._end_of_turn]
        ids = np.array([*prompt, *answer], dtype=np.int64)
        labels = np.full(len(ids), IGNORE, dtype=np.int64)
        labels[len(prompt) :] = ids[len(prompt) :]
        # The question is tokenised without special tokens, so each pad here is one that we wrote.
        types = np.where(ids == self.image_token_id, 1, np.where(ids == self.video_token_id, 2, 0))
        runs = [] if pixels is None else self.family.video_runs(pixels.grid) if is_video else [pixels.grid]
        positions = text_and_vision_positions(types, runs, self.family, seconds, self.vision.merge_size)
        told = seconds if self.family.takes_seconds else None
        return Encoded(ids, labels, types, positions, pixels, told, is_video)

    def _media(self, clip: Clip, is_video: bool) -> tuple[float, str]:
        """Seconds between temporal patches, and the text that stands for the medium."""
        grid = clip.pixels.grid
        per_patch = grid[1] * grid[2] // self.vision.merge_size**2
        if not is_video:
            return 1.0, "<|image_pad|>" * per_patch
        step = 1 if clip.stills else self.vision.temporal_patch_size
        spacing = float(np.diff(clip.times).mean()) if len(clip.times) > 1 else 1.0
        # The last frame was repeated to fill its patch, so its time is too.
        padded = np.concatenate([clip.times, np.repeat(clip.times[-1:], -len(clip.times) % step)])
        middles = padded.reshape(-1, step)[:, [0, -1]].mean(axis=1)
        return spacing * step, self.family.write_video(per_patch, middles, "<|video_pad|>")

    def _prompt_ids(self, question: str, media: str | None, is_video: bool) -> list[int]:
        before, after = self._frame(media is not None, "video" if is_video else "image")
        if media is not None:
            before = before.replace("<|video_pad|>" if is_video else "<|image_pad|>", media, 1)
        return [*self._ids(before, special=True), *self._ids(question), *self._ids(after, special=True)]

    def _frame(self, with_media: bool, kind: str) -> tuple[str, str]:
        """The template's text before and after the question."""
        content = [{"type": kind}] if with_media else []
        messages: list[dict[str, Any]] = [{"role": "user", "content": [*content, {"type": "text", "text": QUESTION}]}]
        if self.system_prompt:
            messages.insert(0, {"role": "system", "content": [{"type": "text", "text": self.system_prompt}]})
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        if text.count(QUESTION) != 1:
            raise ConfigError("the tokenizer's chat template does not write the user's text exactly once")
        before, after = text.split(QUESTION)
        return before, after

    def _ids(self, text: str, special: bool = False) -> list[int]:
        """Token ids of a piece; only with `special` do control tokens in the text count as such."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False, split_special_tokens=not special)["input_ids"]
        return ids
