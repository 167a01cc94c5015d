"""STAR (NeurIPS 2021), by question type: the leaderboard's mean over types, and the mean over questions.

The benchmark's repository scores by comparing an answer's text with the right one's, an item's all or nothing, and
rounds each type's per cent to two decimals (`run_program.py`; its executor is not needed for that). Its leaderboard's
"Mean" is over the four types; many papers print the mean over questions under that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from demitasse.cotasks.star import TYPES, StarQuestion, read_entries, read_question
from demitasse.errors import DataError
from demitasse.interchange.expecting import expects
from demitasse.interchange.recognise import STAR
from evaluate.official.predictions import Given, read_given
from evaluate.official.question import PLACES, Answered, Question, is_right, read_choice, with_places
from evaluate.official.report import Figure, Report, count
from evaluate.official.share import macro_mean, macro_per_cent, per_cent

PROFILE = "star"


def score(references: Sequence[Path], predictions: Sequence[Path]) -> Report:
    """Score predictions against STAR's own files of questions.

    Raises:
        DataError: for files that cannot be read or do not belong together.
    """
    questions = read_questions(references)
    given, unknown = read_given(predictions, (question.key for question in questions))
    told = with_places({question.key: question for question in questions}, given)
    answered = [read_choice(question, told.get(question.key)) for question in questions]
    right = [is_right(question, one) for question, one in zip(questions, answered, strict=True)]
    counts = count(answered, (question.video for question in questions), unknown)
    notes = [*_notes(questions, given, answered), *([PLACES] if told is not given else [])]
    return Report(PROFILE, tuple(_figures(questions, right)), counts, tuple(notes))


def read_questions(paths: Sequence[Path]) -> list[Question]:
    """The questions of STAR files, in any form in which they are published.

    Raises:
        DataError: for a file that cannot be read, an item that is none or says no right answer, and one that is there
            twice.
    """
    questions: dict[str, Question] = {}
    for path in paths:
        for place, one in enumerate(_file_questions(path)):
            if one.question_id in questions:
                raise DataError(f"{path}: item {place} ({one.question_id}) is there twice; remove one of the two")
            if one.right is None:
                raise DataError(
                    f"{path}: item {place} ({one.question_id}) says no right answer; the test set's are not published, "
                    "so only train and val can be scored here"
                )
            questions[one.question_id] = Question(one.question_id, one.type, one.video, one.choices, one.right)
    if not questions:
        raise DataError(f"{', '.join(map(str, paths))}: there is no item; give STAR_train.json or STAR_val.json")
    return list(questions.values())


@expects(STAR)
def _file_questions(path: Path | str) -> list[StarQuestion]:
    found = []
    for place, entry in enumerate(read_entries(Path(path))):
        try:
            found.append(read_question(entry))
        except DataError as fault:
            raise DataError(f"{path}: item {place}: {fault}; give STAR_train.json or STAR_val.json") from fault
    return found


def _figures(questions: Sequence[Question], right: Sequence[bool]) -> Iterator[Figure]:
    hits, videos = [float(one) for one in right], [question.video for question in questions]
    shares = []
    for kind in TYPES:
        chosen = [place for place, question in enumerate(questions) if question.group == kind]
        if not chosen:
            continue
        shares.append(sum(right[place] for place in chosen) * 100 / len(chosen))
        ours = per_cent([hits[place] for place in chosen], [videos[place] for place in chosen])
        yield Figure(kind, len(chosen), round(shares[-1], 2), *ours)
    mean = macro_mean(shares) if len(shares) == len(TYPES) else None
    groups = [question.group for question in questions]
    yield Figure("Mean (over types)", len(questions), mean, *macro_per_cent(hits, groups, videos))
    yield Figure("over questions", len(questions), None, *per_cent(hits, videos))


def _notes(questions: Sequence[Question], given: Mapping[str, Given], answered: Sequence[Answered]) -> list[str]:
    notes = []
    if absent := [kind for kind in TYPES if kind not in {question.group for question in questions}]:
        notes.append(f"the leaderboard's Mean is over four types; there is no question of {', '.join(absent)}")
    if missing := sum(question.key not in given for question in questions):
        notes.append(f"{missing} questions have no prediction and count as wrong, in both columns")
    if any(isinstance(one.raw, str) for one in given.values()) and any(one.fault for one in answered):
        notes.append("a reply that names no single choice counts as wrong, in both columns; nothing is drawn by lot")
    return notes
