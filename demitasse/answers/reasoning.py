"""Parting a reply into its reasoning and its final answer."""

from __future__ import annotations

import re
from typing import NamedTuple

_TAG = re.compile(r"<(/?)\s*(?:think|thinking|reasoning)\s*>", re.IGNORECASE)
_OPENED, _CLOSED = "<think>", "</think>"


class Split(NamedTuple):
    """`final` is empty when `closed` is False: what looks like an answer there may be a thought cut short."""

    reasoning: str
    final: str
    closed: bool


def split_reasoning(text: str) -> Split:
    """Take `<think>…</think>` (any case, nested, several; also `thinking`, `reasoning`) out of a reply.

    A closing tag without an opening one ends reasoning that the chat template had opened. Reasoning that is
    never closed leaves no final answer, whatever stands before it.
    """
    if (tags := text.count("<")) == 0:
        return Split("", text.strip(), True)
    if tags == 2 and text.startswith(_OPENED):  # as most replies are
        thought, closing, rest = text[len(_OPENED) :].partition(_CLOSED)
        if closing:
            return Split(thought.strip(), rest.strip(), True)
    reasoning: list[str] = []
    final: list[str] = []
    depth, position = 0, 0
    for tag in _TAG.finditer(text):
        piece = text[position : tag.start()]
        position = tag.end()
        if tag.group(1) and depth == 0:  # the opening was the template's: all so far was thought
            reasoning, final = [*reasoning, *final, piece], []
            continue
        (reasoning if depth else final).append(piece)
        depth += -1 if tag.group(1) else 1
    rest = text[position:]
    if depth:
        return Split(_join([*reasoning, rest]), "", False)
    return Split(_join(reasoning), _join([*final, rest]), True)


def _join(pieces: list[str]) -> str:
    return "\n".join(piece.strip() for piece in pieces if piece.strip())
