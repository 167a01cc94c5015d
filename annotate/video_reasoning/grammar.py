"""TAO's text grammar for questions and answers: what a model without structured output is asked for.

    =====
    Multiple-Choice Question: Which tool is dropped?
    A. hammer
    B. wrench
    =====
    Answer: B
    =====
    Reasoning: The grey tool that falls has an open jaw.

Where rules and labels are as they should be, every part is taken whole, as TAO takes it: reasoning may hold a line that
begins like an answer. Everything else is read by the labels at the start of a line, so that bold labels, `A)` options,
missing rules and an answer on the line after its question are read too, where TAO's own parser drops them or takes
all for the question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# Marks are those of bold and slanted text: around the label, or around the whole line.
_LABEL = re.compile(
    r"^[ \t>#]*(?P<outer>[*_]*)(?:\d+[.)][ \t]*)?(?P<inner>[*_]*)"
    r"(?P<label>(?:multiple[- ]choice |open[- ]ended )?question|answer|reasoning)"
    r"[ \t]*(?P<closed>[*_]*)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_RULE = re.compile(r"={5,}")
_OPTION = re.compile(r"[ \t>-]*(?P<mark>[*_]*)\(?(?P<letter>[A-Z])[.):]\)?(?P<closed>[*_]*)[ \t]+(?P<text>\S.*?)[ \t]*")


@dataclass
class Block:
    """One question with what follows it. `options` maps letters to texts, in the order in which they stand."""

    question: str
    options: dict[str, str] = field(default_factory=dict)
    answer: str = ""
    reasoning: str = ""


def read_blocks(text: str) -> list[Block]:
    """The questions of a reply, in order; empty if none is labelled. Nothing is checked but the labels.

    A rule of five or more `=` ends a part, as does the next label. Text under no label is passed over.
    """
    blocks: list[Block] = []
    for kind, content in _ruled(text) or _labelled(text):
        if kind == "question":
            blocks.append(_question(content))
        elif blocks and kind == "answer" and not blocks[-1].answer:
            blocks[-1].answer = content
        elif blocks and kind == "reasoning" and not blocks[-1].reasoning:
            blocks[-1].reasoning = content
    return blocks


def _ruled(text: str) -> list[tuple[str, str]]:
    """Kind and content of each part between rules; empty unless they are question, answer, reasoning, and so on."""
    parts: list[tuple[str, str]] = []
    for part in _RULE.split(text):
        label = _LABEL.match(part.strip())
        if label is None:
            continue
        kind = _kind(label)
        inside = {_kind(other) for other in _LABEL.finditer(part.strip(), label.end())}
        if kind != ("question", "answer", "reasoning")[len(parts) % 3] or inside & _FOREIGN[kind]:
            return []
        parts.append((kind, _content(label, part.strip()[label.end() :])))
    return parts if len(parts) % 3 == 0 else []


# What a part cannot hold if a rule stands between all of them.
_FOREIGN = {
    "question": {"question", "answer", "reasoning"},
    "answer": {"question", "reasoning"},
    "reasoning": {"question"},
}


def _labelled(text: str) -> Iterator[tuple[str, str]]:
    """Kind and content of what follows each label, up to the next label or rule."""
    labels = list(_LABEL.finditer(text))
    ends = [label.start() for label in labels[1:]] + [len(text)]
    for label, end in zip(labels, ends, strict=False):  # no label leaves an end over
        yield _kind(label), _content(label, _RULE.split(text[label.end() : end])[0])


def _kind(label: re.Match[str]) -> str:
    kind = label["label"].casefold()
    return "question" if kind.endswith("question") else kind


def _content(label: re.Match[str], text: str) -> str:
    return _unmarked(text.strip(), label["outer"] or label["inner"], label["closed"])


def _unmarked(text: str, mark: str, closed: str) -> str:
    """The text without a mark that was opened before it: closed right after its label, or at its own end."""
    if not mark or closed:
        return text
    return text.removeprefix(mark).strip() if text.startswith(mark) else text.removesuffix(mark).strip()


def _question(content: str) -> Block:
    """The question's text, and its options from the first line `A.` on. An option may go on in the next line."""
    lines = content.splitlines()
    found = [_OPTION.fullmatch(line) for line in lines]
    first = next((number for number, option in enumerate(found) if option and option["letter"] == "A"), None)
    if first is None:
        return Block(content)
    block = Block("\n".join(lines[:first]).strip())
    letter = ""
    for line, option in zip(lines[first:], found[first:], strict=True):
        if option:
            letter = option["letter"]
            block.options[letter] = _unmarked(option["text"], option["mark"], option["closed"])
        elif line.strip():
            block.options[letter] += f" {line.strip()}"
    return block
