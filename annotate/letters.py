"""The letters of options: where the right option goes, and how letters in a text follow their options.

Step 4 puts the options where TAO's puts them: shuffled by a generator that the question's text seeds. That gives the
same question the same letter in every video and leaves the balance of letters to luck; the quality filter `letters`
mends both, by `right_letters`: questions are put in an order that only their hashes decide and take A, B, C, D in
turn, so that no letter is more than one ahead, and nothing about a question tells its letter.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping, Sequence

_MENTIONED = re.compile(
    r"\b(?:options?|choices?|answers?|letters?|alternatives?)(?:\s+(?:is|are|was|be))?\s*:?\s*[(\"']?$", re.I
)
_SMALL = re.compile(r"\b(?:option|choice|letter|alternative)\s+\(?(?:[b-h]\b|a\b(?!\s+[a-z]))|\([a-h]\)")
_ORDINAL = re.compile(
    r"\b(?:first|second|third|fourth|fifth|sixth|last|latter|former|above|below|previous|next|middle)\s+"
    r"(?:option|choice|answer|alternative)s?\b",
    re.IGNORECASE,
)
_JOINT = re.compile(r"[)\"']?\s*(?:,\s*(?:and|or)?|and|or|/|&)\s*(?:options?\s+)?[(\"']?")
# Options that speak of other options lose their sense when these move.
ABOUT_OPTIONS = re.compile(
    r"\b(?:all|none|any|both|neither|either)\s+of\s+(?:the\s+)?(?:above|these|them|others?|options)\b|"
    r"\b(?:both\s+)?[A-H]\s+(?:and|or|nor|&)\s+[A-H]\b|\b(?:options?|choices?)\s+[A-H]\b",
    re.IGNORECASE,
)


def tao_order(options: Mapping[str, str], question: str) -> dict[str, str]:
    """The options under the letters that TAO's step 4 gives them (nvidia-tao-ds 7.3.0)."""
    texts = list(options.values())
    # The bytes, which seed the same generator as the text does, for a text may hold what UTF-8 has no bytes for.
    random.Random(question.encode("utf-8", "surrogatepass")).shuffle(texts)
    return dict(zip(options, texts, strict=True))


def right_letters(questions: Sequence[tuple[str, str]], letters: str = "ABCD") -> list[str]:
    """The letter of the right option for each (video id, question)."""
    ranked = sorted(range(len(questions)), key=lambda number: (_hash(*questions[number]), number))
    chosen = [""] * len(questions)
    for rank, number in enumerate(ranked):
        chosen[number] = letters[rank % len(letters)]
    return chosen


def shuffled(options: Mapping[str, str], answer: str, letter: str, video: str, question: str) -> dict[str, str]:
    """The options under new letters: the right one (`answer`'s) under `letter`, the others shuffled.

    The shuffle is seeded by the video id and the question.
    """
    others = [text for old, text in options.items() if old != answer]
    random.Random(_hash(video, question)).shuffle(others)
    texts = iter(others)
    return {new: options[answer] if new == letter else next(texts) for new in options}


def follow(text: str, moves: Mapping[str, str]) -> str | None:
    """A text whose letters of options follow their options; None if it is not plain which capitals are letters."""
    if _SMALL.search(text) or _ORDINAL.search(text):
        return None
    capital = re.compile(rf"(?<![\w'-])[{''.join(moves)}](?![\w'-])")
    pieces: list[str] = []
    end, last = 0, None
    for match in capital.finditer(text):
        if _is_mention(text, match, last):
            pieces += [text[end : match.start()], moves[match[0]]]
            end, last = match.end(), match
        elif not _is_article(text, match):
            return None
    return "".join([*pieces, text[end:]])


def _is_mention(text: str, match: re.Match[str], last: re.Match[str] | None) -> bool:
    if last is not None and _JOINT.fullmatch(text[last.end() : match.start()]):
        return not _is_article(text, match)
    if _MENTIONED.search(text[: match.start()][-40:]):
        return not _is_article(text, match)
    return text[match.start() - 1 : match.start()] == "(" and text[match.end() : match.end() + 1] == ")"


def _is_article(text: str, match: re.Match[str]) -> bool:
    """Whether a capital A opens a sentence: "A car turns". No other letter is a word, but I, which says nothing."""
    after = re.match(
        r"\s+(?!(?:is|was|because|since|and|or|as|states?|says?|describes?|matches)\b)[a-z0-9]", text[match.end() :]
    )
    before = text[: match.start()].rstrip(" \t\"'(*")
    return match[0] == "A" and after is not None and (not before or before[-1] in ".!?:;\n>-")


def _hash(video: str, question: str) -> str:
    return hashlib.sha256(f"{video}\0{question}".encode("utf-8", "surrogatepass")).hexdigest()
