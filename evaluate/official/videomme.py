"""Video-MME (arXiv 2405.21075), as `eval_your_results.py` of thanku-all/parse_answer counts it and as it should be.

The script takes the first capital A to D of a reply, once "Answer:" is out of it, and leaves a reply without one out
of the divisor: a student that answers nothing but what it is sure of gains by it. Two commas that are missing in its
list of phrases leave "Best answer: C" to be read as B. Ours reads which option is named, and every question stays.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from demitasse.dataset.schema import shown
from demitasse.errors import DataError
from demitasse.interchange.lettered import read_letter, read_options
from evaluate.official.files import load_csv, load_json
from evaluate.official.predictions import Given, read_given, unfolded
from evaluate.official.question import Answered, Question, read_choice
from evaluate.official.report import Figure, Report, count, not_asked
from evaluate.official.tally import Tally, grouped
from evaluate.records import Json

PROFILE = "videomme"
VIDEOS = 300  # of each duration; the script stops at another number
DURATIONS = ("short", "medium", "long")
# Of the phrases that the script takes out only these hold a capital A to D, so that only they change what comes first;
# the first of them is two, without the comma between them.
_TAKEN_OUT = ("Best answer:Best option:", "Answer:")
_FIRST_LETTER = re.compile("[ABCD]")
_GROUPS = (("duration", "duration"), ("domain", "domain"), ("sub-category", "sub_category"), ("task", "task_type"))


def score(references: Sequence[Path], predictions: Sequence[Path]) -> Report:
    """Score replies to Video-MME's questions.

    Args:
        references: the benchmark's rows, by video with their `questions` or one a question (JSON, JSONL, CSV).
        predictions: the script's results file (videos with `questions`, each with a `response`), or replies by
            `question_id` in another shape.

    Raises:
        DataError: for files that cannot be read or do not belong together.
    """
    questions, rows = read_questions(references)
    given, unknown = read_given(predictions, questions, key_of=_key, needed="question_id")
    answered = [read_choice(question, given.get(key)) for key, question in questions.items()]
    ours = {one.key: float(one.choice == questions[one.key].answer) for one in answered}
    videos = {key: question.video for key, question in questions.items()}
    tally = Tally(videos, ours, _official(given, rows) if not unknown else None, empty=0.0, digits=1)
    counts = count(answered, videos.values(), unknown)
    notes = [*_notes(questions, rows, given, answered), *not_asked(unknown)]
    return Report(PROFILE, tuple(_figures(tally, rows)), counts, tuple(notes))


def read_questions(paths: Sequence[Path]) -> tuple[dict[str, Question], dict[str, Json]]:
    """The questions, and their rows as they stand, by `question_id`.

    Raises:
        DataError: for a row that lacks a field, one that is there twice, or whose right answer is none of its options.
    """
    questions: dict[str, Question] = {}
    rows: dict[str, Json] = {}
    for path in paths:
        value = load_csv(path)[1] if path.suffix.casefold() == ".csv" else load_json(path)
        for place, row in enumerate(unfolded(value if isinstance(value, list) else [value])):
            question = _question(path, place, row)
            if question.key in questions:
                raise DataError(f"{path}: question {question.key} is there twice; remove one of the two")
            questions[question.key], rows[question.key] = question, row
    if not questions:
        raise DataError(f"{', '.join(map(str, paths))}: there is no question; give Video-MME's file as published")
    return questions, rows


def first_letter(reply: str) -> str | None:
    """The letter that the script takes a reply for; None for one that it leaves out."""
    for phrase in _TAKEN_OUT:
        reply = reply.replace(phrase, "")
    found = _FIRST_LETTER.search(reply)
    return found[0] if found else None


def _question(path: Path, place: int, row: Any) -> Question:
    names = ("video_id", "question_id", "duration", "domain", "sub_category", "task_type", "options", "answer")
    absent = [name for name in names if not isinstance(row, dict) or name not in row]
    if absent:
        raise DataError(f"{path}: question {place} lacks {', '.join(absent)}; give Video-MME's file as published")
    if strange := [name for name in names[2:6] if not isinstance(row[name], str)]:
        told = f"{path}: question {row['question_id']}: {strange[0]} is {shown(row[strange[0]])}"
        raise DataError(f"{told}, not a text; give the file as published")
    try:
        options = read_options(_listed(row["options"]))
        letter = read_letter(row["answer"], options)
    except DataError as fault:
        raise DataError(f"{path}: question {row['question_id']}: {fault}; give the file as published") from fault
    place_of = list(options).index(letter)
    return Question(str(row["question_id"]), row["task_type"], str(row["video_id"]), tuple(options.values()), place_of)


def _listed(options: Any) -> Any:
    """Options as a CSV file has them, the text of a JSON or Python list, as the list; others as they are."""
    try:
        return ast.literal_eval(options) if isinstance(options, str) else options
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return options


def _key(row: Json) -> str | None:
    row = row["doc"] if "question_id" not in row and isinstance(row.get("doc"), dict) else row
    return str(row["question_id"]) if "question_id" in row else None


def _official(given: Mapping[str, Given], rows: Mapping[str, Json]) -> dict[str, float] | None:
    """What the script counts; None where it stops, at a reply that is no text."""
    if any(not isinstance(one.raw, str) for one in given.values()):
        return None
    letters = {key: first_letter(one.raw) for key, one in given.items()}
    return {key: float(letter == rows[key]["answer"]) for key, letter in letters.items() if letter is not None}


def _figures(tally: Tally, rows: Mapping[str, Json]) -> Iterator[Figure]:
    for name, field in _GROUPS:
        groups = grouped(rows, {key: str(row[field]) for key, row in rows.items()})
        order = DURATIONS if field == "duration" else ()
        for group in sorted(groups, key=lambda one: order.index(one) if one in order else len(order)):
            yield tally.figure(f"{name}: {group}", groups[group])
    yield tally.figure("Overall", list(rows))


def _notes(
    questions: Mapping[str, Question],
    rows: Mapping[str, Json],
    given: Mapping[str, Given],
    answered: Sequence[Answered],
) -> Iterator[str]:
    texts = {key: one.raw for key, one in given.items() if isinstance(one.raw, str)}
    if len(texts) < len(given):
        yield "the script stops at a reply that is no text: it gives no numbers"
    letters = {key: first_letter(text) for key, text in texts.items()}
    if left_out := len(questions) - len(given) + sum(letter is None for letter in letters.values()):
        yield f"the script leaves {left_out} questions out of its divisor, for it finds no letter; ours does not"
    choices = {one.key: ascii_uppercase[one.choice] if one.choice is not None else None for one in answered}
    other = [key for key, letter in letters.items() if letter is not None and letter != choices[key]]
    if other:
        yield (
            f"in {len(other)} replies the script's first capital A to D is not the option that is named; the first: "
            f"'{' '.join(texts[other[0]].split())[:60]}'"
        )
    duration_of = {row["video_id"]: row["duration"] for row in rows.values()}
    videos = grouped(duration_of, duration_of)
    if set(map(len, videos.values())) != {VIDEOS}:
        many = ", ".join(f"{len(names)} {duration}" for duration, names in sorted(videos.items()))
        yield f"the script stops unless each duration has {VIDEOS} videos; here are {many}, as if it were told to go on"
