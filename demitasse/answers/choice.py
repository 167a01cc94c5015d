"""Reading which option a multiple-choice answer names.

Strict: every assertion in the answer is collected (a leading label, a lone letter, "the answer is …", the exact
text of an option), and they must all name one option. Two letters asserted, a letter beside another option's
text, a letter that is taken back, or a list of the options is no answer. A letter that is only discussed ("because A
is not visible", "I would not choose A") and the words "A" and "I" in a sentence are not assertions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from demitasse.answers.discussed import denied_letters, is_denied, is_discussed
from demitasse.answers.marks import answer_regions, flatten, fold
from demitasse.answers.parsed import Parsed, unreadable

_BECAUSE = r"(?:because|since|as|for|due|given|based)\b"
# What may follow a letter that stands for an option, and never follows the article "A" or the pronoun "I".
_CLOSED = rf"(?=\s*(?:$|\n|[.,;:!?)\]}}\"'])|\s+[-(\"]|\s+{_BECAUSE})"
# Quantifiers are possessive where they could overlap: a reply of a hundred thousand brackets takes no longer.
_OPEN = r"[\"'(\[{\s]*+"

_LEAD = re.compile(
    rf"\W*+(?:(?:option|choice|letter|answer)\s++)?{_OPEN}(?P<letter>[A-Z])"
    rf"(?:(?P<label>\s?[.):\]}}]+)|(?=\s*(?:$|\n|[,;!?\"']))|(?=\s+[-(\"])|(?=\s+{_BECAUSE}))",
    re.IGNORECASE,
)
# After a comma only in brackets: "Based on the video, (C)." and not "Plan A, B".
_LAST = re.compile(rf"(?:[.!?:\u2026]\s++|\n\s*+|,\s++(?=\()){_OPEN}(?P<letter>[A-Z])[.)\]}}\"']*+\s*+$")
_LONE_LINE = re.compile(
    r"^[\"'(\[{ \t]*+(?i:option[ \t]++)?[\"'(\[{ \t]*+(?P<letter>[A-Z])[.)\]}\"']*+[ \t]*+$", re.MULTILINE
)
# What follows is looked at and not taken, for another statement may follow on the line.
_STATEMENT = re.compile(
    r"\b(?:answer|option|choice)[\"']?\s*+(?:(?:is|would be|must be|should be)\s*+[:=]?|[:=])\s*+"
    rf"(?:{_OPEN}(?:(?:option|choice|letter)\s++)?{_OPEN}(?P<letter>[A-Z])(?![\w'])|(?=(?P<tail>[^\n]{{1,1000}})))",
    re.IGNORECASE,
)
_CHOICE = re.compile(
    rf"\b(?:choose|pick|select|go with)\s++(?:option\s++)?{_OPEN}(?P<letter>(?-i:[A-Z])){_CLOSED}", re.I
)
_VERDICT = re.compile(
    r"(?<![\w'])(?P<letter>(?-i:[A-Z]))\)?\s++(?:is|must be)\s++(?:the\s++)?(?:correct|right|best|answer)\b", re.I
)
# "turns left (B).": counts where the option's own text stands before it.
_BRACKETED = re.compile(r"\(\s*+(?P<letter>[A-Z])\s*+\)[.!]?\s*+$")
_BOXED = re.compile(r"\\boxed\{\s*+(?:\\text\{)?\s*+\(?(?P<letter>[A-Z])\)?\s*\}")
LAST_WORDS = 60  # characters at the end in which a last lone letter is looked for
_SENTENCE = re.compile(r"[^\n]+?[.!?;](?=\s)")
_LINE = re.compile(r"[^\n]+")
_LABEL = re.compile(r"(?<![\w(])\(?(?P<letter>[A-Z])[.):]\s*")
# A second letter joined to the first: "A or B", "A, C", "B and D".
_JOINED = re.compile(
    r"[)\]]?\s*+(?:,?\s*+\b(?:or|and)\b|,|/|&)\s*+(?:option\s++)?\(?([A-Z])\)?(?=\s*(?:$|[.,;:!?/\n]|or\b|and\b))"
)

# Most replies are a letter and nothing else, and what the rules below would say of it is known.
_BARE = re.compile(r"\s*+(?P<letter>[A-Z])[.)]?\s*+")
_LONGEST_LETTER = 3  # characters of an option that could itself be a letter: "B", "(B)"


class _Claim(NamedTuple):
    letter: str
    method: str
    span: tuple[int, int]


def read_mcq(text: str, options: Mapping[str, str]) -> Parsed[str]:
    """Read which option a final answer names; the value is its letter.

    `options` maps capital letters to texts, as `read_options` gives them. Several `<answer>` tags must agree.
    A letter that is not among the options is no answer.
    """
    bare = _BARE.fullmatch(text)
    if bare and bare["letter"] in options and all(len(option) > _LONGEST_LETTER for option in options.values()):
        return Parsed(bare["letter"], "letter", span=bare.span("letter"))
    flat = flatten(text)
    claims = [claim for region in answer_regions(flat) for claim in _claims(flat, region, options)]
    letters = {claim.letter for claim in claims}
    if not letters:
        return unreadable(text, "no_option_named")
    if len(letters) > 1:
        return unreadable(text, "two_options_named")
    if claims[0].letter not in options:
        return unreadable(text, "letter_not_an_option")
    if letters & {letter for region in answer_regions(flat) for letter in denied_letters(flat[slice(*region)])}:
        return unreadable(text, "named_and_denied")
    return Parsed(claims[0].letter, claims[0].method, span=claims[0].span)


def _claims(flat: str, region: tuple[int, int], options: Mapping[str, str]) -> Iterator[_Claim]:
    """Every assertion in a region, the leading one first."""
    start, end = region
    text = _without_lists(flat[start:end], options)
    for claim in (*_letter_claims(text, options), *_text_claims(text, options)):
        yield claim._replace(span=(claim.span[0] + start, claim.span[1] + start))


def _without_lists(text: str, options: Mapping[str, str]) -> str:
    """The text with a repeated list of the options blanked: two or more labels, each before its own text."""
    found = []
    for label in _LABEL.finditer(text):
        option = flatten(options.get(label["letter"], "")).casefold()
        end = label.end() + len(option)
        if option and text[label.end() : end].casefold() == option and not text[end : end + 1].isalnum():
            found.append((label.start(), end))
    for start, end in found if len(found) > 1 else []:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _letter_claims(text: str, options: Mapping[str, str]) -> Iterator[_Claim]:
    lead = _LEAD.match(text)
    if lead and _leads(text, lead) and not _goes_on(text, lead, options):
        yield from _named(text, lead, "letter", options)
    for pattern, method in (
        (_STATEMENT, "statement"),
        (_BOXED, "boxed"),
        (_CHOICE, "statement"),
        (_VERDICT, "statement"),
        (_LONE_LINE, "line"),
        (_LAST, "last"),
    ):
        for match in pattern.finditer(text, len(text) - LAST_WORDS if pattern is _LAST else 0):
            if match["letter"] and _is_asserted(text, match, pattern):
                yield from _named(text, match, method, options)
    bracketed = _BRACKETED.search(text, max(0, len(text) - LAST_WORDS))
    if bracketed and _is_after_its_text(text, bracketed, options):
        yield _Claim(bracketed["letter"], "last", bracketed.span("letter"))


def _leads(text: str, match: re.Match[str]) -> bool:
    """Whether a first letter is a label and not a word: "I, for one" and "a, b" are sentences."""
    letter = match["letter"]
    if match["label"] or not text[match.end("letter") :].strip(" \n\"'!?"):
        return True
    return letter.isupper() and letter != "I"


def _goes_on(text: str, lead: re.Match[str], options: Mapping[str, str]) -> bool:
    """Whether a first label opens a discussion; a letter without one, as in "B, because", opens none."""
    return bool(lead["label"]) and is_discussed(text, lead["letter"].upper(), lead.end(), options)


def _is_asserted(text: str, match: re.Match[str], pattern: re.Pattern[str]) -> bool:
    if pattern in (_STATEMENT, _CHOICE, _VERDICT) and is_denied(text, match.start()):
        return False
    return pattern is not _STATEMENT or _stands(text, match)


def _is_after_its_text(text: str, match: re.Match[str], options: Mapping[str, str]) -> bool:
    own = fold(options.get(match["letter"], ""))
    return own != "" and f" {fold(text[: match.start()])}".endswith(f" {own}")


def _stands(text: str, match: re.Match[str]) -> bool:
    """Whether the letter after "the answer is" is an option and not an article, a pronoun or a small word."""
    if match["letter"].isupper() and match["letter"] not in "AI":
        return True
    return re.compile(_CLOSED).match(text, match.end("letter")) is not None


def _named(text: str, match: re.Match[str], method: str, options: Mapping[str, str]) -> Iterator[_Claim]:
    """The matched letter, letters joined to it, and the option whose text is written behind it."""
    end = match.end("letter")
    yield _Claim(match["letter"].upper(), method, (match.start("letter"), end))
    while joined := _JOINED.match(text, end):
        yield _Claim(joined[1], method, joined.span(1))
        end = joined.end(1)
    yield from _exactly(text, (end, _line_end(text, end)), options)


def _text_claims(text: str, options: Mapping[str, str]) -> Iterator[_Claim]:
    """Options whose exact text is the answer, a line of it, its first sentence or what "the answer is"."""
    if len(fold(text)) == 1 and fold(text).upper() in options:
        return  # a lone letter is a letter, even where some option's text is that letter
    stated = [match for match in _STATEMENT.finditer(text) if match["tail"] and not is_denied(text, match.start())]
    openings = [(0, len(text)), *(match.span("tail") for match in stated)]
    sentences = [match.span() for span in openings if (match := _SENTENCE.match(text, *span))]
    lines = [line.span() for line in _LINE.finditer(text)]
    for span in dict.fromkeys([*openings, *sentences, *lines]):
        yield from _exactly(text, span, options)


def _exactly(text: str, span: tuple[int, int], options: Mapping[str, str]) -> Iterator[_Claim]:
    phrase = fold(text[span[0] : span[1]])
    for letter, option in options.items():
        if phrase and phrase == _folded(option):
            yield _Claim(letter, "text", span)


@lru_cache(1_000)
def _folded(option: str) -> str:
    """Options are few, and compared with every line."""
    return fold(option)


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end
