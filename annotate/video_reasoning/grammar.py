"""TAO's text grammar for questions and answers: what a model without structured output is asked for.

    =====
    Multiple-Choice Question: Which tool is dropped?
    A. hammer
    B. wrench
    =====
    Answer: B
    =====
    Reasoning: The grey tool that falls has an open jaw.

Reading goes by the labels at the start of a line, so that bold labels, `A)` options, missing rules and an answer
on the line after its question are read too, where TAO's own parser drops them or takes all for the question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_LABEL = re.compile(
    r"^[ \t>#*_]*(?:\d+[.)][ \t]*)?[*_]*(?P<label>(?:multiple[- ]choice |open[- ]ended )?question|answer|reasoning)"
    r"[ \t]*[*_]*[ \t]*:[ \t]*[*_]*",
    re.IGNORECASE | re.MULTILINE,
)
_RULE = re.compile(r"={5,}")
_OPTION = re.compile(r"^[ \t>*_-]*\(?(?P<letter>[A-Z])[.):]\)?[*_]*[ \t]+(?P<text>\S.*?)[ \t*_]*$", re.MULTILINE)
_EDGES = " \t\r\n*_"


@dataclass
class Block:
    """One question with what follows it. `options` maps letters to texts, in the order in which they stand."""

    question: str
    options: dict[str, str] = field(default_factory=dict)
    answer: str = ""
    reasoning: str = ""


def read_blocks(text: str) -> list[Block]:
    """The questions of a reply, in order; empty if none is labelled. Nothing is checked but the labels.

    A rule of five or more `=` ends a block, as does the next label. Text under no label is passed over.
    """
    blocks: list[Block] = []
    labels = list(_LABEL.finditer(text))
    ends = [label.start() for label in labels[1:]] + [len(text)]
    for label, end in zip(labels, ends, strict=False):  # no label leaves an end over
        content = _RULE.split(text[label.end() : end])[0].strip(_EDGES)
        kind = label["label"].casefold()
        if kind.endswith("question"):
            blocks.append(_question(content))
        elif blocks and kind == "answer" and not blocks[-1].answer:
            blocks[-1].answer = content
        elif blocks and kind == "reasoning" and not blocks[-1].reasoning:
            blocks[-1].reasoning = content
    return blocks


def _question(content: str) -> Block:
    options = list(_OPTION.finditer(content))
    first = next((number for number, option in enumerate(options) if option["letter"] == "A"), None)
    if first is None:
        return Block(content)
    kept = options[first:]
    return Block(content[: kept[0].start()].strip(_EDGES), {option["letter"]: option["text"] for option in kept})
