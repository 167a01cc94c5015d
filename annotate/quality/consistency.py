"""Does the reasoning lead to the answer? What can be told without a model, and only where it is plain.

A contradiction is called where the reasoning itself states its conclusion: "the answer is B", "so it moves left",
"therefore no", or times that have nothing to do with the answer's. Most reasoning states nothing that a rule can
read; such items are kept, and the model's part (examine.py) is there for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from annotate.quality.config import Consistency
from annotate.quality.entry import BINARY, CHOICE, SPAN, Entry
from annotate.quality.times import named_times
from annotate.quality.verdict import Verdict, drop, keep, unknown
from demitasse.answers.marks import flatten

_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?=\S)[^.!?\n]*)*[.!?]?")
_CONCLUDES = (
    r"(?:so|therefore|thus|hence|consequently|accordingly|in conclusion|overall|this means(?: that)?|"
    r"which means(?: that)?|as a result|it follows that|this (?:shows|confirms|indicates)(?: that)?)"
)
_CONCLUDING = re.compile(rf"(?:^|[,;:]|\band\b)\W*{_CONCLUDES}\b[,:]?\s+", re.IGNORECASE)
# A conclusion that is hedged, denied or contrasted is none that a rule can read.
_CLOUDED = re.compile(
    r"\b(?:not|no longer|never|neither|nor|cannot|without|except|unlike|instead|rather|but|although|though|however|"
    r"while|whereas|or|either|might|may|could|if|unless|eliminat\w+|rul\w+ out|incorrect|wrong|false|opposite|asked)\b"
    r"|n't\b",
    re.IGNORECASE,
)
_NOUN = r"(?i:answer|option|choice)"
_LETTER = re.compile(
    rf"\b{_NOUN}\s+(?:is|must be|would be|should be|:|=)\s*(?:{_NOUN}\s+)?[(\"']*([A-Z])[)\"']*(?=\s*(?:$|[.,;:!\n]))"
    rf"|\b{_NOUN}\s+\(?([A-Z])\)?\s+(?:is|must be)\s+(?:the\s+)?(?:correct|right|best|answer)\b"
    rf"|\b(?:correct|right|best)\s+{_NOUN}\s+is\s+(?:{_NOUN}\s+)?\(?([A-Z])\)?(?=\W|$)(?!\s+[a-z])"
)
_YES_NO = re.compile(
    rf"\banswer\s+(?:is|must be|would be|should be|:)\s*[\"'(]*(yes|no)\b|(?:^|[.!?]\s+|,\s*){_CONCLUDES}[,:]?\s+"
    r"(yes|no)(?=\s*(?:$|[.,;:!]))",
    re.IGNORECASE,
)


def judge_consistency(entry: Entry, config: Consistency) -> Verdict:
    """Drop an item whose reasoning states a conclusion that is not its answer."""
    if entry.fault:
        return unknown("unreadable answer", entry.fault)
    if not (entry.item.reasoning or "").strip():
        return keep("no reasoning")
    read = _READERS.get(entry.task)
    if read is None:
        return keep("open answer")
    return read(entry, flatten(entry.item.reasoning or ""), config)


def _compared(concluded: str, answered: str, shown: Callable[[str], str]) -> Verdict:
    if not concluded:
        return keep("states no conclusion", "the reasoning states no conclusion that a rule can read")
    if concluded == answered:
        return keep("leads to the answer", concluded=concluded)
    reason = f"the reasoning concludes {shown(concluded)}, the answer is {shown(answered)}"
    return drop("leads to another answer", reason, concluded=concluded)


def _judge_choice(entry: Entry, reasoning: str, _: Consistency) -> Verdict:
    options = entry.question.options
    stated = [next(filter(None, match.groups())) for match in _LETTER.finditer(reasoning)]
    concluded = stated[-1] if stated else _option_concluded(reasoning, list(options.items()))
    if concluded and concluded not in options:
        return drop("leads to no option", f"the reasoning concludes {concluded}, which is no option")
    return _compared(concluded, entry.right, lambda letter: f'{letter} ("{options[letter]}")')


def _option_concluded(reasoning: str, options: list[tuple[str, str]]) -> str:
    """The letter of the one option whose text the concluding clause holds; "" if that is not plain."""
    sentences = [match[0].strip() for match in _SENTENCE.finditer(reasoning) if match[0].strip()]
    last = sentences[-1] if sentences else ""
    opening = list(_CONCLUDING.finditer(last))
    if not opening:
        return ""
    clause = last[opening[-1].end() :]
    named = [(letter, text) for letter, text in options if _holds(clause, text)]
    longest = max((len(text) for _, text in named), default=0)
    # "left turn lane" holds "left": the longer one is meant, unless it does not hold all the others.
    chosen = [(letter, text) for letter, text in named if len(text) == longest]
    if len(chosen) != 1 or not all(_holds(chosen[0][1], text) for _, text in named):
        return ""
    around = re.sub(re.escape(chosen[0][1].strip(" .")), " ", clause, flags=re.IGNORECASE)
    return "" if _CLOUDED.search(around) else chosen[0][0]


def _holds(text: str, phrase: str) -> bool:
    inner = re.escape(flatten(phrase).strip(" .").casefold())
    return bool(inner) and re.search(rf"(?<!\w){inner}(?!\w)", flatten(text).casefold()) is not None


def _judge_binary(entry: Entry, reasoning: str, _: Consistency) -> Verdict:
    stated = [next(filter(None, match.groups())).lower() for match in _YES_NO.finditer(reasoning)]
    return _compared(stated[-1] if stated else "", entry.right, str)


def _judge_span(entry: Entry, reasoning: str, config: Consistency) -> Verdict:
    """Times that the reasoning names must have to do with those of the answer."""
    times = [time.seconds for time in named_times(reasoning)]
    if len(times) < 2 or entry.span is None:
        return keep("states no conclusion", "the reasoning names no two times")
    ends = [min(abs(time - end) for time in times) for end in entry.span]
    if min(ends) > config.tolerance and not any(entry.span[0] <= time <= entry.span[1] for time in times):
        named = ", ".join(f"{time:g}" for time in times)
        reason = f"the reasoning speaks of {named} s, the answer is {entry.span[0]:g} to {entry.span[1]:g} s"
        return drop("leads to another answer", reason)
    return keep("leads to the answer" if max(ends) <= config.tolerance else "states no conclusion")


_READERS: dict[str, Callable[[Entry, str, Consistency], Verdict]] = (
    dict.fromkeys(CHOICE, _judge_choice) | dict.fromkeys(BINARY, _judge_binary) | dict.fromkeys(SPAN, _judge_span)
)
