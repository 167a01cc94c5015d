"""`judge.json`: who judged, by which words and rules, what came of it, and what it cost."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean, median

import orjson

from demitasse.atomic import write_text
from demitasse.prompts.rubric import STEP
from evaluate.asking.provenance import provenance
from evaluate.comparing.arm import Arm
from evaluate.judging.agreement import agreement
from evaluate.judging.family import validity
from evaluate.judging.gather import Gathered
from evaluate.judging.moved import moved_within
from evaluate.judging.protocol import Judge, Protocol
from evaluate.judging.votes import Vote
from evaluate.records import Json

FORMAT = "demitasse-judgements-v3"
OWN_WORDS = (
    "the rubric is in words of our own, so scores are comparable with each other and not with published ones, whose "
    "prompts and judges were others"
)
# What decides a judgement beside the models: arms in which one of these differs were judged differently.
DECIDING = ("profile", "rubric_sha256", "questions_sha256", "frames", "repeats", "pooling", "sampling")
# What `evaluate.judging.controls` adds.
CONTROLS = ("controls", "probes", "controls_cost")


def make_header(arm: Arm, judges: Sequence[Judge], protocol: Protocol, gathered: Gathered, done: Json) -> Json:
    """All that `judge.json` tells of the judging itself; `done` are the counts of items."""
    names = [judge.name for judge in judges]
    votes, answered = gathered.votes, _answered(gathered.votes)
    independence = validity(arm, names, answered)
    apart = [_one_judge(judge, [vote for vote in votes if vote.judge == judge.name]) for judge in judges]
    return {
        "format": FORMAT,
        "model": ", ".join(names),
        "answered": answered,
        **_rules(judges, protocol),
        **done,
        "given_sha256": _given(votes),
        "votes": _counted(votes),
        "judges": apart,
        "validity": independence | {"warnings": [*independence["warnings"], *moved_within(apart)]},
        "agreement": agreement(votes, names, protocol.profile),
        **_cost(gathered),
        "versions": provenance(),
    }


def differences(first: Mapping[str, object], second: Mapping[str, object]) -> list[str]:
    """In which rules two headers differ; what one of them does not tell is no difference."""
    return [name for name in DECIDING if name in first and name in second and first[name] != second[name]]


def with_controls(header: Json, before: Mapping[str, object]) -> Json:
    """The header with the controls and probes of the one before it, where judges, rules and replies are the same."""
    alike = all(header.get(name) == before.get(name) for name in ("format", "model", "given_sha256", *DECIDING))
    return header | {name: before[name] for name in CONTROLS if alike and name in before}


def write_header(path: Path, header: Json) -> None:
    """Write it, whole or not at all."""
    write_text(path, json.dumps(header, indent=2, ensure_ascii=False) + "\n")


def _rules(judges: Sequence[Judge], protocol: Protocol) -> Json:
    """What decided the judgements. Judges' samplings stand without their names, for an address is no difference."""
    rubric, questions, sight = protocol.words, protocol.questions, protocol.sight
    told: Json = {
        "profile": protocol.profile.name,
        "marks": [[mark.key, mark.low, mark.high] for mark in protocol.profile.marks],
        "rubric": rubric.name,
        "rubric_sha256": protocol.rubric_sha256,
        "comparability": OWN_WORDS,
        "system": rubric.system,
        "prompt": rubric.prompts[STEP],
        "prompts": dict(rubric.prompts),
        "sees": "text" if sight is None else "frames",
        "frames": 0 if sight is None else sight.frames,
        "questions": None,
        "questions_sha256": None,
        "repeats": protocol.repeats,
        "pooling": protocol.pooling,
        "sampling": sorted((asdict(judge.sampling) for judge in judges), key=str),
    }
    if questions is not None:
        asked = {key: one.question for key, one in sorted(questions.by_key.items())}
        told |= {"questions": {"file": questions.path.name, "asked": asked}, "questions_sha256": questions.sha256}
    return told


def _one_judge(judge: Judge, votes: Sequence[Vote]) -> Json:
    """One judge's votes, its means of each mark, and what they took."""
    scored = [vote.marks for vote in votes if vote.marks is not None]
    costs = [vote.cost for vote in votes if vote.marks is not None]
    return {
        "model": judge.name,
        "answered": _answered(votes),
        "sampling": asdict(judge.sampling),
        "votes": _counted(votes),
        "means": {key: fmean(marks[key] for marks in scored) for key in scored[0]} if scored else {},
        "cost": None if None in costs else sum(cost for cost in costs if cost),
        "latency": _latency(votes),
    }


def _given(votes: Sequence[Vote]) -> str:
    """Sixteen hexadecimal digits that change with any item or reply that was judged."""
    return hashlib.sha256(orjson.dumps(sorted({(vote.item_id, vote.of) for vote in votes}))).hexdigest()[:16]


def _answered(votes: Sequence[Vote]) -> dict[str, int]:
    """How many votes each model really gave, by the name that the endpoint told: an alias may move to another one."""
    return dict(sorted(Counter(name for vote in votes for name in vote.answered).items()))


def _counted(votes: Sequence[Vote]) -> Json:
    """Votes, those with marks, and the others by kind."""
    kinds = Counter(vote.kind for vote in votes if vote.marks is None)
    asked, scored = len(votes), sum(vote.marks is not None for vote in votes)
    return {"asked": asked, "scored": scored, "unscored": asked - scored, "unscored_kinds": dict(sorted(kinds.items()))}


def _latency(votes: Sequence[Vote]) -> Json | None:
    """Seconds a vote, re-asks included and waits for a place left out; None where nobody measured."""
    seconds = sorted(vote.latency for vote in votes if vote.marks is not None)
    if not seconds:
        return None
    return {
        "mean": fmean(seconds),
        "median": median(seconds),
        "p95": seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))],
    }


def _cost(gathered: Gathered) -> Json:
    """What this run asked and paid, and what all runs in this folder have spent, in dollars where prices are known."""
    counts = gathered.counts
    return {
        "requests": counts.requests,
        "bought": counts.replies,
        "cache_hits": gathered.kept + counts.replayed,
        "usage": asdict(counts.usage),
        "cost": counts.cost,
        "cost_so_far": gathered.spent,
        "latency": _latency(gathered.votes),
        "halted": gathered.halted,
    }
