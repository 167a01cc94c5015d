"""MVBench (arXiv 2311.17005), as the authors' notebook counts it (`mvbench.ipynb` of Ask-Anything) and as it should be.

The notebook compares first words: the reply's "(A)" with the right option's, and either may be within the other. So a
reply that is empty, or is the bracket that its prompt opens the answer with, is within every option and right. A right
answer that two candidates share is the last of them there; here either is right. The figures are the twenty tasks and
the mean over questions, as the notebook has them, and the mean over tasks, as papers have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from demitasse.errors import DataError
from evaluate.official.files import load_json
from evaluate.official.predictions import Given, read_given
from evaluate.official.question import Question, is_right, read_choice
from evaluate.official.report import Report, count
from evaluate.official.tally import Tally, grouped
from evaluate.records import Json

PROFILE = "mvbench"
MICRO, MACRO = "Avg", "mean over tasks"


def score(references: Sequence[Path], predictions: Sequence[Path]) -> Report:
    """Score replies to MVBench's questions.

    Args:
        references: the benchmark's files, one a task and named after it (`action_sequence.json`).
        predictions: replies by `<task>_<place in its file, from 0>`: as a JSON object, `{"task": {"0": reply}}`, or
            rows with `task` and `doc_id`.

    Raises:
        DataError: for files that cannot be read or do not belong together.
    """
    questions = read_questions(references)
    given, unknown = read_given(predictions, questions, key_of=_key, needed="task and doc_id, or question_id")
    answered = [read_choice(question, given.get(key)) for key, question in questions.items()]
    ours = {one.key: float(is_right(questions[one.key], one)) for one in answered}
    videos = {key: question.video for key, question in questions.items()}
    official = {key: float(first_word_right(given[key].raw, questions[key])) for key in given}
    whole = len(given) == len(questions) and all(isinstance(one.raw, str) for one in given.values())
    tally = Tally(videos, ours, official if whole else None)
    groups = grouped(questions, {key: question.group for key, question in questions.items()})
    figures = [tally.figure(task, keys) for task, keys in groups.items()]
    figures += [tally.figure(MICRO, list(questions)), tally.macro(MACRO, groups)]
    counts = count(answered, videos.values(), unknown)
    return Report(PROFILE, tuple(figures), counts, tuple(_notes(questions, given, ours, official)))


def read_questions(paths: Sequence[Path]) -> dict[str, Question]:
    """The questions by `<task>_<place>`.

    Raises:
        DataError: for a row that lacks a field, or whose right answer is none of its candidates.
    """
    questions: dict[str, Question] = {}
    for path in paths:
        value = load_json(path)
        for place, row in enumerate(value if isinstance(value, list) else [value]):
            question = _question(path, place, row)
            if question.key in questions:
                raise DataError(f"{path}: {question.key} is there twice; give each task's file once")
            questions[question.key] = question
    return questions


def first_word_right(reply: Any, question: Question) -> bool:
    """Whether the notebook counts a reply as right: its first word is within the right option's, or the other way."""
    if not isinstance(reply, str):
        return False
    first = reply.strip().split("\n")[0].lower().split(" ")[0]
    last = max(place for place, text in enumerate(question.options) if text == question.options[question.answer])
    right = f"({ascii_lowercase[last]})"
    return first.replace(".", "") in right or right in first


def _question(path: Path, place: int, row: Any) -> Question:
    task = path.stem
    match row:
        case {"video": str(video), "candidates": [_, _, *_] as candidates, "answer": answer} if answer in candidates:
            texts = tuple(map(str, candidates))
            return Question(f"{task}_{place}", task, video, texts, candidates.index(answer))
    raise DataError(
        f"{path}: row {place} lacks video or candidates, or its answer is none of them; give MVBench's own file"
    )


def _key(row: Json) -> str | None:
    if "task" in row and "doc_id" in row:
        return f"{row['task']}_{row['doc_id']}"
    return next((str(row[name]) for name in ("question_id", "id", "key") if name in row), None)


def _notes(
    questions: Mapping[str, Question],
    given: Mapping[str, Given],
    ours: Mapping[str, float],
    official: Mapping[str, float],
) -> Iterator[str]:
    if missing := len(questions) - len(given):
        yield f"{missing} questions have no prediction; the notebook asks each itself, so it gives no numbers"
    if any(not isinstance(one.raw, str) for one in given.values()):
        yield "the notebook stops at a reply that is no text: it gives no numbers"
    other = [key for key in given if official[key] != ours[key]]
    if other:
        first = " ".join(str(given[other[0]].raw).split())[:60]
        yield f"in {len(other)} replies the notebook's first word and the option that is named differ; first: '{first}'"
