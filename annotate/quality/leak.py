"""Does the item betray the text that it was made from, or give its own answer away?

A teacher that writes from captions or boxes should reason from the video. The grammar knows frames in which such a
source is spoken of ("according to the caption", "the description says", "in the provided boxes"); the bare word is
no leak, nor is a caption, label or note that can be seen in the picture ("the caption on the screen").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from annotate.quality.entry import CHOICE, CLOSED, Entry
from annotate.quality.verdict import Verdict, drop, keep
from demitasse.answers.marks import flatten, fold

# Words for what stands behind an item. The second group says so only where it is said to have been given.
_NAMED = (
    r"(?:captions?|descriptions?|annotations?|ground[- ]truth(?:\s+\w+)?|metadata|transcripts?|"
    r"bounding[- ]box(?:es)?(?:\s+(?:annotations?|coordinates|data|lists?))?)"
)
_PLAIN = (
    r"(?:summar(?:y|ies)|contexts?|information|texts?|details?|labels?|data|boxes|timestamps?|notes?|accounts?|"
    r"narratives?|coordinates|evidence|observations?|answers?|materials?|inputs?)"
)
# Adjectives and nouns that stand before those words.
_KIND = (
    r"(?:(?:provided|given|supplied|accompanying|available|above|following|original|full|whole|overall|written|"
    r"textual|detailed|dense|global|local|chunk|window|segment|highlight|event|scene|video|clip|frame|footage|image|"
    r"first|second|third|last|reference|source|step[- ]?\d)(?:'s|-level)?\s+){0,4}"
)
_THE = r"(?:the|this|these|that|those|its|their|both|all|your|any|each)\s+"
_ADVERB = (
    r"(?:(?:also|further|then|already|never|do|does|did|not|\w+ly)"
    r"\s+){0,2}"
)
_TELLS = (
    r"(?:says?|said|states?|stated|mention(?:s|ed)?|describe[sd]?|indicate[sd]?|note[sd]?|reports?|reported|tells?|told|"
    r"specif(?:y|ies|ied)|confirm(?:s|ed)?|explains?|explained|suggest(?:s|ed)?|impl(?:y|ies|ied)|"
    r"highlight(?:s|ed)?|list(?:s|ed)?|details?|detailed|provides?|identif(?:y|ies|ied)|"
    r"emphasi[sz]e[sd]?|makes? (?:it )?clear)"
)
_GIVEN = r"(?:provided|given|supplied)"
_TOLD = (
    r"(?:described|stated|mentioned|noted|indicated|given|provided|reported|specified|annotated|listed|detailed|"
    r"outlined|captioned|said|written|recorded|marked|labell?ed)"
)

_PHRASES = {
    "names its source": (
        rf"\b(?:according to|based (?:up)?on|judging (?:from|by)|relying on|going by|as per|per|consistent with|"
        rf"in line with|in accordance with|supported by|confirmed by|corroborated by|derived from|inferred from|"
        rf"drawn from|taken from|aligns? with|from|given|by|in)\s+{_THE}{_KIND}{_NAMED}\b(?!\s+of\b|-)",
        rf"\b{_THE}{_KIND}{_NAMED}\s+{_ADVERB}(?:{_TELLS}|agrees?|differs?|shows?|reveals?|makes?|contains?|includes?|say)\b",
        r"\b(?:dense|global|chunk|highlight|window)\s+(?:captions?|descriptions?)\b",
        r"\bground[- ]truth\s+(?:labels?|annotations?|answers?|box(?:es)?|data|captions?|text)\b",
        rf"\b(?:according to|based (?:up)?on|from|given|per)\s+{_THE}{_PLAIN}\s+{_GIVEN}\b",
        rf"\b{_TOLD}\s+(?:earlier\s+|above\s+)?(?:in|by|as part of)\s+{_THE}{_KIND}{_NAMED}\b",
        rf"\b(?:according to|based (?:up)?on|per|as per|from|given|in)\s+{_GIVEN}\s+{_KIND}(?:{_NAMED}|{_PLAIN})\b",
        rf"\b{_THE}(?:\w+\s+)?(?:{_GIVEN}|supplied|accompanying)\s+{_KIND}(?:{_NAMED}|{_PLAIN})\b",
        rf"\b{_NAMED}\s+(?:that\s+(?:was|were|is|are)\s+)?{_GIVEN}\b",
        rf"\b{_THE}{_PLAIN}\s+(?:that\s+(?:was|were|is|are)\s+)?{_GIVEN}\s+(?:to me|above|here|in the (?:prompt|input)|"
        rf"by the (?:user|annotators?|prompt))\b",
        r"\b(?:cross-?)?check(?:ing|ed)?\s+(?:with|against)\s+the\s+(?:captions?|descriptions?|annotations?)\b",
        r"\baccording to\s+(?:caption|description|annotation)\s+\d+\b",
        r"\bthe\s+annotated\s+(?:boxes|objects|events?|times?)\b",
        rf"\b(?:the|these)\s+(?:labels|boxes|coordinates)\s+{_GIVEN}\s+(?:with|for|in)\s+the\s+(?:image|video|frames?)\b",
        r"\bas\s+(?:annotated|captioned|provided|given)\b(?=\s*(?:[.,;:]|in\b|by\b|$))",
        rf"\b{_TOLD}\s+by\s+{_THE}annotators?\b|\bthe\s+annotators?\s+{_TELLS}\b",
    ),
    "speaks of its prompt": (
        r"\b(?:in|from|by|per)\s+the\s+(?:prompt|system message|input prompt)\b",
        rf"\bthe\s+prompt\s+{_ADVERB}(?:{_TELLS}|asks?|asked|wants?|requires?|gave|gives)\b",
        r"\bthe\s+(?:user|instructions?)\s+(?:provided|supplied|(?:asks?|asked|tells?|told|gave|gives)\s+me)\b",
        r"\bas an ai\b|\bas a language model\b",
    ),
    "says that it sees no video": (
        r"\b(?:i|we)\s+(?:can ?not|can't|could not|couldn't|do not|don't|did not|didn't)\s+(?:actually\s+|directly\s+)?"
        r"(?:see|view|watch|access)\s+the\s+(?:actual\s+)?(?:video|footage|clip|image|frames?)\b",
        r"\bwithout\s+(?:seeing|watching|viewing|access to)\s+the\s+(?:actual\s+)?"
        r"(?:video|footage|clip|image|frames?)\b",
        rf"\b(?:i|we)\s+only\s+have\s+(?:access to\s+)?(?:the\s+|a\s+)?{_KIND}(?:{_NAMED}|{_PLAIN})\b",
    ),
}
_GRAMMAR = [(kind, re.compile(phrase, re.IGNORECASE)) for kind, phrases in _PHRASES.items() for phrase in phrases]

# What makes the word a thing that can be seen, or a part of the question: looked for around the phrase.
_PLACES = (
    r"(?:screen|sign|signs|tv|television|monitor|display|banner|board|whiteboard|blackboard|slide|page|poster|photo|"
    r"photograph|picture|shirt|t-shirt|box|package|packaging|bottle|door|wall|map|ticker|scoreboard|newspaper|book|"
    r"magazine|plaque|menu|card|ticket|badge|jar|can|crate|container|pallet|shelf|bin|truck|vehicle|machine|label|"
    r"form|website|phone|tablet|dashboard|chart|graph|overlay|top|bottom|corner|edge|lower|upper|left|right|middle|cent(?:re|er))"
)
_SEEN_AFTER = re.compile(
    rf"^\s*(?:(?:that|which)\s+(?:is|are|was|were|appears?)\s+)?(?:(?:shown|displayed|printed|written|visible|seen|overlaid|burned)\s+)?"
    rf"(?:on|at|in|along|across|over|under|below|beneath|above|beside)\s+(?:(?:the|a|its|his|her|their|one|each)\s+)?"
    rf"(?:[\w-]+\s+){{0,2}}?{_PLACES}\b|^\s*(?:reads?|reading|appears?|flash(?:es)?|scrolls?|pops? up)\b",
    re.IGNORECASE,
)
_SEEN_BEFORE = re.compile(
    r"(?:on-?\s?screen|closed|news|photo|burn(?:ed|t)-in|superimposed|printed|handwritten|hand-written|scrolling|"
    r"displayed|visible|overlaid|painted|warning|price|name|job|product|item|witness(?:'s)?|suspect(?:'s)?|lower-third|"
    r"subtitle)\s*$",
    re.IGNORECASE,
)
_OF_THE_QUESTION = re.compile(
    r"^\s*(?:given\s+)?(?:in|of|by|from)\s+(?:the\s+|this\s+|each\s+)?(?:questions?|options?|choices?|answers?)\b", re.I
)
_SOURCE_WORD = re.compile(rf"{_NAMED}|{_PLAIN}", re.IGNORECASE)
_OR = re.compile(r"\bor\b", re.IGNORECASE)
_FEWEST_WORDS = 3  # of an answer in prose that its question repeats; fewer words meet by chance


class Phrase(NamedTuple):
    """A telling phrase: its kind and its words."""

    kind: str
    words: str


def find_leak(text: str) -> Phrase | None:
    """The first phrase of a text that betrays where it comes from; None if there is none."""
    flat = flatten(text)
    found = ((match.start(), kind, match) for kind, pattern in _GRAMMAR for match in pattern.finditer(flat))
    for _, kind, match in sorted(found, key=lambda one: one[0]):
        if not _is_visible(flat, match):
            return Phrase(kind, " ".join(match[0].split()))
    return None


def judge_leak(entry: Entry) -> Verdict:
    """Drop an item that speaks of its hidden source, or whose question holds the answer."""
    for field, text in _texts(entry):
        phrase = find_leak(text)
        if phrase is not None:
            return drop(phrase.kind, f'{field}: "{phrase.words}"')
    if _gives_answer_away(entry):
        return drop("question holds the answer", f'the question says "{_answer_text(entry)}"')
    return keep()


def _texts(entry: Entry) -> Iterator[tuple[str, str]]:
    yield "reasoning", entry.item.reasoning or ""
    yield "question", entry.question.stem
    yield "answer", entry.item.answer


def _is_visible(flat: str, match: re.Match[str]) -> bool:
    """Whether the source word of a phrase is something in the picture, or of the question itself."""
    words = list(_SOURCE_WORD.finditer(match[0]))
    if not words:
        return False
    start, end = match.start() + words[-1].start(), match.start() + words[-1].end()
    after = flat[end : end + 80]
    return bool(_SEEN_AFTER.match(after) or _SEEN_BEFORE.search(flat[:start][-40:]) or _OF_THE_QUESTION.match(after))


def _gives_answer_away(entry: Entry) -> bool:
    """Whether the stem names the right option and no other, or repeats the whole answer of an open question."""
    stem = f" {_words(entry.question.stem)} "
    if _OR.search(stem):
        return False  # "a car or a lorry?" names what may be chosen
    if entry.task in CHOICE:
        told = {letter for letter, text in entry.question.options.items() if f" {_words(text)} " in stem}
        return bool(entry.right) and told == {entry.right}
    answer = _answer_text(entry)
    return entry.task not in CLOSED and len(answer.split()) >= _FEWEST_WORDS and f" {answer} " in stem


def _answer_text(entry: Entry) -> str:
    return _words(entry.right_text or entry.item.answer)


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", fold(text)))
