"""One item to tensors: the path that training, evaluation and prediction share.

What is trained is what is asked, because both are worded by the same way of asking (`demitasse.student.modes`) and
encoded alike: a training example is a prompt with its target appended. The prompt is built in pieces around the
question, so that a question or an answer that contains `<|im_start|>assistant` is data, not a turn.

Templates of newer families have a switch for reasoning. It is on for the ways that reason, and there the template
itself opens the reasoning; for the others it is off, and the template writes that there was none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from demitasse.dataset import Item
from demitasse.errors import ConfigError, DataError
from demitasse.student.family import Family, text_and_vision_positions
from demitasse.student.modes import REASONS, Size, Way, asked_question, target_parts
from demitasse.student.token_kinds import CODES, Kind, ids_and_spans, token_kinds
from demitasse.student.vision import Pixels, VisionSettings, resize_frames

IGNORE = -100  # the label that no loss counts
# Stands for the question while the template is rendered; a private-use character that no template touches.
QUESTION = "\ue000"
OPENED = "<think>\n"  # how a prompt ends in which the template has opened the reasoning


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
    target; `kinds` uint8 [L] says what each token of the target is (`token_kinds.CODES`). `pixels` is None for a
    text-only item. `seconds_per_patch` is None for a model that is not told it.
    Nothing is padded and nothing has a batch axis.
    """

    input_ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    token_types: NDArray[np.int64]
    positions: NDArray[np.int64]
    pixels: Pixels | None
    seconds_per_patch: float | None
    is_video: bool

    @property
    def label_count(self) -> int:
        """How many tokens the loss counts."""
        return int((self.labels != IGNORE).sum())


def _going_on(prompt: str, target: list[tuple[Kind, str]]) -> list[tuple[Kind, str]]:
    """The target as it goes on after a prompt that may have opened the reasoning."""
    if not prompt.endswith(OPENED):
        return target
    opens = target[0] == ("structure", OPENED)
    return target[1:] if opens else [("structure", "\n</think>\n\n"), *target]


def _size(clip: Clip | None) -> Size | None:
    """Width and height of the frames as they are seen."""
    return None if clip is None else (clip.pixels.frames.shape[-1], clip.pixels.frames.shape[-2])


class Encoder:
    """Encodes items for one model: its tokenizer, family and vision settings.

    Raises:
        ConfigError: if tokenizer and configuration do not mean the same by a pad: the model would see a video as text.
    """

    def __init__(
        self, tokenizer: Any, config: Any, family: Family, vision: VisionSettings, system_prompt: str = ""
    ) -> None:
        self.tokenizer = tokenizer
        self.family = family
        self.vision = vision
        self.system_prompt = system_prompt
        self.image_token_id: int = config.image_token_id
        self.video_token_id: int = config.video_token_id
        for pad, number in (("<|image_pad|>", self.image_token_id), ("<|video_pad|>", self.video_token_id)):
            if (known := tokenizer.convert_tokens_to_ids(pad)) != number:
                raise ConfigError(
                    f"the model's config.json has {number} for {pad}, and its tokenizer {known}; "
                    "give the model's folder the tokenizer that it was trained with"
                )
        self._control = re.compile("|".join(map(re.escape, tokenizer.all_special_tokens)))
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
        return self._encode(self._asked(item, clip, way), clip, way, target=None)

    def example(self, item: Item, clip: Clip | None, way: Way) -> Encoded:
        """Encode a training example: the prompt, then the target with labels.

        Raises:
            DataError: as `prompt`, and for an item without an answer, or without the evidence that it is to write.
        """
        if not item.answer.strip():
            raise DataError(f"{item.media_id}: the item's 'answer' is empty, so there is nothing to learn")
        target = target_parts(item, way, self.family.box_style, _size(clip))
        return self._encode(self._asked(item, clip, way), clip, way, target)

    def _asked(self, item: Item, clip: Clip | None, way: Way) -> Item:
        """The item with its question as it is put."""
        return replace(item, question=asked_question(item, way, self.family.box_style, _size(clip)))

    def _encode(self, item: Item, clip: Clip | None, way: Way, target: list[tuple[Kind, str]] | None) -> Encoded:
        is_video = item.video_id is not None
        pixels = None if clip is None else clip.pixels
        seconds, media = (1.0, None) if clip is None else self._media(clip, is_video)
        before, after = self._frame(clip is not None, "video" if is_video else "image", way in REASONS)
        if media is not None:
            before = before.replace("<|video_pad|>" if is_video else "<|image_pad|>", media, 1)
        prompt = self._prompt_ids(before, item.question, after)
        answer, kinds = ([], []) if target is None else self._target_ids(_going_on(after, target))
        ids = np.array([*prompt, *answer], dtype=np.int64)
        labels = np.full(len(ids), IGNORE, dtype=np.int64)
        labels[len(prompt) :] = ids[len(prompt) :]
        of_token = np.array([*([0] * len(prompt)), *kinds], dtype=np.uint8)
        # The question is tokenised without special tokens, so each pad here is one that we wrote.
        types = np.where(ids == self.image_token_id, 1, np.where(ids == self.video_token_id, 2, 0))
        runs = [] if pixels is None else self.family.video_runs(pixels.grid) if is_video else [pixels.grid]
        positions = text_and_vision_positions(types, runs, self.family, seconds, self.vision.merge_size)
        told = seconds if self.family.takes_seconds else None
        return Encoded(ids, labels, of_token, types, positions, pixels, told, is_video)

    def _target_ids(self, parts: list[tuple[Kind, str]]) -> tuple[list[int], list[int]]:
        """Token ids of a target and of the end of its turn, and the kind of each."""
        ids, spans = ids_and_spans(self.tokenizer, "".join(text for _, text in parts))
        return [*ids, *self._end_of_turn], [*token_kinds(parts, spans), *[CODES["structure"]] * len(self._end_of_turn)]

    def _media(self, clip: Clip, is_video: bool) -> tuple[float, str]:
        """Seconds between temporal patches, and the text that stands for the medium."""
        grid = clip.pixels.grid
        per_patch = grid[1] * grid[2] // self.vision.merge_size**2
        if not is_video:
            return 1.0, "<|image_pad|>" * per_patch
        step = 1 if clip.stills else self.vision.temporal_patch_size
        count = len(clip.times)
        spacing = float(clip.times[-1] - clip.times[0]) / (count - 1) if count > 1 else 1.0
        # The last frame was repeated to fill its patch, so its time is too.
        padded = np.concatenate([clip.times, np.repeat(clip.times[-1:], -len(clip.times) % step)])
        middles = padded.reshape(-1, step)[:, [0, -1]].mean(axis=1)
        return spacing * step, self.family.write_video(per_patch, middles, "<|video_pad|>")

    def _prompt_ids(self, before: str, question: str, after: str) -> list[int]:
        """Ids of the prompt: in the question alone, control tokens are plain text.

        The plain text that touches the question is tokenised with it, for a token may reach over the border.
        """
        begin = max((found.end() for found in self._control.finditer(before)), default=0)
        found = self._control.search(after)
        end = found.start() if found else len(after)
        plain = before[begin:] + question + after[:end]
        return [*self._ids(before[:begin], special=True), *self._ids(plain), *self._ids(after[end:], special=True)]

    def _frame(self, with_media: bool, kind: str, reasons: bool) -> tuple[str, str]:
        """The template's text before and after the question."""
        content = [{"type": kind}] if with_media else []
        messages: list[dict[str, Any]] = [{"role": "user", "content": [*content, {"type": "text", "text": QUESTION}]}]
        if self.system_prompt:
            messages.insert(0, {"role": "system", "content": [{"type": "text", "text": self.system_prompt}]})
        text = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=reasons
        )
        if text.count(QUESTION) != 1:
            raise ConfigError("the tokenizer's chat template does not write the user's text exactly once")
        before, after = text.split(QUESTION)
        return before, after

    def _ids(self, text: str, special: bool = False) -> list[int]:
        """Token ids of a piece; only with `special` do control tokens in the text count as such."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False, split_special_tokens=not special)["input_ids"]
        return ids
