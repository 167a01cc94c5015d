"""What a judge's scores are worth: controls whose result is known beforehand, and probes of what must not matter.

Controls: each reply beside another item's reference must fall to the bottom of the scale, and the reference given as
the reply must reach its top. Probes: the reply before the reference, and the reply said twice over, must change
nothing. They are asked on a seeded sample, in a folder of their own, and never come into a result.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from demitasse.engine.limits import Limits
from demitasse.errors import ConfigError
from evaluate.comparing.arm import JUDGE_RUN, Arm
from evaluate.judging.gather import LIMITS, Money, gather_votes
from evaluate.judging.header import write_header
from evaluate.judging.judge import WORK_FOLDER, Judged
from evaluate.judging.profile import JudgeProfile, Mark
from evaluate.judging.protocol import Exchange, Judge, Protocol, exchanges
from evaluate.judging.questions import key_of
from evaluate.judging.votes import Vote, write_votes
from evaluate.records import Json

SHUFFLED, GOLD = "shuffled_reference", "gold_as_answer"
ORDER, VERBOSITY = "order", "verbosity"
ROWS = "judge_controls.jsonl"
FOLDER = "controls"  # in the judges' folder
SAMPLE = 50
# A control holds within this share of the scale from its end: 1.5 and 4.5 of 1 to 5.
_NEAR = 1 / 8
_AGAIN = "{0}\n\nTo say the same once more: {0}"


@dataclass(frozen=True, slots=True)
class Sample:
    """Which items are asked about: so many, drawn with a seed."""

    items: int = SAMPLE
    seed: int = 0

    def __post_init__(self) -> None:
        if self.items < 1:
            raise ConfigError(f"controls are to be asked about {self.items} items; it must be 1 or more")

    def exchanges(self, arm: Arm) -> list[Exchange]:
        """Every control and probe of the drawn items; an item without a partner has no shuffled reference."""
        given = sorted(exchanges(arm.items, arm.predictions), key=lambda one: one.id)
        chance = random.Random(f"controls {self.seed}")
        drawn = sorted(chance.sample(given, min(self.items, len(given))), key=lambda one: one.id)
        return [made for one in drawn for made in _made(one, given, chance)]


def run_controls(
    arm: Arm,
    judges: Sequence[Judge],
    protocol: Protocol,
    judged: Judged,
    sample: Sample,
    limits: Limits = LIMITS,
    progress: bool = True,
    money: Money | None = None,
) -> Json:
    """Ask the controls and probes, and put their figures into `judge.json` beside the result of the judging itself.

    Args:
        arm: whose replies were judged.
        judges: as they judged it.
        protocol: likewise.
        judged: what came of that; its first votes are what the probes are compared with.
        sample: which items.
        limits: as `judge_run` takes them.
        progress: likewise.
        money: likewise; what the judging has spent is the caller's to take off.

    Returns:
        `controls` and `probes`, as in `judge.json`.
    """
    profile = protocol.profile
    given = sample.exchanges(arm)
    work = arm.folder / profile.named(WORK_FOLDER) / FOLDER
    gathered = gather_votes(given, judges, replace(protocol, repeats=1), work, limits, money, progress)
    write_votes(arm.folder / profile.named(ROWS), gathered.votes)
    names = [judge.name for judge in judges]
    ended = {"interrupted": gathered.interrupted, "halted": gathered.halted}
    told: Json = {"sample": {"items": sample.items, "seed": sample.seed}} | ended
    found = {
        "controls": told | {name: _control(name, given, gathered.votes, names, profile) for name in (SHUFFLED, GOLD)},
        "probes": told
        | {name: _probe(name, given, gathered.votes, judged.votes, names, profile) for name in (ORDER, VERBOSITY)},
    }
    found["controls"][SHUFFLED]["left_out"] = _asked(GOLD, given) - _asked(SHUFFLED, given)
    write_header(
        arm.folder / profile.named(JUDGE_RUN), (judged.header or {}) | found | {"controls_cost": gathered.spent}
    )
    return found


def _made(one: Exchange, given: Sequence[Exchange], chance: random.Random) -> Iterator[Exchange]:
    partners = [
        other
        for other in given
        if key_of(other.asked) == key_of(one.asked) and _folded(other.reference) != _folded(one.reference)
    ]
    if partners:
        yield replace(one, control=SHUFFLED, reference=chance.choice(partners).reference)
    yield replace(one, control=GOLD, response=one.reference)
    yield replace(one, control=ORDER, reply_first=True)
    yield replace(one, control=VERBOSITY, response=_AGAIN.format(one.response))


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _asked(control: str, given: Sequence[Exchange]) -> int:
    return sum(one.control == control for one in given)


def _control(
    name: str, given: Sequence[Exchange], votes: Sequence[Vote], judges: Sequence[str], profile: JudgeProfile
) -> Json:
    """Each judge's mean of each mark, and whether it is as near to the end of the scale as it must be."""
    own = [vote for vote in votes if vote.control == name]
    scored = [vote for vote in own if vote.marks is not None]
    each = {
        judge: {mark.key: _end(name, mark, [vote for vote in scored if vote.judge == judge]) for mark in profile.marks}
        for judge in judges
    }
    return {"items": _asked(name, given), "unscored": len(own) - len(scored), "judges": each}


def _end(name: str, mark: Mark, votes: Sequence[Vote]) -> Json:
    from evaluate.stats import bounded_mean

    near = _NEAR * (mark.high - mark.low)
    limit = mark.low + near if name == SHUFFLED else mark.high - near
    if not votes:
        return {"n": 0, "mean": None, "ci95": None, "limit": limit, "holds": None}
    found = bounded_mean([_of(vote, mark) for vote in votes], [vote.video_id for vote in votes], mark.low, mark.high)
    holds = found.mean <= limit if name == SHUFFLED else found.mean >= limit
    return {
        "n": found.n,
        "mean": found.mean,
        "ci95": list(found.interval) if found.interval else None,
        "limit": limit,
        "holds": holds,
    }


def _probe(
    name: str,
    given: Sequence[Exchange],
    votes: Sequence[Vote],
    usual: Sequence[Vote],
    judges: Sequence[str],
    profile: JudgeProfile,
) -> Json:
    """Each judge's change of each mark from its first vote in the judging itself."""
    own = {(vote.judge, vote.item_id): vote for vote in votes if vote.control == name}
    before = {(vote.judge, vote.item_id): vote for vote in usual if vote.repeat == 0 and vote.marks is not None}
    both = [(before[key], vote) for key, vote in sorted(own.items()) if vote.marks is not None and key in before]
    each = {
        judge: {mark.key: _change(mark, [pair for pair in both if pair[1].judge == judge]) for mark in profile.marks}
        for judge in judges
    }
    unscored = sum(vote.marks is None for vote in own.values())
    return {"items": _asked(name, given), "unscored": unscored, "judges": each}


def _change(mark: Mark, pairs: Sequence[tuple[Vote, Vote]]) -> Json:
    from evaluate.stats import clustered_mean

    if not pairs:
        return {
            "n": 0,
            "before": None,
            "after": None,
            "change": None,
            "ci95": None,
            "exact": None,
            "mean_absolute": None,
        }
    before, after = ([_of(pair[side], mark) for pair in pairs] for side in (0, 1))
    changes = [second - first for first, second in zip(before, after, strict=True)]
    found = clustered_mean(changes, [vote.video_id for vote, _ in pairs])
    return {
        "n": found.n,
        "before": fmean(before),
        "after": fmean(after),
        "change": found.mean,
        "ci95": list(found.interval) if found.interval else None,
        "exact": fmean(change == 0 for change in changes),
        "mean_absolute": fmean(abs(change) for change in changes),
    }


def _of(vote: Vote, mark: Mark) -> float:
    assert vote.marks is not None  # only such votes come here
    return float(vote.marks[mark.key])
