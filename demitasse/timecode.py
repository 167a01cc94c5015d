"""Times in text: float seconds inside, `MM:SS` and its relatives at the edge.

Reading is strict: the whole text is one time, or it is no time. `[00:03]`, which TAO's own prompt shows and
its parser refuses, is a time; `3:5`, `00:75` and `about 3 s` are not.
"""

from __future__ import annotations

import math
import re
from decimal import MAX_EMAX, Context, Decimal

from demitasse.errors import DataError

# In floats 06:55.09 would be 415.09000000000003 seconds. Any number of digits is taken, and nothing raises.
_EXACT = Context(prec=50, Emax=MAX_EMAX, traps=[])
_FLAGS = re.IGNORECASE | re.ASCII
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_CLOCK = rf"(?:(?:[0-9]+:[0-5][0-9]|[0-9]+):[0-5][0-9](?:\.[0-9]+)?|{_NUMBER})"
_BARE = rf"(?:{_NUMBER}\s*(?:seconds?|secs?|s)|{_CLOCK})"
_TIME = rf"(?:\[\s*{_BARE}\s*\]|<\s*{_BARE}\s*>|\(\s*{_BARE}\s*\)|{_BARE})"
_PARSE = re.compile(_TIME, _FLAGS)
_CLOCK_IN = re.compile(_CLOCK, _FLAGS)
_SPANS = tuple(
    re.compile(pattern, _FLAGS)
    for pattern in (
        rf"({_TIME})\s*(?:-|–|—|to|until|\.\.|->|→|,(?=\s)|(?<=:..),(?=[0-9]+:))\s*({_TIME})",
        rf"(?:from|between)\s+({_TIME})\s+(?:to|until|and)\s+({_TIME})",
        rf"(<{_BARE}>|\[{_BARE}\])\s*,?\s*(<{_BARE}>|\[{_BARE}\])",
        rf"start(?:[_ ]time)?\s*:\s*({_TIME})\s*[,;]?\s*end(?:[_ ]time)?\s*:\s*({_TIME})",
    )
)


def parse(text: str) -> float | None:
    """Seconds in a text that is one time and nothing else; None if it is not.

    Accepted: `12`, `12.5` (seconds); `3s`, `3.5 seconds`; `MM:SS`, `HH:MM:SS`, each with a fraction; any of
    them in `[]`, `<>` or `()`; space around. What follows a colon has two digits and is below 60; `75:10` is
    75 minutes. No sign, no exponent, no decimal comma.
    """
    stripped = text.strip()
    clock = _CLOCK_IN.search(stripped) if _PARSE.fullmatch(stripped) else None
    if clock is None:
        return None
    seconds = Decimal(0)
    for part in clock[0].split(":"):
        seconds = _EXACT.fma(seconds, Decimal(60), Decimal(part))
    return float(seconds)


def parse_span(text: str) -> tuple[float, float] | None:
    """Start and end in seconds of a text that is one span and nothing else; None if it is not.

    Accepted: two times joined by a dash, `to`, `until`, `..`, an arrow or a comma that cannot be a decimal one;
    `from … to …`, `between … and …`; `<00:03><00:05>`, `[00:03] [00:05]` (dense captions); `Start_Time: …,
    End_Time: …` (TAO's annotator); any of it in square brackets. A span that ends before it starts is none.
    """
    stripped = text.strip()
    inner = stripped[1:-1].strip() if stripped.startswith("[") and stripped.endswith("]") else stripped
    for pattern in _SPANS:
        match = pattern.fullmatch(stripped) or pattern.fullmatch(inner)
        if match:
            start, end = parse(match[1]), parse(match[2])
            return (start, end) if start is not None and end is not None and start <= end else None
    return None


def format_mmss(seconds: float, decimals: int = 0) -> str:
    """`MM:SS`, minutes going on past 59, rounded half up to `decimals` places.

    Raises:
        DataError: if `seconds` is negative or not finite.
    """
    minutes, rest = divmod(_units(seconds, decimals), 60 * 10**decimals)
    return f"{minutes:02d}:{_seconds(rest, decimals)}"


def format_hhmmss(seconds: float, decimals: int = 0) -> str:
    """`HH:MM:SS`, rounded half up to `decimals` places.

    Raises:
        DataError: if `seconds` is negative or not finite.
    """
    minutes, rest = divmod(_units(seconds, decimals), 60 * 10**decimals)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{_seconds(rest, decimals)}"


def _units(seconds: float, decimals: int) -> int:
    """The time in whole units of the last place, so that 59.96 carries into the minutes."""
    if not math.isfinite(seconds) or seconds < 0:
        raise DataError(f"{seconds} is no time in a video: a time is a finite number of seconds, 0 or more")
    return math.floor(seconds * 10**decimals + 0.5)


def _seconds(units: int, decimals: int) -> str:
    whole, fraction = divmod(units, 10**decimals)
    return f"{whole:02d}.{fraction:0{decimals}d}" if decimals else f"{whole:02d}"
