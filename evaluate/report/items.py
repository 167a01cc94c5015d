"""Which items a reader should look at: the biggest gains, the biggest losses, and what could not be scored."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from heapq import nlargest, nsmallest
from itertools import islice, zip_longest
from pathlib import Path
from urllib.parse import quote

from demitasse.answers import split_reasoning
from evaluate.comparing.compare import Comparison
from evaluate.metric import COTASKS, METRICS
from evaluate.records import Json, Scored
from evaluate.report.boxes import answered, picture

SHOWN = 12  # items a group
SHOWN_OF_TASK = 3  # so that one task does not fill a group
MOST = 300  # of the last group, so that a browser can open the page

Pair = tuple[Scored, Scored]  # an item's rows, before and after
Rank = tuple[float, str]  # an item's place in a group: no two have the same, for ids differ
TEXT_LIMIT = 4000  # characters of one text


def choose_items(comparison: Comparison, out: Path, media: Path | None) -> list[Json]:
    """Groups of items for the page, the same for the same scores.

    Args:
        comparison: what to choose from.
        out: the page's folder; links to media are relative to it.
        media: folder that the items' media ids count from; None for no links.
    """
    pairs = comparison.pairs
    moves = [_move(*pair) for pair in pairs]
    gains = [pair for pair, move in zip(pairs, moves, strict=True) if move > 0]
    losses = [pair for pair, move in zip(pairs, moves, strict=True) if move < 0]
    faults = [pair for pair in pairs if pair[0].fault or pair[1].fault]
    groups: list[tuple[str, str, int, list[Pair]]] = []
    shown: set[str] = set()
    for name, title, found, choose in (
        ("gain", "Biggest gains", gains, partial(_spread, rank=_by_move)),
        ("loss", "Biggest losses", losses, partial(_spread, rank=_by_move, last=True)),
        ("fault", "Faults: no answer could be read, or no score was given", faults, partial(_spread, rank=_by_fault)),
        ("item", "The others", pairs, _in_turns),
    ):
        some = choose([pair for pair in found if pair[0].asked.item_id not in shown])
        count = len(pairs) - len(shown) if choose is _in_turns else len(found)
        groups.append((name, title, count, some))
        shown |= {pair[0].asked.item_id for pair in some}
    return [
        {"name": name, "title": title, "count": count, "items": [_shown(pair, out, media) for pair in some]}
        for name, title, count, some in groups
    ]


def outcome(before: Scored, after: Scored) -> str:
    """What became of an item, in the words that the page's filter knows; several, with a space between."""
    words = ["fault"] if before.fault or after.fault else []
    if before.score is None or after.score is None:
        return " ".join([*words, "unscored"])
    move = after.score - before.score
    return " ".join([*words, "gained" if move > 0 else "lost" if move < 0 else "same"])


def _in_turns(pairs: Iterable[Pair]) -> list[Pair]:
    """The tasks take turns, each in the order of its items' ids, so that a cut leaves some of every task."""
    firsts = [nsmallest(MOST, some, key=_by_id) for some in _by_task(pairs)]
    firsts.sort(key=lambda some: _by_id(some[0]))
    turns = (pair for turn in zip_longest(*firsts) for pair in turn if pair is not None)
    return list(islice(turns, MOST))


def _move(before: Scored, after: Scored) -> float:
    """The change as a share of the metric's range; 0 where a side is unscored."""
    if before.score is None or after.score is None:
        return 0.0
    metric = METRICS[before.metric]
    return (after.score - before.score) / (metric.high - metric.low)


def _spread(pairs: Iterable[Pair], rank: Callable[[Pair], Rank], last: bool = False) -> list[Pair]:
    """The first few of each task by rank, or the last few from the end; of millions, none are sorted but these."""
    few = nlargest if last else nsmallest
    return few(SHOWN, [pair for some in _by_task(pairs) for pair in few(SHOWN_OF_TASK, some, key=rank)], key=rank)


def _by_task(pairs: Iterable[Pair]) -> Iterable[list[Pair]]:
    found: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        found[pair[0].asked.task].append(pair)
    return found.values()


def _by_id(pair: Pair) -> str:
    return pair[0].asked.item_id


def _by_move(pair: Pair) -> Rank:
    return -_move(*pair), pair[0].asked.item_id


def _by_fault(pair: Pair) -> Rank:
    """What has a fault now comes before what had one."""
    return float(pair[1].fault is None), pair[0].asked.item_id


def _shown(pair: tuple[Scored, Scored], out: Path, media: Path | None) -> Json:
    asked = pair[0].asked
    sides = [_side(row) for row in pair]
    link = link_to(asked.video_id, out, media)
    item: Json = {name: getattr(asked, name) for name in ("item_id", "task", "video_id")}
    item |= {name: _cut(getattr(asked, name)) for name in ("question", "reference")}
    more = {"sides": sides, "link": link, "picture": picture(pair[0], link), "outcome": outcome(*pair)}
    return item | more


def _side(row: Scored) -> Json:
    told = {"worth": _worth(row), "fault": row.fault, "reason": _cut(row.reason)}
    return told | _reply(row.response) | {"boxes": answered(row)}


def _worth(row: Scored) -> str:
    """The score in words that need no column head."""
    if row.score is None:
        return "unscored"
    if row.metric == "judge":
        return f"{round(row.score, 2):g} of 5"  # several judges' or repeats' may lie between two
    if METRICS[row.metric].is_share:
        return "right" if row.score else "wrong"
    if METRICS[row.metric] in COTASKS:
        counts = f"{row.detail['found']} of {row.detail['gold']} found, {row.detail['predicted']} told"
        return f"{row.score:.2f} \u00b7 {counts}"
    if row.metric == "grounding" and not row.fault:
        return f"IoU {row.score:.2f} \u00b7 {_boxes(row.detail)}"
    return f"IoU {row.score:.2f}"


def _boxes(detail: Json) -> str:
    """What became of one reply's boxes."""
    found = f"{detail['found']} of {detail['gold']} found at IoU 0.5" if detail["gold"] else "nothing to find"
    return ", ".join([found, *(f"{detail[name]} {name}" for name in ("invented", "malformed") if detail[name])])


def _reply(response: str) -> Json:
    """A reply in its parts; reasoning that was never closed is shown as such."""
    split = split_reasoning(response)
    return {"reasoning": _cut(split.reasoning), "final": _cut(split.final)}


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]} \u2026 ({len(text):,} characters)"


def link_to(video_id: str, out: Path, media: Path | None) -> str | None:
    """A medium's address relative to the page in `out`; None if it is not below `media`."""
    if media is None:
        return None
    try:
        path = (media / video_id).resolve()
        if not path.is_relative_to(media.resolve()) or not path.is_file():
            return None
    except (OSError, ValueError):  # no file can have such a name: too long, or with a NUL
        return None
    return quote(Path(os.path.relpath(path, out.resolve())).as_posix())
