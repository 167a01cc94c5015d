"""TempCompass (arXiv 2403.00476), by the rules of its `eval_*.py --disable_llm`, and as it should be.

The scripts ask GPT-3.5 about every reply that their rules cannot read, and count 0 if it cannot be asked; the official
column is their rules alone, which is what `--disable_llm` prints. Multiple choice wants a reply that begins with its
letter, yes/no takes whatever begins with those letters ("Nothing", "Now"), caption matching wants an option whole, its
sentence or its name. Captioning is judged by a language model and is not scored here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from demitasse.answers import read_binary, read_mcq, read_options
from demitasse.errors import DataError
from evaluate.official.files import load_json
from evaluate.official.predictions import Given, read_given
from evaluate.official.question import Answered
from evaluate.official.report import Report, count
from evaluate.official.tally import Tally, grouped
from evaluate.official.tempcompass_rules import CAPTIONS, CHOICE, KINDS, YES_NO, captions, kind_of, rule_rating, unnamed
from evaluate.parse.final import Reading, read_final
from evaluate.records import Asked, Fault, Json, Prediction

PROFILE = "tempcompass"
AVERAGE = "avg"
DIMENSIONS = ("action", "direction", "speed", "order", "attribute_change")


def score(references: Sequence[Path], predictions: Sequence[Path]) -> Report:
    """Score predictions.

    Args:
        references: any of the benchmark's `questions/multi-choice.json`, `yes_no.json` and `caption_matching.json`.
        predictions: the same with a `prediction` (or `response`) in every question, as the scripts take them.

    Raises:
        DataError: for files that cannot be read or do not belong together, and for captioning.
    """
    asked = {one.item_id: one for path in references for one in read_questions(path)}
    given, unknown = read_given(predictions, asked, pairs_of=_pairs)
    readings = {key: _read(one, given.get(key)) for key, one in asked.items()}
    ours = {key: float(one.value is not None and one.value == _gold(asked[key])) for key, one in readings.items()}
    videos = {key: one.video_id for key, one in asked.items()}
    ratings = {key: rule_rating(asked[key], one.raw) for key, one in given.items()}
    tally = Tally(videos, ours, {key: float(one or 0) for key, one in ratings.items()}, digits=1)
    figures = []
    for kind, of_kind in grouped(asked, {key: one.task for key, one in asked.items()}).items():
        by = grouped(of_kind, {key: one.extra["dim"] for key, one in asked.items()})
        figures += [tally.figure(f"{kind}: {name}", by[name]) for name in sorted(by, key=_order)]
        figures.append(tally.figure(f"{kind}: {AVERAGE}", of_kind))
    answered = [Answered(key, None, one.fault) for key, one in readings.items()]
    notes = _notes(len(asked) - len(given), len(given), sum(one is not None for one in ratings.values()))
    return Report(PROFILE, tuple(figures), count(answered, videos.values(), unknown), tuple(notes))


def read_questions(path: Path) -> list[Asked]:
    """The questions of a file.

    Raises:
        DataError: for a file of another form, and a question without an answer or of captioning.
    """
    found = []
    for key, video, dimension, row in _rows(path):
        kind = kind_of(row["question"], str(row.get("answer", "")))
        if kind is None:
            raise DataError(
                f"{path}: {key[:60]}: no question of {', '.join(KINDS)}; captioning is judged by a language model "
                "there and not scored here, and a question needs its 'answer'"
            )
        found.append(Asked(key, kind, video, row["question"], row["answer"], {"dim": dimension}))
    if not found:
        raise DataError(f"{path}: there is no question; give TempCompass's questions/*.json")
    return found


def _order(dimension: str) -> int:
    return DIMENSIONS.index(dimension) if dimension in DIMENSIONS else len(DIMENSIONS)


def _rows(path: Path) -> Iterator[tuple[str, str, str, Json]]:
    """Key, video, dimension and question of a file `{video: {dimension: [question, ...]}}`.

    The questions have no id, and one may be asked of a video twice: the second's key says so.
    """
    seen: Counter[str] = Counter()
    value = load_json(path)
    for video, dimensions in value.items() if isinstance(value, dict) else []:
        for dimension, rows in dimensions.items() if isinstance(dimensions, dict) else []:
            for row in rows if isinstance(rows, list) else [rows]:
                if not isinstance(row, dict) or not isinstance(row.get("question"), str):
                    raise DataError(f"{path}: {video}, {dimension}: not a list of questions; give TempCompass's file")
                name = f"{video}_{dimension}: {row['question'].strip()}"
                seen[name] += 1
                yield (name if seen[name] == 1 else f"{name} ({seen[name]})"), video, dimension, row


def _pairs(path: Path) -> Iterator[tuple[str, Given]]:
    for key, _, _, row in _rows(path):
        name = next((one for one in ("prediction", "response") if one in row), None)
        if name is None:
            raise DataError(f"{path}: {key[:60]}: has no 'prediction'; give the file that the benchmark's scripts take")
        yield key, Given(row[name], row)


def _read(asked: Asked, given: Given | None) -> Reading[Any]:
    if given is not None and given.raw is not None and not isinstance(given.raw, str):
        return Reading(None, "no text", Fault.UNPARSABLE)
    prediction = None if given is None else Prediction(asked, given.raw or "", given.finish, given.error)
    if asked.task == YES_NO:
        return read_final(prediction, read_binary)
    if asked.task == CAPTIONS:
        options = captions(asked.question)
        return read_final(prediction, lambda final: read_mcq(unnamed(final, asked.question), options))
    choices = read_options(asked.question)
    return read_final(prediction, lambda final: read_mcq(final, choices))


def _gold(asked: Asked) -> str | None:
    if asked.task == YES_NO:
        return read_binary(asked.reference).value
    if asked.task == CHOICE:
        return read_mcq(asked.reference, read_options(asked.question)).value
    return read_mcq(unnamed(asked.reference, asked.question), captions(asked.question)).value


def _notes(missing: int, given: int, matched: int) -> Iterator[str]:
    if missing:
        yield f"{missing} questions have no prediction; the script leaves them out of its divisor, ours does not"
    yield (
        f"the script's rules read {matched} of {given} replies; it asks a language model about the others, or counts 0 "
        "with --disable_llm, as here"
    )
