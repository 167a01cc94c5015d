"""What each token of a target is: reasoning, answer, structure or a box, so that a loss can weigh them apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Kind = Literal["reasoning", "answer", "structure", "boxes"]
KINDS: tuple[Kind, ...] = get_args(Kind)  # a token's kind is its place in here, from 1; 0 is no target
CODES: dict[Kind, int] = {kind: code for code, kind in enumerate(KINDS, start=1)}

_NUMBER = r"\s*-?\d+(?:\.\d+)?\s*"
# [x1, y1, x2, y2] in every convention, and Qwen2-VL's (x1,y1),(x2,y2).
_BOX = re.compile(rf"\[{_NUMBER}(?:,{_NUMBER}){{3}}\]|\({_NUMBER},{_NUMBER}\)\s*,\s*\({_NUMBER},{_NUMBER}\)")


def token_kinds(parts: Sequence[tuple[Kind, str]], spans: Sequence[tuple[int, int]]) -> NDArray[np.uint8]:
    """Kinds [tokens] of a target's tokens.

    A token over an edge is what its first character is; with a digit of a box in it, it is the box's.

    Args:
        parts: kind and text of the pieces that make the target.
        spans: first character and end of each token in the whole of them.
    """
    text = "".join(piece for _, piece in parts)
    of_char = np.repeat(
        np.array([CODES[kind] for kind, _ in parts], dtype=np.uint8), [len(piece) for _, piece in parts]
    )
    boxes = np.zeros(len(text) + 1, dtype=np.int64)
    for box in _BOX.finditer(text):
        for place in range(*box.span()):
            boxes[place + 1] = text[place].isdigit()
    in_box = np.cumsum(boxes)
    kinds = [CODES["boxes"] if in_box[end] > in_box[first] else of_char[first] for first, end in spans]
    return np.array(kinds, dtype=np.uint8)


def ids_and_spans(tokenizer: Any, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Token ids of a text that is data, and the characters of each; control tokens in it do not count as such."""
    found = tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)
    return found["input_ids"], found["offset_mapping"]
