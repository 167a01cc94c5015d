"""NExT-QA multiple choice (arXiv 2105.08276), as `eval_mc.py` of doc-doc/NExT-QA counts it and as it should be.

The script takes the truth from the prediction file and stops at a question that has no prediction; it counts `TP`
under `TN`. Ours takes the truth from the questions, and a missing or unreadable answer is a wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from demitasse.cotasks import nextqa
from demitasse.errors import DataError
from evaluate.official.predictions import Given, read_given
from evaluate.official.question import PLACES, Answered, Question, is_right, read_choice, whole, with_places
from evaluate.official.report import Figure, Report, count
from evaluate.official.share import macro_per_cent, per_cent
from evaluate.records import Json

PROFILE = "nextqa"
# The script's groups, in its order. `DB` (yes or no) is in the open-ended questions only.
TYPES = ("CW", "CH", "TN", "TC", "DC", "DL", "DO")
MERGED = {"TP": "TN"}
FAMILIES = ("C", "T", "D")


def score(references: Sequence[Path], predictions: Sequence[Path]) -> Report:
    """Score predictions against a questions file, of NExT-QA or as NExT-GQA publishes it again.

    Raises:
        DataError: for files that cannot be read or do not belong together.
    """
    if len(references) != 1:
        raise DataError(f"--references: {PROFILE} takes one questions file, not {len(references)}")
    questions = read_questions(references[0])
    given, unknown = read_given(predictions, (question.key for question in questions))
    told = with_places({question.key: question for question in questions}, given)
    answered = [read_choice(question, told.get(question.key)) for question in questions]
    hits = {one.key: float(is_right(question, one)) for question, one in zip(questions, answered, strict=True)}
    official = official_hits(questions, given, hits)
    figures = tuple(_figures(questions, hits, official))
    counts = count(answered, (question.video for question in questions), unknown)
    notes = [*_notes(questions, given, official), *([PLACES] if told is not given else [])]
    return Report(PROFILE, figures, counts, tuple(notes))


def read_questions(path: Path) -> list[Question]:
    """The multiple-choice questions of a NExT-QA file, in any form in which it is published.

    Raises:
        DataError: for a file that cannot be read, a row that is no question, one without options or type, and a
            question that is there twice.
    """
    questions = []
    for one in every_question(path):
        if one.right is None:
            raise DataError(
                f"{path}: question {one.key} has no options; give the multiple-choice file, or score with "
                "--profile nextqa_oe"
            )
        questions.append(Question(one.key, one.type, one.video, one.options, one.right))
    return questions


def every_question(path: Path) -> tuple[nextqa.Question, ...]:
    """The questions of a file of which none may be left out: a figure is of all of them.

    Raises:
        DataError: for a file that cannot be read, a row that is no question or says no type, and a question that is
            there twice.
    """
    read = nextqa.read_questions(path)
    if read.unusable:
        which, why = read.unusable[0]
        raise DataError(f"{path.parent / which}: {why}; mend it ({len(read.unusable)} such)")
    if untyped := next((one.key for one in read.questions if not one.type), None):
        raise DataError(f"{path}: question {untyped} says no type; give the file with its column 'type'")
    if twice := next((one for one in read.questions if one.repeat), None):
        raise DataError(f"{path}: question {twice.video}_{twice.qid} is there twice; remove one of the two")
    return read.questions


def official_hits(
    questions: Sequence[Question], given: Mapping[str, Given], hits: Mapping[str, float]
) -> dict[str, bool] | None:
    """What the script counts as right; None where it stops, because a question has no prediction.

    It compares the file's own `prediction` and `answer`, whatever they are: "A" is "A", and "(A)" is not. Where the
    two do not stand side by side, as the script needs them, our reading and the questions' truth stand in.
    """
    if any(question.key not in given for question in questions):
        return None
    rows = {question.key: given[question.key].beside for question in questions}
    return {
        key: bool(row["answer"] == row["prediction"]) if _as_the_script_needs(row) else bool(hits[key])
        for key, row in rows.items()
    }


def _as_the_script_needs(row: Json) -> bool:
    return {"answer", "prediction"} <= set(row)


def _figures(
    questions: Sequence[Question], hits: Mapping[str, float], official: Mapping[str, bool] | None
) -> list[Figure]:
    groups = [(MERGED.get(question.group, question.group), question) for question in questions]
    extra = sorted({group for group, _ in groups} - set(TYPES))
    named = [(name, [q for group, q in groups if group == name]) for name in (*TYPES, *extra)]
    named += [(f"Acc_{name}", [q for group, q in groups if group.startswith(name)]) for name in FAMILIES]
    named.append(("Acc", list(questions)))
    found = [_figure(name, chosen, hits, official) for name, chosen in named if chosen]
    videos = [question.video for question in questions]
    macro, interval = macro_per_cent([hits[q.key] for q in questions], [group for group, _ in groups], videos)
    return [*found, Figure("macro over types", len(questions), None, macro, interval)]


def _figure(
    name: str, questions: Sequence[Question], hits: Mapping[str, float], official: Mapping[str, bool] | None
) -> Figure:
    ours, interval = per_cent([hits[question.key] for question in questions], [q.video for q in questions])
    right = None if official is None else sum(official[question.key] for question in questions)
    script = None if right is None else right * 100.0 / len(questions)  # in the script's own order of operations
    return Figure(name, len(questions), script, ours, interval)


def _notes(questions: Sequence[Question], given: Mapping[str, Given], official: Mapping[str, bool] | None) -> list[str]:
    notes = []
    if official is None:
        first = next(question.key for question in questions if question.key not in given)
        notes.append(f"the script stops at the first question without a prediction ({first}): it gives no numbers")
    rows = [given[question.key].beside for question in questions if question.key in given]
    if not all(map(_as_the_script_needs, rows)):
        notes.append(
            "the script needs 'answer' beside 'prediction'; its column counts what our reading found where they are not"
        )
    elif any(isinstance(row["prediction"], str) for row in rows):
        notes.append("the script compares 'prediction' with 'answer' to the letter; ours reads what a text says")
    types = {MERGED.get(question.group, question.group) for question in questions}
    if absent := [name for name in TYPES if name not in types]:
        notes.append(f"the script divides by zero on these questions, for none is of type {', '.join(absent)}")
    if strange := sorted(types - set(TYPES)):
        notes.append(f"the script stops at type {', '.join(strange)}, which it does not know")
    other = [q.key for q in questions if q.key in given and _says_other(q, given[q.key])]
    if other:
        notes.append(
            f"{len(other)} predictions carry another right answer than the questions ({other[0]} is the first); the "
            "script believes the predictions, ours the questions"
        )
    return notes


def _says_other(question: Question, given: Given) -> bool:
    told = whole(given.beside.get("answer")) if "prediction" in given.beside else None
    return told is not None and not is_right(question, Answered(question.key, told))
