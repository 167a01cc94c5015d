"""How captions, questions and answers stand in a prompt: numbered lines, fenced off as material."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from annotate.referring.matching import one_line
from demitasse.chat.blocks import write_blocks
from demitasse.engine.step import Fields


def caption_lines(frames: Sequence[Fields], places: Sequence[int]) -> str:
    """Captions of the frames at these places, numbered from 1, each with its time: `2. (4.00 s) A bowl is filled.`"""
    lines = (
        f"{number}. ({frames[place]['time']:.2f} s) {one_line(frames[place]['caption'])}"
        for number, place in enumerate(places, 1)
    )
    return "\n".join(lines)


def question_lines(questions: Sequence[Fields]) -> str:
    """Questions with their types and answers, numbered from 1."""
    return "\n\n".join(
        f"{number}. Type: {one['task']}\nQuestion: {one_line(one['question'])}\nAnswer: {one_line(one['answer'])}"
        for number, one in enumerate(questions, 1)
    )


def fenced(blocks: Mapping[str, str]) -> str:
    """The blocks as the value of a prompt's {blocks}: their marker lines are lines of their own wherever it stands."""
    return f"\n{write_blocks(blocks)}\n"


def fold(name: str) -> str:
    """What two ways of writing the same name have in common."""
    return " ".join(name.casefold().split())
