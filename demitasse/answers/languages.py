"""How "the answer is B" reads in other languages: Qwen's models now and then answer an English question in Chinese.

A denial puts a word between ("答案不是C", "ist nicht B"), so that it does not match.
"""

from __future__ import annotations

import re

# Marks are plain here, as `flatten` leaves them.
_LETTER = r"[\"'(\[\s]*+(?P<letter>(?-i:[A-Z]))(?![A-Za-z0-9])"
_CHINESE = re.compile(
    rf"(?<!不认为)(?<!不觉得)(?:答案|正确选项|最佳选项)(?:应该|应当|应)?\s*+(?:[是为选]\s*+:?|[:=])\s*+(?:选项)?{_LETTER}(?!\s*+[的吗不])"
)
# "So I choose B", at the end of its sentence: "选项A描述了 ..." only speaks of an option.
_CHOSEN = re.compile(
    r"(?<![不别没非])(?<![不没别][应能会要有])(?<!不应该)(?:选[择项]?|答案)\s*+:?"
    rf"{_LETTER}(?=[\"')\]]*+\s*+(?:选项)?\s*+(?:$|[.,;!\n]))"
)
_RIGHT = re.compile(
    r"(?<![A-Za-z0-9])(?P<letter>[A-Z])\)?\s*+(?:选项)?\s*+[是为]?(?:正确|对)的?(?:答案|选项)?(?=\s*+(?:$|[.,;!\n]))"
)
_OTHERS = re.compile(
    r"(?:antwort|respuesta|r[ée]ponse|risposta|resposta|ответ|정답|답|答え|正解)"
    r"(?:\s++(?!(?:no|non|não|nicht|не)\b)\w++)?\s*+"
    rf"(?:ist|es|est|è|é|은|는|は|-|:)\s*+:?{_LETTER}(?![^\n]*\b[A-Z]\b)",
    re.IGNORECASE,
)
ELSEWHERE = (_CHINESE, _CHOSEN, _RIGHT, _OTHERS)
