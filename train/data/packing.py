"""Which items of a step share a row, and which process learns which row: even in tokens, and in vision work.

Rows are not padded, so a full row is no better than a shorter one. What counts is how few there are, and that the
processes, which wait for one another, have as much to do. A video's patches cost the vision tower what its tokens cost
the language model, and the two do not go together: a long answer has no patches. Both are evened out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Work = tuple[float, float]  # shares of a step's language tokens, and of its vision patches


@dataclass(slots=True)
class _Row:
    items: list[int] = field(default_factory=list)
    tokens: int = 0
    work: Work = (0.0, 0.0)

    def add(self, item: int, tokens: int, work: Work) -> None:
        self.items.append(item)
        self.tokens += tokens
        self.work = _sum(self.work, work)


def lay_rows(tokens: Sequence[int], patches: Sequence[int], room: int, ranks: int) -> list[list[list[int]]]:
    """Lay the items of a step in rows, and deal the rows to the processes.

    Args:
        tokens: language tokens of each item.
        patches: vision patches of each item.
        room: most tokens of a row; a longer item has a row of its own.
        ranks: processes.

    Returns:
        For each process its rows, each of places in `tokens`, in rising order. All have as many rows; where there are
        fewer items than that takes, some rows are empty.
    """
    work = [_share(one, tokens, patches) for one in range(len(tokens))]
    # Largest first: what is placed late should be small, to even out what was placed before.
    order = sorted(range(len(tokens)), key=lambda one: (-sum(work[one]), one))
    rows = _fewest_rows(order, tokens, work, room, ranks)
    return _deal(rows, ranks)


def _share(one: int, tokens: Sequence[int], patches: Sequence[int]) -> Work:
    return tokens[one] / max(sum(tokens), 1), patches[one] / max(sum(patches), 1)


def _sum(one: Work, other: Work) -> Work:
    return one[0] + other[0], one[1] + other[1]


def _alike(one: Work, other: Work) -> float:
    """How much of the same work two have; adding to the least alike grows the sum of squares least."""
    return one[0] * other[0] + one[1] * other[1]


def _fewest_rows(order: list[int], tokens: Sequence[int], work: list[Work], room: int, ranks: int) -> list[_Row]:
    """As few rows as can be found, a multiple of `ranks`: even ones, or where these do not fit, full ones."""
    count = ranks * -(-max(1, -(-sum(min(one, room) for one in tokens) // room)) // ranks)
    while True:
        for choose in (_emptiest, _fullest):
            rows = _laid(order, tokens, work, room, count, choose)
            if rows is not None:
                return rows
        count += ranks


_Choose = Callable[[list[_Row], Work], _Row]


def _emptiest(rows: list[_Row], work: Work) -> _Row:
    return min(rows, key=lambda row: (_alike(row.work, work), sum(row.work)))


def _fullest(rows: list[_Row], work: Work) -> _Row:
    return max(rows, key=lambda row: row.tokens)


def _laid(
    order: list[int], tokens: Sequence[int], work: list[Work], room: int, count: int, choose: _Choose
) -> list[_Row] | None:
    """Each item in the row of its choice among those with room for it; None if one has none."""
    rows = [_Row() for _ in range(count)]
    for one in order:
        size = min(tokens[one], room)
        fitting = [row for row in rows if row.tokens + size <= room]
        if not fitting:
            return None
        choose(fitting, work[one]).add(one, size, work[one])
    return rows


def _deal(rows: list[_Row], ranks: int) -> list[list[list[int]]]:
    """Rows of like work are learnt at the same time, and who has had least gets the largest of them."""
    rows = sorted(rows, key=lambda row: -sum(row.work))
    dealt: list[list[list[int]]] = [[] for _ in range(ranks)]
    had: list[Work] = [(0.0, 0.0)] * ranks
    for first in range(0, len(rows), ranks):
        free = set(range(ranks))
        for row in rows[first : first + ranks]:
            rank = min(free, key=lambda one: (_alike(had[one], row.work), sum(had[one]), one))
            free.remove(rank)
            dealt[rank].append(sorted(row.items))
            had[rank] = _sum(had[rank], row.work)
    return dealt
