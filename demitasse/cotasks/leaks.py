"""How far an answer can be had from CoTasks alone, without a look at the video; and a guard that blots it out.

Oracle CoTasks are made of annotation that may hold the answer: counting VidOR's entities answers 72 % of NExT-QA's
counting questions, and STAR's programs run on the very actions that CoTask 4 tells. A gain from such CoTasks says
little of seeing. So each heuristic here answers by CoTasks alone, beside what guessing gets:

* overlap: the option with most content words in the text;
* events: the option with most words of what is done, each weighed by how long it is done;
* count: the option with as many as there are entities.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from string import ascii_uppercase
from typing import Any

from demitasse.cotasks.record import STAGES, CoTasks
from demitasse.cotasks.text import write_task
from demitasse.cotasks.words import content, number, stem
from demitasse.dataset import Item
from demitasse.dataset.dialect import read_choice
from demitasse.errors import DataError

MASK = "___"
OTHERS = 4  # answers of other questions that an open question's answer is put among
FINAL_STAGE = 5
ALL = "all"
_SPOKEN = re.compile(r"[^\W\d_]+(?!\w*\"\s*:)")  # a word, but not of a JSON key
_NUMBERED = re.compile(r"(?<=[^\W\d]) [0-9]+\b(?=\"|\s|$)")  # of a name, "adult 1"


@dataclass(frozen=True)
class Case:
    """One question with its CoTasks: what a heuristic chooses among."""

    key: str
    video: str
    type: str
    options: tuple[str, ...]
    right: int
    cotasks: CoTasks

    @property
    def is_choice(self) -> bool:
        """Whether there is anything to choose among."""
        return len(self.options) > 1

    @property
    def chance(self) -> float:
        """What guessing gets."""
        return 1 / len(self.options)

    @cached_property
    def told(self) -> Mapping[int, frozenset[str]]:
        """Content words of each CoTask's text."""
        return {stage: content(write_task(self.cotasks, stage, form="lines")) for stage in STAGES}

    @cached_property
    def meant(self) -> tuple[frozenset[str], ...]:
        """Content words of each option."""
        return tuple(map(content, self.options))


def mask(text: str, answer: str, options: Sequence[str] = ()) -> str:
    """A CoTask's text without the content words of the answer and of every option: the leak guard.

    The wrong options' words go as well, or what is missing would tell. If a count is asked, names lose their numbers
    and what is then the same is said once, or the things could still be counted.
    """
    told = [answer, *options]
    hidden = frozenset().union(*map(content, told))
    if number(answer) is not None:
        text = _uncounted(text)
    return _SPOKEN.sub(lambda word: MASK if stem(word[0]) in hidden else word[0], text)


def cases_of(items: Iterable[Item]) -> list[Case]:
    """The final questions among items that `demitasse annotate cotasks` wrote.

    Raises:
        DataError: if there is none, or one lacks its CoTasks.
    """
    final = [item for item in items if _stage(item) == FINAL_STAGE]
    if not final:
        raise DataError("no final question with its CoTasks is there; give what `demitasse annotate cotasks` wrote")
    cases = []
    for item in final:
        try:
            cotasks = CoTasks.from_json(item.extra.get("cotasks"))
        except DataError as fault:
            raise DataError(f"{item.media_id}, {item.item_index}: {fault}") from fault
        options, right = _options(item)
        kind = str(item.extra.get("question_type") or "")
        cases.append(Case(cotasks.question_key, item.media_id, kind, options, right, cotasks))
    return _with_others(cases)


def leak_report(cases: Sequence[Case]) -> dict[str, Any]:
    """Every heuristic's accuracy by question type, with 95 % intervals clustered by video."""
    groups: dict[str, list[Case]] = {ALL: list(cases)}
    for case in cases:
        groups.setdefault(case.type or "(none)", []).append(case)
    return {"questions": len(cases), "types": {name: _of_type(group) for name, group in sorted(groups.items())}}


def overlap(case: Case, stages: Sequence[int] = STAGES, guarded: bool = False) -> float:
    """Chance of being right when the option is taken that has most content words in the text; ties are shared."""
    words = frozenset().union(*(case.told[stage] for stage in stages))
    if guarded:  # what `mask` leaves of them
        words -= frozenset().union(*case.meant)
    return _share([float(len(option & words)) for option in case.meant], case.right)


def counting(case: Case) -> float | None:
    """Whether the option that names the number of entities is right; None if no options are numbers.

    Where no option has that number, guessing is left.
    """
    numbers = [number(option) for option in case.options]
    if None in numbers:
        return None
    there = len(case.cotasks.entities)
    return _share([float(option == there) for option in numbers], case.right)


def events(case: Case) -> float:
    """Chance of being right when the option is taken whose words are done longest."""
    seconds: dict[str, float] = defaultdict(float)
    for event in case.cotasks.events:
        for word in content(f"{event.predicate} {event.object or ''}"):
            seconds[word] += event.end - event.start + 1e-3  # an event of one frame has no length, and is there
    return _share([sum(seconds.get(word, 0.0) for word in option) for option in case.meant], case.right)


def _of_type(cases: Sequence[Case]) -> dict[str, Any]:
    """An open question that no other video's answer can be put beside leaves nothing to choose: no heuristic has it."""
    choices = [case for case in cases if case.is_choice]
    heuristics: dict[str, Callable[[Case], float | None]] = {
        "chance": lambda case: case.chance,
        "overlap": overlap,
        "overlap_guarded": lambda case: overlap(case, guarded=True),
        "events": events,
        "count": counting,
        "wrong_option_in_text": _wrong_told,
    }
    heuristics |= {f"overlap_{stage}": partial(overlap, stages=(stage,)) for stage in STAGES}
    told = _mean([(case.video, float(_is_told(case, case.right))) for case in cases])
    chosen = {name: _mean([(case.video, one(case)) for case in choices]) for name, one in heuristics.items()}
    return {"questions": len(cases), "right_option_in_text": told} | chosen


def _is_told(case: Case, option: int) -> bool:
    return any(case.meant[option] & words for words in case.told.values())


def _wrong_told(case: Case) -> float:
    wrong = [place for place in range(len(case.options)) if place != case.right]
    return sum(_is_told(case, place) for place in wrong) / len(wrong)


def _share(scores: Sequence[float], right: int) -> float:
    """The right one's share among those with the highest score."""
    best = max(scores)
    return 1 / scores.count(best) if scores[right] == best else 0.0


def _mean(values: Sequence[tuple[str, float | None]]) -> dict[str, Any] | None:
    """Mean and half the width of its 95 % interval, questions of one video being alike; None if nothing applies."""
    known = [(video, value) for video, value in values if value is not None]
    if not known:
        return None
    mean = sum(value for _, value in known) / len(known)
    clusters: dict[str, float] = defaultdict(float)
    for video, value in known:
        clusters[video] += value - mean
    count = len(clusters)
    # The usual linearised variance of a mean over clusters; one cluster tells nothing of it.
    spread = math.sqrt(sum(rest**2 for rest in clusters.values()) * count / (count - 1)) if count > 1 else math.nan
    half = 1.96 * spread / len(known)
    return {"n": len(known), "mean": round(mean, 4), "half_width": None if math.isnan(half) else round(half, 4)}


def _options(item: Item) -> tuple[tuple[str, ...], int]:
    choices = item.extra.get("choices") or []
    if not choices:
        return (item.answer,), 0
    lettered = dict(zip(ascii_uppercase, map(str, choices), strict=False))
    try:
        letter = read_choice(item.answer, lettered).value
    except DataError as fault:
        raise DataError(f"{item.media_id}, {item.item_index}: answer {fault}") from fault
    return tuple(lettered.values()), list(lettered).index(letter)


def _with_others(cases: Sequence[Case]) -> list[Case]:
    """Open questions among the answers of the next ones of their type about other videos."""
    by_type: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if len(case.options) == 1:
            by_type[case.type].append(case)
    places: Counter[str] = Counter()
    beside = []
    for case in cases:
        if not case.is_choice:
            places[case.type] += 1
            case = _beside(case, by_type[case.type], places[case.type])
        beside.append(case)
    return beside


def _beside(case: Case, peers: Sequence[Case], start: int) -> Case:
    """The case with the first other answers from a place on: of ten thousand peers a few are looked at."""
    others: dict[str, None] = {}
    for step in range(len(peers) - 1):
        peer = peers[(start + step) % len(peers)]
        if peer.video != case.video and peer.options != case.options:
            others[peer.options[0]] = None
        if len(others) == OTHERS:
            break
    return replace(case, options=(*case.options, *others))


def _stage(item: Item) -> Any:
    told = item.extra.get("cotask")
    return told.get("stage") if isinstance(told, Mapping) else None


def _uncounted(text: str) -> str:
    """A text in which things cannot be counted any more: names without numbers, and each fact once."""
    try:
        value = json.loads(text)
    except ValueError:
        return "\n".join(dict.fromkeys(_without_box(_NUMBERED.sub("", line)) for line in text.splitlines()))
    return json.dumps(_merged(value), ensure_ascii=False, separators=(",", ":"))


def _without_box(line: str) -> str:
    """Boxes would keep things apart."""
    return re.sub(r"\s*\[[^\]]*\]", "", line)


def _merged(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _merged(one) for key, one in value.items() if key != "bbox_2d"}
    if isinstance(value, list):
        merged = [_merged(one) for one in value]
        return [one for place, one in enumerate(merged) if one not in merged[:place]]
    return _NUMBERED.sub("", value) if isinstance(value, str) else value
