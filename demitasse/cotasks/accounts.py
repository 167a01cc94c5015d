"""Two accounts of the same questions, such as a teacher's and annotation's, held against each other.

What the first says is compared where the second speaks at all: boxes and relations at the moments that both tell, so
that another choice of moments counts in CoTask 1 alone, and events within the time that the second one's key frames and
events take, for those from annotation are cut to its key frames. Entities go by the second one's names (`naming`).
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from demitasse.cotasks.agreement import answer_of, compare_stage
from demitasse.cotasks.figures import FIGURES
from demitasse.cotasks.matching import match_times, spacing_of
from demitasse.cotasks.naming import renamed_like
from demitasse.cotasks.record import STAGES, CoTasks, Event
from demitasse.errors import DataError
from demitasse.figure import Figure

FILE = "cotasks.jsonl"
ALL = "all"
_VIDEO = ("video", "video_id", "annotation")  # what rows of different sources tell of theirs

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """One question's CoTasks as one source tells them."""

    cotasks: CoTasks
    type: str
    video: str


def read_accounts(path: Path) -> dict[str, Account]:
    """The accounts of a `cotasks.jsonl`, or of the folder that holds one, by question.

    Raises:
        DataError: if there is none, or a row is no CoTasks or there twice.
    """
    file = path / FILE if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}; give what `demitasse annotate cotasks` wrote") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 text (byte {error.start}); annotate again") from error
    lines = text.removesuffix("\n").split("\n") if text else []  # not splitlines: U+2028 may stand within a text
    accounts: dict[str, Account] = {}
    for number, line in enumerate(lines, 1):
        account = _account(file, number, line)
        if account.cotasks.question_key in accounts:
            raise DataError(
                f"{file}, line {number}: question {account.cotasks.question_key} is there twice; remove one"
            )
        accounts[account.cotasks.question_key] = account
    return accounts


def agreement_report(first: Mapping[str, Account], second: Mapping[str, Account]) -> Json:
    """How far the first accounts agree with the second, by CoTask and question type.

    Returns:
        `questions`, `only_first` and `only_second` count them; `cotasks` holds by stage the figures of `FIGURES`, each
        `{"value", "half_width", "n"}` with half its 95 % interval clustered by video, and `by_type` each type's main
        figure in the same form.

    Raises:
        DataError: if no question is in both.
    """
    both = [key for key in second if key in first]
    if not both:
        raise DataError("the two files have no question in common; compare accounts of the same questions")
    details = {stage: [_compared(first[key], second[key], stage) for key in both] for stage in STAGES}
    videos, types = ([getattr(second[key], name) for key in both] for name in ("video", "type"))
    return {
        "questions": len(both),
        "only_first": len(first) - len(both),
        "only_second": len(second) - len(both),
        "cotasks": {
            str(stage): {name: _value(figure, details[stage], videos) for name, figure in FIGURES[stage].items()}
            for stage in STAGES
        },
        "by_type": {
            kind: {
                str(stage): _value(_main(stage), [details[stage][place] for place in places], _at(videos, places))
                for stage in STAGES
            }
            for kind, places in _by_type(types).items()
        },
    }


def _account(file: Path, number: int, line: str) -> Account:
    try:
        row = json.loads(line)
        cotasks = CoTasks.from_json(row)
    except (ValueError, DataError) as fault:
        raise DataError(f"{file}, line {number} is no row of CoTasks ({fault}); annotate again") from fault
    told = row.get("provenance")
    told = told if isinstance(told, dict) else {}
    video = next((str(told[name]) for name in _VIDEO if told.get(name)), cotasks.question_key.rpartition("_")[0])
    return Account(cotasks, str(told.get("question_type") or ""), video)


def _compared(first: Account, second: Account, stage: int) -> Json | None:
    """The detail of one question and stage; None where either account does not tell the stage."""
    if any(one.cotasks.sources and str(stage) not in one.cotasks.sources for one in (first, second)):
        return None
    said, true = _within(renamed_like(first.cotasks, second.cotasks), second.cotasks, stage)
    return compare_stage(answer_of(said), answer_of(true), stage, spacing_of(true)).to_json()


def _within(said: CoTasks, true: CoTasks, stage: int) -> tuple[CoTasks, CoTasks]:
    """Both as far as they can be compared."""
    if stage in (2, 3):
        said_at, true_at = ([frame.time for frame in one.frames] for one in (said, true))
        pairs = match_times(said_at, true_at, spacing_of(true))
        return _at_moments(said, {said_at[i] for i, _ in pairs}), _at_moments(true, {true_at[j] for _, j in pairs})
    if stage == 4 and true.frames:
        start = min([true.frames[0].time, *(event.start for event in true.events)])
        end = max([true.frames[-1].time, *(event.end for event in true.events)])
        return replace(said, events=tuple(_cut(said.events, start, end))), true
    return said, true


def _at_moments(cotasks: CoTasks, times: set[float]) -> CoTasks:
    return replace(
        cotasks,
        sightings=tuple(one for one in cotasks.sightings if one.time in times),
        relations=tuple(one for one in cotasks.relations if one.time in times),
    )


def _cut(events: Iterable[Event], start: float, end: float) -> Iterable[Event]:
    for event in events:
        first, last = max(event.start, start), min(event.end, end)
        if first < last or first == last == event.start == event.end:
            yield replace(event, start=first, end=last)


def _value(figure: Figure, details: Sequence[Json | None], videos: Sequence[str]) -> Json:
    """A ratio of sums, with half the width of its 95 % interval by the linearised variance over videos."""
    told = [(detail, video) for detail, video in zip(details, videos, strict=True) if detail is not None]
    above = [float(figure.above(detail)) for detail, _ in told]
    below = [float(figure.below(detail)) for detail, _ in told]
    total = math.fsum(below)
    counted = sum(map(bool, below))
    if not counted:
        return {"value": None, "half_width": None, "n": 0}
    share = math.fsum(above) / total
    rests: dict[str, float] = defaultdict(float)
    for (_, video), one, other in zip(told, above, below, strict=True):
        rests[video] += one - share * other
    count = len(rests)
    half = None
    if count > 1:
        spread = math.sqrt(math.fsum(rest**2 for rest in rests.values()) * count / (count - 1))
        half = figure.told_width(1.96 * spread / total)
    return {"value": figure.told(share), "half_width": half, "n": counted}


def _main(stage: int) -> Figure:
    return next(iter(FIGURES[stage].values()))


def _by_type(types: Sequence[str]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, kind in enumerate(types):
        places[kind or "(none)"].append(place)
    return dict(sorted(places.items()))


def _at(values: Sequence[str], places: Sequence[int]) -> list[str]:
    return [values[place] for place in places]
