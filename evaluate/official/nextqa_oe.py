"""NExT-QA open-ended (doc-doc/NExT-OE): WUPS by question type, as `eval_oe.py` counts it.

Yes/no and counting questions (`DB`, `DC`) want the very words; every other type is WUPS@0. Stop words are taken out
first, by NExT-OE's own list, which is given as a file. Where a second reference is given, the better of the two counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from demitasse.answers import split_reasoning
from demitasse.errors import ConfigError, DataError
from evaluate.official.files import load_json, read_text
from evaluate.official.nextqa import MERGED, every_question
from evaluate.official.predictions import Given, read_given
from evaluate.official.question import Answered
from evaluate.official.report import Figure, Report, count
from evaluate.official.share import per_cent
from evaluate.official.wups import Words, wups
from evaluate.records import Fault

PROFILE = "nextqa_oe"
EXACT = ("DB", "DC")
# The script's columns in its order: each family's mean follows its types.
COLUMNS = ("CW", "CH", "WUPS_C", "TN", "TC", "WUPS_T", "DB", "DC", "DL", "DO", "WUPS_D", "WUPS")
TYPES = ("CW", "CH", "TN", "TC", "DL", "DB", "DC", "DO")  # in the order in which the script adds them up


@dataclass(frozen=True, slots=True)
class Open:
    """An open question: its key, type (`TP` under `TN`), video and accepted answers."""

    key: str
    group: str
    video: str
    answers: tuple[str, ...]


def score(references: Sequence[Path], predictions: Sequence[Path], words: Words, stopwords: Path | None) -> Report:
    """Score short answers.

    Args:
        references: the questions file (.csv), and for the test split the file of second references (.json).
        predictions: `{"video": {"qid": text}}`, or another shape.
        words: `wordnet.WordNet()`.
        stopwords: NExT-OE's `stopwords.txt`.

    Raises:
        ConfigError: without the stop words.
        DataError: for files that cannot be read or do not belong together.
    """
    if stopwords is None:
        raise ConfigError(f"{PROFILE} takes out NExT-OE's own stop words: give its stopwords.txt with --stopwords")
    questions = read_questions(references)
    given, unknown = read_given(predictions, (question.key for question in questions))
    answered = [_answered(question, given.get(question.key)) for question in questions]
    value = cache(partial(_value, words, frozenset(read_text(stopwords).split("\n"))))
    finals = {key: split_reasoning(one.raw).final for key, one in given.items() if isinstance(one.raw, str)}
    values = {
        question.key: 0.0 if one.fault else value(question, finals[question.key])
        for question, one in zip(questions, answered, strict=True)
    }
    stops = next((question.key for question in questions if question.key not in finals), "")
    script = None
    if words.tags and not stops:  # the script has the whole reply, and no idea that an empty one is none
        script = {question.key: value(question, given[question.key].raw) for question in questions}
    counts = count(answered, (question.video for question in questions), unknown)
    return Report(PROFILE, tuple(_figures(questions, values, script)), counts, tuple(_notes(words, questions, stops)))


def read_questions(paths: Sequence[Path]) -> list[Open]:
    """The questions with their references.

    Raises:
        DataError: for a file that cannot be read, a row that is no question, a question that is there twice or has
            options, or more than two files.
    """
    if len(paths) > 2:
        raise DataError(
            f"--references: {PROFILE} takes a questions file and one of second references, not {len(paths)}"
        )
    second = _second(paths[1]) if len(paths) == 2 else {}
    questions = []
    for one in every_question(paths[0]):
        if one.options:
            raise DataError(
                f"{paths[0]}: question {one.key} has options; give the open-ended file, or score with --profile nextqa"
            )
        further = second.get(one.key, one.second_answer)
        answers = (one.answer, *([further] if further else []))
        questions.append(Open(one.key, MERGED.get(one.type, one.type), one.video, answers))
    return questions


def _second(path: Path) -> dict[str, str]:
    value = load_json(path)
    if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
        raise DataError(
            f'{path}: must be {{"video": {{"qid": text}}}}, as NExT-OE\'s add_reference_answer_test.json is'
        )
    return {f"{video}_{qid}": str(text) for video, each in value.items() for qid, text in each.items()}


def _answered(question: Open, given: Given | None) -> Answered:
    if given is None:
        return Answered(question.key, None, Fault.MISSING)
    if given.finish == "error":
        return Answered(question.key, None, Fault.ERROR)
    if not isinstance(given.raw, str):
        return Answered(question.key, None, Fault.EMPTY if given.raw is None else Fault.UNPARSABLE)
    split = split_reasoning(given.raw)
    fault = Fault.TRUNCATED if not split.closed else Fault.EMPTY if not split.final.strip() else None
    return Answered(question.key, None, fault)


def _value(words: Words, stop: Collection[str], question: Open, reply: str) -> float:
    said = _without(words, stop, reply)
    truths = [_without(words, stop, answer) for answer in question.answers]
    if question.group in EXACT:
        return float(said in truths)
    return max(wups(words, words.tokens(said), words.tokens(truth), 0) for truth in truths)


def _without(words: Words, stop: Collection[str], text: str) -> str:
    return " ".join(word for word in words.lemmas(text) if word not in stop)


def _figures(
    questions: Sequence[Open], values: Mapping[str, float], script: Mapping[str, float] | None
) -> Iterator[Figure]:
    """The script adds up type by type, so the means of families are made of the types' sums."""
    of_type = {name: [question for question in questions if question.group == name] for name in TYPES}
    sums = {name: _sum(script[question.key] for question in each) for name, each in of_type.items()} if script else {}
    for name in COLUMNS:
        types = [one for one in TYPES if name in (one, f"WUPS_{one[0]}", "WUPS")]
        chosen = [question for one in types for question in of_type[one]]
        if not chosen:
            continue
        official = _sum(sums[one] for one in types) / len(chosen) * 100 if sums else None
        ours = per_cent([values[question.key] for question in chosen], [question.video for question in chosen])
        yield Figure(name, len(chosen), official, *ours)


def _sum(values: Iterator[float]) -> float:
    """One after the other, as the script adds; the built-in sum rounds otherwise from Python 3.12 on."""
    total = 0.0
    for value in values:
        total += value
    return total


def _notes(words: Words, questions: Sequence[Open], stops: str) -> Iterator[str]:
    if not words.tags:
        yield "the tagger's data are not there, so base forms are not the script's: ours may be a point off its numbers"
    if stops:
        yield f"the script stops at the first question without a prediction ({stops}): it gives no numbers"
    found = {question.group for question in questions}
    if absent := [name for name in TYPES if name not in found]:
        yield f"the script divides by zero on these questions, for none is of type {', '.join(absent)}"
    if strange := sorted(found - set(TYPES)):
        yield f"{', '.join(strange)}: not a type of NExT-OE; such questions are in no figure"
    yield "a word that is like no word of the other text is passed over, as in the script: one shared word can give 100"
