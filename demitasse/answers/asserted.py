"""The forms in which a reply asserts an option's letter, each a pattern with a group `letter`.

Nothing here decides: `demitasse.answers.choice` collects what they find, and sets aside what is denied or discussed.
"""

from __future__ import annotations

import re

_BECAUSE = r"(?:because|since|as|for|due|given|based)\b"
# What may follow a letter that stands for an option, and never follows the article "A" or the pronoun "I".
CLOSED = rf"(?=\s*(?:$|\n|[.,;:!?)\]}}]|[\"'](?!\w))|\s+[-(\"]|\s+{_BECAUSE})"
# Quantifiers are possessive where they could overlap: a reply of a hundred thousand brackets takes no longer.
_OPEN = r"[\"'(\[{\s]*+"

LEAD = re.compile(
    rf"\W*+(?:(?:option|choice|letter|answer)\s++)?{_OPEN}(?P<letter>[A-Z])"
    rf"(?:(?P<label>\s?[.):\]}}]+)|(?=\s*(?:$|\n|[,;!?]|[\"'](?!\w)))|(?=\s+[-(\"])"
    rf"|(?=\s+(?:{_BECAUSE}|rather than\b|instead of\b)))",
    re.IGNORECASE,
)
# After a comma only in brackets: "Based on the video, (C)." and not "Plan A, B".
LAST = re.compile(rf"(?:[.!?:\u2026]\s++|\n\s*+|,\s++(?=\()){_OPEN}(?P<letter>[A-Z])[.)\]}}\"']*+\s*+$")
LONE_LINE = re.compile(
    r"^[\"'(\[{< \t]*+(?i:option[ \t]++)?[\"'(\[{ \t]*+(?P<letter>[A-Z])[.)\]}>\"']*+[ \t]*+$", re.MULTILINE
)
# What follows is looked at and not taken, for another statement may follow on the line.
STATEMENT = re.compile(
    r"\b(?:answer|option|choice)[\"']?\s*+(?:(?:to (?:the|this|your) question\s++)?(?:is|(?:would|must|should) be"
    r"|(?:appears|seems) to be)\s*+(?:(?:most\s++)?(?:likely|probably|clearly)\s*+)?[:=]?|[:=]|-(?=\s))\s*+"
    rf"(?:{_OPEN}(?:(?:option|choice|letter)\s++)?{_OPEN}(?P<letter>[A-Z])(?!\w|'\w)|(?=(?P<tail>[^\n]{{1,1000}})))",
    re.IGNORECASE,
)
CHOICE = re.compile(rf"\b(?:choose|pick|select|go with)\s++(?:option\s++)?{_OPEN}(?P<letter>(?-i:[A-Z])){CLOSED}", re.I)
# "I would say C.": the speaker's own word, and no question ("Would I say C?").
SAID = re.compile(
    r"(?<![\w'])I(?:'d|'ll| would| will)?\s++(?:say|answer|guess|think|believe)\s++(?:that\s++)?"
    r"(?:(?:it is|it's|it would be|it must be)\s++)?(?:option\s++)?"
    rf"{_OPEN}(?P<letter>(?-i:[A-Z])){CLOSED}(?![^\n.]{{0,20}}\?)",
    re.I,
)
# A sentence of its own: "It's B.", "Definitely B."
PLAIN = re.compile(
    r"(?:^|[.!?;:\n])[^\S\n]*+(?:(?:it|this|that)(?:'s|\s++(?:is|must be|should be|would be))"
    r"|definitely|certainly|surely|clearly|obviously|probably|(?:most\s++)?likely),?\s++(?:option\s++)?"
    rf"{_OPEN}(?P<letter>(?-i:[A-Z]))[)\]}}\"']*+(?=\s*+(?:$|[.,;!\n])|\s++{_BECAUSE})",
    re.I,
)
NOT_BUT = re.compile(
    rf"\bnot\s++(?:option\s++)?\(?(?-i:[A-Z])\)?,?\s++but\s++(?:rather\s++)?(?:option\s++)?{_OPEN}"
    rf"(?P<letter>(?-i:[A-Z])){CLOSED}",
    re.I,
)
# A conclusion that ends the reply: "The man rides, so B".
SO = re.compile(
    rf"(?:^|[.,;!\n])\s*+(?:and\s++)?(?:so|therefore|thus|hence)[,:]?\s++(?:(?:it is|it's)\s++)?(?:option\s++)?"
    rf"{_OPEN}(?P<letter>(?-i:[A-Z]))[.)\]}}\"'!]*+\s*+$",
    re.I,
)
VERDICT = re.compile(
    r"(?<![\w'])(?P<letter>(?-i:[A-Z]))\)?\s++(?:is|must be)\s++(?:the\s++)?(?:correct|right|best|answer)\b", re.I
)
# "turns left (B).": counts where the option's own text stands before it.
BRACKETED = re.compile(r"\(\s*+(?P<letter>[A-Z])\s*+\)[.!]?\s*+$")
BOXED = re.compile(
    r"\\(?:boxed|fbox)\{\s*+(?:\\[a-z]++\s*+\{)?\s*+(?:\(?(?P<letter>[A-Z])(?:[.):]|\s*\})|(?=(?P<tail>[^\n}]{1,1000})))"
)
