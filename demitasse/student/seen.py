"""What a student has just seen is not looked at again: the vision tower's output, kept for the next question about it.

Questions about one video are asked side by side, so each video is encoded once, and not once a question. What is kept
is told apart by every pixel of the fitted frames, so nothing else can stand in for it.
"""

from __future__ import annotations

import hashlib
import inspect
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from demitasse.student.collate import Batch, collate
from demitasse.student.encode import Encoded
from demitasse.student.load import Student
from demitasse.student.vision import Pixels

SEEN_BYTES = 2**28  # of features on the model's device, besides those of the batch at hand

Key = tuple[bytes, tuple[int, ...], bool]
_MEDIA = (("image", False, "pixel_values", "image_grid_thw"), ("video", True, "pixel_values_videos", "video_grid_thw"))


class Seen:
    """The features of the media last seen by one student, whose weights stay as they are.

    Args:
        student: whose.
        most: bytes to keep at most.
    """

    def __init__(self, student: Student, most: int = SEEN_BYTES) -> None:
        self._student, self._most = student, most
        self._kept: OrderedDict[Key, Any] = OrderedDict()
        self._bytes = 0

    @torch.no_grad()
    def look(self, prompts: Sequence[Encoded]) -> dict[str, Any]:
        """The vision tower's outputs for a batch, by the model's own names; empty where there is nothing to see.

        Args:
            prompts: of the batch; media that are not kept are encoded, all of one kind in one pass.
        """
        if "mm_encoder_outputs" not in inspect.signature(self._student.model.forward).parameters:
            return {}  # a release of transformers that encodes pixels in the forward pass alone
        digests: dict[int, bytes] = {}
        keys = [_key(prompt, digests) for prompt in prompts]
        there = {key: prompt for key, prompt in zip(keys, prompts, strict=True) if key is not None}
        found = {key: self._kept[key] for key in there if key in self._kept}
        for _, is_video, pixels, grid in _MEDIA:
            new = {key: one for key, one in there.items() if key not in found and one.is_video == is_video}
            if new:
                found |= dict(zip(new, self._encode(list(new.values()), is_video, pixels, grid), strict=True))
        self._keep(found)
        outputs = {}
        for name, is_video, _, _ in _MEDIA:
            of_kind = [found[key] for key in keys if key is not None and key[2] == is_video]
            if of_kind:
                outputs[name] = _joined(of_kind)
        return outputs

    def _encode(self, prompts: Sequence[Encoded], is_video: bool, pixels: str, grid: str) -> list[Any]:
        """The output for each medium."""
        model, student = self._student.model, self._student
        batch = collate(prompts, student.encoder.vision, student.tokenizer.pad_token_id, dtype=model.dtype)
        look = model.get_video_features if is_video else model.get_image_features
        made = look(batch[pixels].to(model.device), batch[grid].to(model.device), return_dict=True)
        levels = getattr(made, "deepstack_features", None) or []
        # Copies: a part of a whole batch's features would keep all of them.
        return [
            _output(made, (one.clone(),), [(level[place].clone(),) for level in levels])
            for place, one in enumerate(made.pooler_output)
        ]

    def _keep(self, found: dict[Key, Any]) -> None:
        for key, output in found.items():
            if key not in self._kept:
                self._bytes += _size(output)
            self._kept[key] = output
            self._kept.move_to_end(key)
        while self._bytes > self._most and self._kept:
            self._bytes -= _size(self._kept.popitem(last=False)[1])


def inputs_of(student: Student, prompts: Sequence[Encoded], seen: Seen | None = None) -> Batch:
    """The model's arguments for prompts, on its device: padded on the left, with the positions of training.

    With `seen`, what it has of the media stands in place of their pixels.
    """
    outputs = seen.look(prompts) if seen else {}
    if outputs:
        prompts = [replace(prompt, pixels=None) for prompt in prompts]
    vision, tokenizer = student.encoder.vision, student.tokenizer
    # Padding on the left: the first new token follows the prompt, not padding.
    batch = collate(prompts, vision, tokenizer.pad_token_id, side="left", dtype=student.model.dtype)
    inputs = {name: value.to(student.model.device) for name, value in batch.items() if name != "labels"}
    return inputs | ({"mm_encoder_outputs": outputs} if outputs else {})


def _key(prompt: Encoded, digests: dict[int, bytes]) -> Key | None:
    """What tells a prompt's medium apart; `digests` are those of the batch's pixels by their identity."""
    pixels = prompt.pixels
    if pixels is None:
        return None
    if id(pixels) not in digests:
        digests[id(pixels)] = _digest(pixels)
    return digests[id(pixels)], pixels.grid, prompt.is_video


def _digest(pixels: Pixels) -> bytes:
    return hashlib.blake2b(pixels.frames.contiguous().numpy().data, digest_size=20).digest()


def _joined(outputs: Sequence[Any]) -> Any:
    """The output for several media, from that for each."""
    levels = [getattr(one, "deepstack_features", None) or [] for one in outputs]
    deep = [tuple(level[0] for level in of_level) for of_level in zip(*levels, strict=True)]
    return _output(outputs[0], tuple(one.pooler_output[0] for one in outputs), deep)


def _output(like: Any, pooled: tuple[torch.Tensor, ...], levels: Sequence[tuple[torch.Tensor, ...]]) -> Any:
    return type(like)(pooler_output=pooled, **({"deepstack_features": list(levels)} if levels else {}))


def _size(output: Any) -> int:
    tensors = [output.pooler_output[0], *(level[0] for level in getattr(output, "deepstack_features", None) or [])]
    return sum(int(one.nbytes) for one in tensors)
