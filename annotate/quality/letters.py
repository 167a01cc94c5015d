"""Is every letter right as often as the others, and if not, permute the options anew.

A permutation is fixed by the video and the question, so the same data are permuted in the same way; the letters go
round in an order that only hashes decide (annotate/letters.py). Letters that reasoning or answer
speak of follow; where it is not plain whether a capital is a letter of an option, the item is left alone.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from annotate.letters import ABOUT_OPTIONS, follow, right_letters, shuffled
from annotate.quality.config import Letters
from annotate.quality.entry import CHOICE, Entry
from annotate.quality.verdict import Verdict, keep, unknown
from demitasse.dataset import Item
from demitasse.dataset.dialect import Question


def letter_balance(entries: Sequence[Entry], tolerance: float) -> dict[str, Any] | None:
    """How often each letter is right, by the number of options; None if no item has options.

    Returns:
        By number of options ("4"): `items`; `counts` by letter; `largest_deviation` of a letter's share from an
        equal one; `allowed`: the tolerance, or, for few items, what chance alone may do (2.6 standard errors);
        `balanced`.
    """
    groups: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        if entry.task in CHOICE and not entry.fault:
            groups[len(entry.question.options)][entry.right] += 1
    return {str(size): _balance_of(groups[size], size, tolerance) for size in sorted(groups)} or None


def _balance_of(counts: Counter[str], size: int, tolerance: float) -> dict[str, Any]:
    items, share = counts.total(), 1 / size
    letters = [chr(ord("A") + place) for place in range(size)]
    deviation = max(abs(counts[letter] / items - share) for letter in letters)
    # Each letter is looked at, so the bound is wider than for one: 1 % each.
    allowed = max(tolerance, 2.6 * math.sqrt(share * (1 - share) / items))
    return {
        "items": items,
        "counts": {letter: counts[letter] for letter in letters},
        "largest_deviation": round(deviation, 4),
        "allowed": round(allowed, 4),
        "balanced": deviation <= allowed,
    }


def judge_letters(entries: Sequence[Entry], config: Letters) -> dict[str, tuple[Entry, Verdict]]:
    """A verdict for every item, and the item itself, permuted where that was asked for.

    Args:
        entries: those that stay; the balance is over them.
        config: whether to permute where one letter is right too often.

    Returns:
        By id the entry as it is to be written, and the verdict; no verdict is "drop".
    """
    balance = letter_balance(entries, config.tolerance) or {}
    wanted = config.fix and not all(of["balanced"] for of in balance.values())
    moves = _moves(entries) if wanted else {}
    return {entry.id: _judged(entry, moves.get(entry.id)) for entry in entries}


def _moves(entries: Sequence[Entry]) -> dict[str, str]:
    """The new right letter of every item that may move. Questions asked in two tasks keep equal options."""
    movable = [entry for entry in entries if entry.task in CHOICE and not entry.fault]
    asked: dict[tuple[str, str], int] = {}
    for entry in movable:
        asked.setdefault(_question_of(entry), len(entry.question.options))
    letters: dict[tuple[str, str], str] = {}
    for size in sorted(set(asked.values())):
        questions = [question for question, options in asked.items() if options == size]
        names = "".join(chr(ord("A") + place) for place in range(size))
        letters |= dict(zip(questions, right_letters(questions, names), strict=True))
    return {entry.id: letters[_question_of(entry)] for entry in movable}


def _question_of(entry: Entry) -> tuple[str, str]:
    """What a permutation hangs on: the media, and the question with its options in an order of their own."""
    options = sorted(entry.question.options.values())
    return entry.item.media_id, "\n".join([entry.question.stem, *options, entry.right_text])


def _judged(entry: Entry, letter: str | None) -> tuple[Entry, Verdict]:
    if entry.task not in CHOICE:
        return entry, keep("no options")
    if entry.fault:
        return entry, unknown("unreadable answer", entry.fault)
    if letter is None:
        return entry, keep(letter=entry.right)
    options = _options_for(entry, letter)
    moved = permuted(entry.item, entry.question, entry.right, options)
    if moved is None:
        why = "what the item says of letters or options is not plain, so its options stay where they are"
        return entry, keep("left alone", why, letter=entry.right)
    question = replace(entry.question, options=options)
    fixed = replace(entry, item=moved, question=question, right=letter)
    return fixed, keep("permuted", letter=letter, letter_before=entry.right)


def _options_for(entry: Entry, letter: str) -> dict[str, str]:
    """The options with the right one under `letter`; the others in an order that does not hang on today's."""
    others = sorted((text, old) for old, text in entry.question.options.items() if old != entry.right)
    names = list(entry.question.options)
    canonical = dict(zip(names, [entry.right_text, *(text for text, _ in others)], strict=True))
    return shuffled(canonical, names[0], letter, *_question_of(entry))


def permuted(item: Item, question: Question, right: str, options: Mapping[str, str]) -> Item | None:
    """The item with its options under other letters; None if it cannot be said what its letters mean.

    Args:
        item: a multiple-choice item.
        question: its question taken apart.
        right: the letter of its right option.
        options: the same texts under the letters that they are to have.
    """
    if len(set(options.values())) < len(options) or any(ABOUT_OPTIONS.search(text) for text in options.values()):
        return None
    where = {text: letter for letter, text in options.items()}
    moves = {letter: where[text] for letter, text in question.options.items()}
    answer = _moved_answer(item.answer, question.options[right], right, moves)
    reasoning = follow(item.reasoning or "", moves)
    if answer is None or reasoning is None or follow(question.stem, moves) != question.stem:
        return None
    return replace(
        item,
        question=_with_options(item.question, question, options),
        answer=answer,
        reasoning=item.reasoning and reasoning,
    )


def _moved_answer(answer: str, right_text: str, right: str, moves: Mapping[str, str]) -> str | None:
    """The answer under its new letter, in the form it has: `B`, `(B)`, `B) text`, `B. text. Because …`, or `text`."""
    match = re.match(rf"(\s*\(?){right}(?=[.):\s]|$)([.):]*\s*)(.*)", answer, re.DOTALL)
    if match is None:
        return answer if answer.strip() == right_text else None
    own = right_text if match[3].startswith(right_text) else ""
    rest = follow(match[3].removeprefix(own), moves)
    return None if rest is None else match[1] + moves[right] + match[2] + own + rest


def _with_options(text: str, question: Question, options: Mapping[str, str]) -> str:
    """The question's text with other texts behind its letters; marks, spaces and lines stay as they are."""
    start = len(question.stem)
    for letter, old in question.options.items():
        line = re.compile(rf"^([ \t]*\(?{letter}[.):][ \t]*){re.escape(old)}(?=[ \t]*$)", re.MULTILINE)
        found = line.search(text, start)
        if found is None:
            raise ValueError(f"the option {letter} of a question that was read is not in it")
        text = text[: found.end(1)] + options[letter] + text[found.end() :]
        start = found.end(1) + len(options[letter])
    return text
