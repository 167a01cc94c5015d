"""What judging a run would ask and cost, before anything is sent. Needs no key and asks nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from demitasse.chat.attach import FRAME_PIXELS
from demitasse.chat.model import Sampling, Usage
from demitasse.chat.tokens import TokenRule, estimate_tokens
from demitasse.engine.budget import CALLS
from demitasse.engine.graph import row_key
from demitasse.engine.journal import read_rows
from demitasse.engine.step import Fields
from demitasse.prices import Prices
from evaluate.judging.gather import ROWS, make_step
from evaluate.judging.protocol import Exchange, Protocol

REPLY_TOKENS = 90  # of a reason in a sentence or two and the marks; what this judge has written so far counts instead
MOST_CALLS = 4  # for one vote: twice the room for a reply that was cut short, sent back once, put once more


@dataclass(frozen=True, slots=True)
class Seat:
    """A judge by name: who would be asked, and how."""

    name: str
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class JudgePlan:
    """What one judge would be asked. `kept` are votes that are there; dollars are None without a price.

    `dollars` is what is to be expected, `most_dollars` what it costs if every call of every vote is as long as it may
    be; tokens are estimates.
    """

    judge: str
    kept: int
    requests: int
    prompt_tokens: int
    reply_tokens: int
    dollars: float | None
    most_dollars: float | None


def plan_votes(
    exchanges: Sequence[Exchange], seats: Sequence[Seat], protocol: Protocol, work: Path, prices: Prices
) -> list[JudgePlan]:
    """One plan for each judge; `work` is the folder in which its votes would be kept."""
    current = _current(work / ROWS)
    return [_plan(exchanges, seat, protocol, current, _written(work / CALLS, seat.name), prices) for seat in seats]


def _plan(
    exchanges: Sequence[Exchange],
    seat: Seat,
    protocol: Protocol,
    current: dict[tuple[str, str], str],
    reply_tokens: float,
    prices: Prices,
) -> JudgePlan:
    price = prices.find(seat.name)
    rule = price.tokens if price else TokenRule()
    sizes = list(_prompts(exchanges, seat, protocol, current, rule))
    new = len(sizes)
    longest = 2 * seat.sampling.max_tokens
    dollars = most = None
    if price is not None:
        dollars = sum(price.cost(Usage(size, round(reply_tokens))) for size in sizes)
        most = sum(MOST_CALLS * price.cost(Usage(size + longest, longest)) for size in sizes)
    kept = len(exchanges) * protocol.repeats - new
    return JudgePlan(seat.name, kept, new, sum(sizes), round(new * reply_tokens), dollars, most)


def _prompts(
    exchanges: Sequence[Exchange],
    seat: Seat,
    protocol: Protocol,
    current: dict[tuple[str, str], str],
    rule: TokenRule,
) -> Iterator[int]:
    """Tokens of the prompt of each vote that is still to be asked for."""
    seen = round(protocol.sight.frames * rule.image_tokens(FRAME_PIXELS, 1)) if protocol.sight else 0
    for repeat in range(protocol.repeats):
        step = make_step(protocol, seat.name, seat.sampling, repeat, _unasked)
        for one in exchanges:
            if current.get((one.id, step.part)) != row_key(step, {"exchange": one}):
                yield estimate_tokens(protocol.request(one, seat.sampling, repeat), rule) + seen


async def _unasked(_: Fields) -> Fields:
    raise AssertionError("a plan asks nobody")


def _current(path: Path) -> dict[tuple[str, str], str]:
    """The keys of the rows that are there, by record and part; the last row of each counts."""
    rows = read_rows(path) if path.is_file() else ()
    return {(row["item_id"], row["provenance"]["part"]): row["provenance"]["key"] for row in rows}


def _written(path: Path, judge: str) -> float:
    """Mean tokens of the replies that this judge has written here."""
    counts = [
        row["reply"]["usage"]["completion"]
        for row in (read_rows(path) if path.is_file() else ())
        if row["asked"] == judge and row["reply"]["usage"]["completion"]
    ]
    return sum(counts) / len(counts) if counts else REPLY_TOKENS
