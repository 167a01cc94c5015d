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

from demitasse.answers.asserted import (
    BOXED,
    BRACKETED,
    CHOICE,
    CLOSED,
    LAST,
    LEAD,
    LONE_LINE,
    NOT_BUT,
    PLAIN,
    SAID,
    SO,
    STATEMENT,
    VERDICT,
)
from demitasse.answers.discussed import denied_letters, is_denied, is_discussed
from demitasse.answers.languages import ELSEWHERE
from demitasse.answers.marks import answer_regions, flatten, fold
from demitasse.answers.parsed import Parsed, unreadable

LAST_WORDS = 60  # characters at the end in which a last lone letter is looked for
_SENTENCE = re.compile(r"[^\n]+?[.!?;](?=\s)")
_LINE = re.compile(r"[^\n]+")
# "a) b) c)": labels that nothing stands between.
_ROW = re.compile(r"\s*+\(?(?P<letter>[A-Za-z])[.):](?=\s*+(?:$|\(?[A-Za-z][.):]))")
_ONE_SENTENCE = re.compile(r"[^.!?;:\n]{1,200}+[.!]?\s*+")
_IS = re.compile(r"\b(?:is|are|was|were)\s++", re.IGNORECASE)
_HEDGED = re.compile(
    r"n't\b|\b(?:no|not|none|nobody|nothing|neither|nor|never|hardly|if|whether|unless|when|before|after|while|until"
    r"|option|maybe|perhaps|could|might)\b",
    re.IGNORECASE,
)
_UNLABELLED = re.compile(r"\W*+(?:(?i:option)\s++)?(?P<letter>[A-Z])\s++(?P<tail>[^\n]+)")  # "B turns left"
_LABEL = re.compile(r"(?<![\w(])\(?(?P<letter>[A-Z])[.):]\s*")
# A second letter joined to the first: "A or B", "A, C", "B and D".
_JOINED = re.compile(
    r"[)\]]?\s*+(?:,?\s*+\b(?:or|and)\b|,|/|&|[或和与]|还是)\s*+(?:option\s++)?\(?([A-Z])\)?"
    r"(?=\s*(?:$|[.,;:!?/\n]|(?:or|and|are|were|both)\b|[或和与]|还是))"
)

# Most replies are a letter and nothing else, and what the rules below would say of it is known, unless some option's
# text could itself be a letter.
_BARE = re.compile(r"\s*+(?P<letter>[A-Z])[.)]?\s*+")
_LONGEST_LETTER = 3  # characters of an option that could: "B", "(B)"


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
    if bare and bare["letter"] in options and not any(map(_could_be_letter, options.values())):
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
    """The text with a repeated list of the options blanked: two or more labels, each before its own text.

    A label that is stated ("the answer is A. turns left") belongs to a list only where the next one follows at once.
    """
    found: list[tuple[int, int]] = []
    stated = {match.start("letter") for match in STATEMENT.finditer(text) if match["letter"]}
    for label in _LABEL.finditer(text):
        option = flatten(options.get(label["letter"], "")).casefold()
        end = label.end() + len(option)
        if option and text[label.end() : end].casefold() == option and not text[end : end + 1].isalnum():
            found.append((label.start(), end))
    for place, (start, end) in enumerate(found if len(found) > 1 else []):
        after = found[place + 1][0] if place + 1 < len(found) else len(text)
        if not stated.isdisjoint(range(start, end)) and text[end:after].strip(" \n.,;"):
            continue
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _letter_claims(text: str, options: Mapping[str, str]) -> Iterator[_Claim]:
    lead = LEAD.match(text)
    if lead and _leads(text, lead):
        row = _ROW.match(text, lead.end())
        if row or not _goes_on(text, lead, options):
            yield from _named(text, lead, "letter", options)
        if row:
            yield _Claim(row["letter"].upper(), "letter", row.span("letter"))
    for pattern, method in (
        (STATEMENT, "statement"),
        (BOXED, "boxed"),
        (CHOICE, "statement"),
        (SAID, "statement"),
        (PLAIN, "statement"),
        (NOT_BUT, "statement"),
        *((pattern, "statement") for pattern in ELSEWHERE),
        (VERDICT, "statement"),
        (SO, "last"),
        (LONE_LINE, "line"),
        (LAST, "last"),
    ):
        for match in pattern.finditer(text, max(0, len(text) - LAST_WORDS) if pattern in (LAST, SO) else 0):
            if match["letter"] and _is_asserted(text, match, pattern):
                yield from _named(text, match, method, options)
    bracketed = BRACKETED.search(text, max(0, len(text) - LAST_WORDS))
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
    label = lead["label"] or text.startswith(" -", lead.end())
    return bool(label) and is_discussed(text, lead["letter"].upper(), lead.end(), options)


def _is_asserted(text: str, match: re.Match[str], pattern: re.Pattern[str]) -> bool:
    if pattern in (STATEMENT, CHOICE, SAID, VERDICT) and is_denied(text, match.start()):
        return False
    return pattern is not STATEMENT or _stands(text, match)


def _is_after_its_text(text: str, match: re.Match[str], options: Mapping[str, str]) -> bool:
    own = fold(options.get(match["letter"], ""))
    return own != "" and f" {fold(text[: match.start()])}".endswith(f" {own}")


def _stands(text: str, match: re.Match[str]) -> bool:
    """Whether the letter after "the answer is" is an option and not an article, a pronoun or a small word."""
    if match["letter"].isupper() and match["letter"] not in "AI":
        return True
    return re.compile(CLOSED).match(text, match.end("letter")) is not None


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
    phrase = fold(text)
    if len(phrase) == 1 and phrase.upper() in options:
        return  # a lone letter is a letter, even where some option's text is that letter
    stated = [match for match in STATEMENT.finditer(text) if match["tail"] and not is_denied(text, match.start())]
    stated += [match for match in BOXED.finditer(text) if match["tail"]]
    openings = [(0, len(text)), *(match.span("tail") for match in stated)]
    sentences = [match.span() for span in openings if (match := _SENTENCE.match(text, *span))]
    lines = [line.span() for line in _LINE.finditer(text)]
    for span in dict.fromkeys([*openings, *sentences, *lines, *_predicates(text)]):
        yield from _exactly(text, span, options)
        if (unlabelled := _UNLABELLED.match(text, *span)) and unlabelled["letter"] in options:
            own = _exactly(text, unlabelled.span("tail"), options)
            yield from (claim for claim in own if claim.letter == unlabelled["letter"])


def _predicates(text: str) -> Iterator[tuple[int, int]]:
    """What a reply of one sentence says of something: "The man is", and then an option's text."""
    for match in _IS.finditer(text) if _ONE_SENTENCE.fullmatch(text) else ():
        if not _HEDGED.search(text, 0, match.start()):
            yield match.end(), len(text)


def _exactly(text: str, span: tuple[int, int], options: Mapping[str, str]) -> Iterator[_Claim]:
    phrase = fold(text[span[0] : span[1]])
    for letter, option in options.items() if phrase else ():
        if phrase == _folded(option):
            yield _Claim(letter, "text", span)


def _could_be_letter(option: str) -> bool:
    return len(option) <= _LONGEST_LETTER and len(_folded(option)) <= 1


@lru_cache(1_000)
def _folded(option: str) -> str:
    """Options are few, and compared with every line."""
    return fold(option)


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end
