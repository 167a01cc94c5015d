"""Which questions are asked twice?

Two items of one task about one video are duplicates if their questions, small words and endings aside, are nearly
the same in their characters, no word of one is exchanged for another in the other (left for right, red for blue,
00:03 for 00:05), and their answers agree. Of duplicates the first that the other free filters keep stays, in the
order of the files' names and, within a file, of its items. Across videos whole items are compared, and only if that
is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from annotate.quality.config import Duplicates
from annotate.quality.entry import CHOICE, CLOSED, SPAN, Entry
from annotate.quality.similar import Texts
from annotate.quality.verdict import Verdict, drop, keep, unknown
from demitasse.answers.marks import fold

_WORD = re.compile(r"\d+(?::\d+)+(?:\.\d+)?|\d+(?:\.\d+)?|[^\W\d_]+(?:n't)?")
# Words that may come, go and change places without another meaning.
_SMALL_WORDS = """
    a an the is are was were be been being do does did has have had of in on at for by with and that this
    these those it its there which who whom what s can could you please tell me us video clip footage scene shown
    seen show shows during while as then any
"""
_DENYING_WORDS = "not no never without neither nor none nothing nobody isn't doesn't don't didn't aren't cannot"
_EMPTY, _DENIALS = frozenset(_SMALL_WORDS.split()), frozenset(_DENYING_WORDS.split())
_ENDINGS = ("ing", "ed", "es", "s", "ly", "d", "e")
_SHORTEST_STEM = 3
OVERLAP = 0.5  # tIoU from which two spans are one answer


def judge_duplicates(entries: Sequence[Entry], config: Duplicates) -> dict[str, Verdict]:
    """A verdict for every item, by id: of all that the other free filters keep."""
    verdicts = {entry.id: keep() for entry in entries}
    within = Texts([_core(entry.question.stem) for entry in entries], [f"{e.task}\0{e.place}" for e in entries])
    contradicted: dict[int, int] = {}
    accepts = _same_question(entries, contradicted)
    for later, first in within.firsts(config.within, accepts).items():
        reason = f"asks what {entries[first].name} asks"
        verdicts[entries[later].id] = drop("same question, same video", reason, duplicate_of=entries[first].name)
    for later, first in contradicted.items():
        if verdicts[entries[later].id].word == "keep":
            reason = f"asks what {entries[first].name} asks, and answers otherwise; one of the two is wrong"
            verdicts[entries[later].id] = unknown("same question, other answer", reason)
    if config.across is not None:
        _compare_across(entries, config.across, verdicts)
    return verdicts


def _compare_across(entries: Sequence[Entry], threshold: float, verdicts: dict[str, Verdict]) -> None:
    left = [entry for entry in entries if verdicts[entry.id].word != "drop"]
    wholes = [_even(f"{e.question.stem} {e.right_text or e.item.answer} {e.item.reasoning or ''}") for e in left]
    found = Texts(wholes, [entry.task for entry in left]).firsts(
        threshold, lambda *pair: _no_word_exchanged(wholes, *pair)
    )
    for later, first in found.items():
        reason = f"says what {left[first].name} says, of {left[first].item.media_id}"
        verdicts[left[later].id] = drop("same item, other video", reason, duplicate_of=left[first].name)


def _same_question(entries: Sequence[Entry], contradicted: dict[int, int]) -> Callable[[int, int], bool]:
    """Whether two alike questions are one; where they are one with two answers, the later goes into `contradicted`."""
    stems = [_even(entry.question.stem) for entry in entries]

    def accepts(first: int, later: int) -> bool:
        if not _no_word_exchanged(stems, first, later):
            return False
        same = _answers_agree(entries[first], entries[later])
        if not same and _options(entries[first]) == _options(entries[later]) and stems[first] == stems[later]:
            contradicted.setdefault(later, first)
        return same

    return accepts


def _answers_agree(one: Entry, other: Entry) -> bool:
    """Whether two answers to one question are one; open answers may be worded in many ways and are not compared."""
    if one.task not in CLOSED:
        return True
    if one.fault or other.fault:
        return fold(one.item.answer) == fold(other.item.answer)
    if one.task in SPAN:
        return one.span is not None and other.span is not None and tiou(one.span, other.span) >= OVERLAP
    return fold(one.right_text or one.right) == fold(other.right_text or other.right)


def tiou(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Intersection over union of two spans in seconds; equal spans without length are one."""
    shared = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    union = max(one[1], other[1]) - min(one[0], other[0])
    return shared / union if union > 0 else float(one == other)


def _options(entry: Entry) -> list[str]:
    return sorted(map(fold, entry.question.options.values())) if entry.task in CHOICE else []


def _no_word_exchanged(texts: Sequence[str], one: int, other: int) -> bool:
    first, second = (set(_WORD.findall(texts[which])) for which in (one, other))
    mine, theirs = _telling(first - second, second), _telling(second - first, first)
    changed = mine | theirs
    if changed & _DENIALS or any(word[0].isdigit() for word in changed):
        return False
    return not (mine and theirs)


def _telling(words: set[str], others: set[str]) -> set[str]:
    """The words that say something which the others do not: no small words, no other forms of the same word."""
    stems = {_stem(word) for word in others}
    return {word for word in words if word not in _EMPTY and _stem(word) not in stems}


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word.removesuffix(ending)
    return word


def _core(text: str) -> str:
    """The words that tell something, in order and without their endings; all of them where none does."""
    words = _WORD.findall(fold(text))
    return " ".join(_stem(word) for word in words if word not in _EMPTY) or " ".join(words)


def _even(text: str) -> str:
    return " ".join(_WORD.findall(fold(text)))
