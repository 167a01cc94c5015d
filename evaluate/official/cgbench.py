"""CG-Bench (arXiv 2412.12075), as its `run/utils.py` and `run/stat_with_key.py` count it and as it should be.

A question is asked with the whole video (`long_acc`), with its clue alone (`clue_acc`), and for the clue's spans
(`miou`). `cgbench_script` holds what the scripts make of a reply: any mention of the right letter counts, and a reply
that they cannot read is never saved, so that it leaves the divisor. Ours reads the one option that is named, refuses
spans that are reversed, keeps every question, and takes seconds for seconds (VLMEvalKit multiplies spans below 1 by the
duration, and asks for an IoU above a threshold where the benchmark asks for at least that).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demitasse.errors import DataError
from demitasse.interchange.lettered import read_letter, read_options
from evaluate.official.cgbench_script import script_hit, script_overlap
from evaluate.official.files import load_json
from evaluate.official.predictions import Given, read_given
from evaluate.official.question import Answered, Question, is_right, read_choice
from evaluate.official.report import Figure, Report, count
from evaluate.official.tally import Tally
from evaluate.parse.final import read_final
from evaluate.records import Asked, Prediction
from evaluate.score.intervals import read_intervals, union_iou

PROFILE = "cgbench"
LONG, CLUE, SPANS = MODES = ("long_acc", "clue_acc", "miou")
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
Spans = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Mode:
    """What became of a mode's questions: by ours, by the script where it has them in its divisor, and what was read."""

    ours: Mapping[str, float]
    official: Mapping[str, float]
    answered: Sequence[Answered]


def score(references: Sequence[Path], predictions: Sequence[Path]) -> Report:
    """Score replies to CG-Bench's questions.

    Args:
        references: `cgbench.json` or `cgbench_mini.json`.
        predictions: replies by `qid` and mode, `{"14": {"long_acc": "E", "miou": "[[8, 11]]"}}`, or rows of `qid` and
            modes; any of the modes, and the figures are of those that are there.

    Raises:
        DataError: for files that cannot be read or do not belong together.
    """
    questions, clues = read_questions(references)
    given: dict[str, dict[str, Given]] = {mode: {} for mode in MODES}
    pairs, unknown = read_given(predictions, [f"{key} {mode}" for key in questions for mode in MODES], pairs_of=_pairs)
    for name, one in pairs.items():
        key, mode = name.rsplit(" ", 1)
        given[mode][key] = one
    modes = {mode: _choices(questions, given[mode]) for mode in (LONG, CLUE) if given[mode]}
    if given[SPANS]:
        modes[SPANS] = _spans(questions, clues, given[SPANS])
    videos = {key: question.video for key, question in questions.items()}
    answered = [one for mode in modes.values() for one in mode.answered]
    counts = count(answered, videos.values(), unknown) | {"replies_to": list(modes)}
    return Report(PROFILE, tuple(_figures(modes, videos)), counts, tuple(_notes(modes, given)))


def read_questions(paths: Sequence[Path]) -> tuple[dict[str, Question], dict[str, Spans]]:
    """The questions and the spans of their clues, by `qid`.

    Raises:
        DataError: for a row that lacks a field, one that is there twice, or whose right answer is none of its choices.
    """
    questions: dict[str, Question] = {}
    clues: dict[str, Spans] = {}
    for path in paths:
        value = load_json(path)
        for place, row in enumerate(value if isinstance(value, list) else [value]):
            question = _question(path, place, row)
            if question.key in questions:
                raise DataError(f"{path}: question {question.key} is there twice; remove one of the two")
            questions[question.key], clues[question.key] = question, row["clue_intervals"]
    return questions, clues


def _question(path: Path, place: int, row: Any) -> Question:
    names = ("qid", "video_uid", "choices", "right_answer", "clue_intervals")
    absent = [name for name in names if not isinstance(row, dict) or name not in row]
    if absent:
        raise DataError(f"{path}: row {place} lacks {', '.join(absent)}; give cgbench.json or cgbench_mini.json")
    try:
        options = read_options(row["choices"])
        right = list(options).index(read_letter(row["right_answer"], options))
    except DataError as fault:
        raise DataError(f"{path}: question {row['qid']}: {fault}; give the file as published") from fault
    return Question(str(row["qid"]), str(row.get("domain", "")), str(row["video_uid"]), tuple(options.values()), right)


def _pairs(path: Path) -> Iterator[tuple[str, Given]]:
    value = load_json(path)
    rows = value.items() if isinstance(value, dict) else [(_qid(row), row) for row in value]
    for qid, row in rows:
        told = [mode for mode in MODES if isinstance(row, dict) and mode in row]
        if qid is None or not told:
            raise DataError(f"{path}: question {qid} has none of {', '.join(MODES)}; each reply stands under its mode")
        yield from ((f"{qid} {mode}", Given(row[mode], row)) for mode in told)


def _qid(row: Any) -> Any:
    return row.get("qid") if isinstance(row, dict) else None


def _choices(questions: Mapping[str, Question], given: Mapping[str, Given]) -> Mode:
    answered = [read_choice(question, given.get(key)) for key, question in questions.items()]
    ours = {one.key: float(is_right(questions[one.key], one)) for one in answered}
    hits = {key: script_hit(one.raw, questions[key].answer) for key, one in given.items()}
    return Mode(ours, {key: float(hit) for key, hit in hits.items() if hit is not None}, answered)


def _spans(questions: Mapping[str, Question], clues: Mapping[str, Spans], given: Mapping[str, Given]) -> Mode:
    ours: dict[str, float] = {}
    answered = []
    for key, question in questions.items():
        said = given.get(key)
        asked = Asked(key, SPANS, question.video, "", "")
        prediction = None if said is None else Prediction(asked, _text(said.raw), said.finish, said.error)
        reading = read_final(prediction, read_intervals)
        ours[key] = union_iou(reading.value, clues[key]) if reading.value is not None else 0.0
        answered.append(Answered(key, None, reading.fault))
    overlaps = {key: script_overlap(one.raw, clues[key]) for key, one in given.items()}
    return Mode(ours, {key: overlap for key, overlap in overlaps.items() if overlap is not None}, answered)


def _text(raw: Any) -> str:
    """A reply as text; spans that were already read out of it, as JSON."""
    return raw if isinstance(raw, str) else "" if raw is None else json.dumps(raw)


def _figures(modes: Mapping[str, Mode], videos: Mapping[str, str]) -> Iterator[Figure]:
    keys = list(videos)
    found = {mode: _figure(mode, modes[mode], videos) for mode in (LONG, CLUE) if mode in modes}
    yield from found.values()
    if len(found) == 2:
        yield _credibility(found[LONG], found[CLUE])
    if SPANS not in modes:
        return
    spans = modes[SPANS]
    ours, official = ({key: _recall(one) for key, one in side.items()} for side in (spans.ours, spans.official))
    yield _figure("mIoU", spans, videos)
    yield _figure("rec@IoU", Mode(ours, official, ()), videos)
    if LONG in modes:
        hits = modes[LONG]
        both = {key: ours[key] * hits.ours[key] for key in keys}
        saved = {key: one * hits.official[key] for key, one in official.items() if key in hits.official}
        yield _figure("acc@IoU", Mode(both, saved, ()), videos)


def _figure(name: str, mode: Mode, videos: Mapping[str, str]) -> Figure:
    return Tally(videos, mode.ours, mode.official, empty=0.0).figure(name, list(videos))


def _recall(overlap: float) -> float:
    """The share of the thresholds that an IoU is at least."""
    return sum(overlap >= one for one in THRESHOLDS) / len(THRESHOLDS)


def _credibility(long: Figure, clue: Figure) -> Figure:
    """CRR: how much of the accuracy with the clue alone is left with the whole video, at most all of it."""
    official, ours = (
        100 * min(above, below) / below if above is not None and below else None
        for above, below in ((long.official, clue.official), (long.ours, clue.ours))
    )
    return Figure("CRR", long.items, official, ours)


def _notes(modes: Mapping[str, Mode], given: Mapping[str, Mapping[str, Given]]) -> Iterator[str]:
    for mode, found in modes.items():
        if missing := len(found.ours) - len(given[mode]):
            yield f"{mode}: {missing} questions have no prediction; the script leaves them out of its divisor"
        if unread := len(given[mode]) - len(found.official):
            yield f"{mode}: {unread} replies the script cannot read and never saves; ours count as wrong"
    if any(overlap > 1 for overlap in modes[SPANS].official.values()) if SPANS in modes else False:
        yield "miou: a span that ends before it starts gives the script an IoU above 1"
