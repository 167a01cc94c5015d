"""VideoEspresso's close-ended test (arXiv 2411.14794): by letter as `eval/score.py` reads it, by letter as it is meant,
and by likeness.

The script takes the first capital A to D anywhere in a reply ("Answer: C" is A, "Based on …, (C)" is B) and gives one
mean over all questions, as the leaderboard does. The paper's own average is over the fourteen tasks, and its letters
are not read at all: the option is chosen whose embedding is nearest to the reply's (thread 23 of its repository). Each
is a figure here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from demitasse.answers import split_reasoning
from demitasse.dataset.dialect import read_question
from demitasse.dataset.evidence import SUB_TASK
from demitasse.embedding import Embedder
from demitasse.errors import DataError
from demitasse.interchange.lettered import read_letter, read_options
from evaluate.official.files import load_json
from evaluate.official.predictions import Given, ItemKey, KeyOf, read_given, row_key
from evaluate.official.question import Answered, Question, read_choice
from evaluate.official.report import Figure, Report, count, not_asked
from evaluate.official.share import macro_mean, macro_per_cent, per_cent
from evaluate.records import Asked, Json

PROFILE = "videoespresso"
MICRO, MACRO = "over questions (micro)", "over tasks (macro)"
EMBEDDED = "embedding: "
PAPERS_EMBEDDER = "bge-m3"
_FIRST_LETTER = re.compile("[A-D]")
_NUMBER = re.compile(r" \(\d+\)$")  # of a question that is asked again


def score(references: Sequence[Path], predictions: Sequence[Path], embedder: Embedder | None = None) -> Report:
    """Score replies to VideoEspresso's test questions.

    Args:
        references: the test file (`bench_hard.json`).
        predictions: the script's own output (the test's rows with `model_output`), or replies in another shape.
        embedder: for the scorer by likeness; None leaves it out.

    Raises:
        DataError: for files that cannot be read or do not belong together.
    """
    questions, rows = read_questions(references)
    given, unknown = read_given(
        predictions,
        questions,
        key_of=numbered(rows),
        item_key=numbered_items(questions),
        needed="video_path and question",
    )
    answered = [read_choice(question, given.get(key)) for key, question in questions.items()]
    right = {one.key: float(one.choice == questions[one.key].answer) for one in answered}
    script = {key: first_letter_right(told, rows[key]) for key, told in given.items()}
    figures = list(_figures(questions, right, script if not unknown else None))
    notes = [*_notes(questions, given, answered), *not_asked(unknown)]
    if embedder is not None:
        likely = embedded_choices(questions, given, embedder)
        hits = {key: float(likely.get(key) == question.answer) for key, question in questions.items()}
        figures += list(_figures(questions, hits, None, EMBEDDED))
        notes += list(_embedding_notes(embedder, questions, likely))
    counts = count(answered, (question.video for question in questions.values()), unknown)
    return Report(PROFILE, tuple(figures), counts, tuple(notes))


def read_questions(paths: Sequence[Path]) -> tuple[dict[str, Question], dict[str, Json]]:
    """The questions of test files, and their rows as they stand, by key.

    The right answer may be `(A)`, `A`, `(A): text`, the option's text or its place.

    Raises:
        DataError: for a row that lacks a field, or whose right answer is none of its options.
    """
    key_of = numbered()
    questions, rows = {}, {}
    for path in paths:
        value = load_json(path)
        for place, row in enumerate(value if isinstance(value, list) else [value]):
            key = key_of(row) if isinstance(row, dict) else None
            if key is None:
                raise DataError(f"{path}: row {place} has no video_path and question; give the test file as published")
            questions[key], rows[key] = _question(path, place, key, row), row
    return questions, rows


def numbered(rows: Mapping[str, Json] | None = None) -> KeyOf:
    """A function that names the rows of a file by video and question, and by how often these have come.

    The test's rows have no id, and a question may be asked of a video twice. With the test's `rows`, one of a file of
    predictions that carries its options is called as that of the test which has the same, wherever it stands.
    """
    named = _Named({key: (_row_name(row), repr(row["options"])) for key, row in (rows or {}).items()})

    def key_of(row: Json) -> str | None:
        if not {"video_path", "question"} <= set(row):
            return row_key(row)
        return named(_row_name(row), repr(row.get("options")))

    return key_of


def numbered_items(questions: Mapping[str, Question]) -> ItemKey:
    """The same names for the items of a run, of the test as `demitasse data convert` wrote it; None for any other."""
    named = _Named({key: (_NUMBER.sub("", key), repr(one.options)) for key, one in questions.items()})

    def key_of(asked: Asked) -> str | None:
        if asked.task != "mcq" or SUB_TASK not in asked.extra:
            return None
        told = read_question(asked.question, asked.task)
        return named(f"{asked.video_id}: {told.stem}", repr(tuple(told.options.values())))

    return key_of


class _Named:
    """The key of one question after the other: that of a known one with the same options, else by how often it came.

    One that comes oftener than it is known keeps the last key, and so is met as one that is answered twice.
    """

    def __init__(self, known: Mapping[str, tuple[str, str]]) -> None:
        self._alike: dict[tuple[str, str], list[str]] = {}
        for key, told in known.items():
            self._alike.setdefault(told, []).append(key)
        self._seen: Counter[str] = Counter()

    def __call__(self, name: str, options: str) -> str:
        self._seen[name] += 1
        if alike := self._alike.get((name, options)):
            return alike.pop(0) if len(alike) > 1 else alike[0]
        return name if self._seen[name] == 1 else f"{name} ({self._seen[name]})"


def _row_name(row: Json) -> str:
    return f"{row['video_path']}: {str(row['question']).strip()}"


def first_letter_right(given: Given, row: Mapping[str, Any]) -> bool:
    """Whether the script counts a reply as right; it looks for the right answer in the reply's own row."""
    said = _first_letter(given.beside.get("model_output", given.raw))
    return said is not None and said == _first_letter(given.beside.get("correct_answer", row["correct_answer"]))


def embedded_choices(
    questions: Mapping[str, Question], given: Mapping[str, Given], embedder: Embedder
) -> dict[str, int]:
    """The option that is nearest to each reply, reasoning set aside.

    None for a reply that says nothing, and none where two options are equally near: nothing is drawn by lot.
    """
    replies = {key: split_reasoning(told.raw).final for key, told in given.items() if isinstance(told.raw, str)}
    replies = {key: reply for key, reply in replies.items() if reply.strip()}
    texts = [text for key, reply in replies.items() for text in (reply, *questions[key].options)]
    vectors = embedder.embed(texts)
    chosen, start = {}, 0
    for key in replies:
        end = start + 1 + len(questions[key].options)
        likeness = vectors[start + 1 : end] @ vectors[start]
        if (likeness == likeness.max()).sum() == 1:
            chosen[key] = int(likeness.argmax())
        start = end
    return chosen


def _question(path: Path, place: int, key: str, row: Json) -> Question:
    if not row.get("options") or not isinstance(row.get("task"), str):
        raise DataError(f"{path}: row {place} lacks task or options; only the test set can be scored by option")
    try:
        options = read_options(row["options"])
        letter = read_letter(row.get("correct_answer"), options)
    except DataError as fault:
        raise DataError(f"{path}: row {place}: {fault}; give the test file as published") from fault
    texts = tuple(options.values())
    return Question(key, " ".join(row["task"].split()), str(row["video_path"]), texts, list(options).index(letter))


def _first_letter(text: Any) -> str | None:
    found = _FIRST_LETTER.search(text) if isinstance(text, str) else None
    return found[0] if found else None


def _figures(
    questions: Mapping[str, Question], right: Mapping[str, float], script: Mapping[str, bool] | None, prefix: str = ""
) -> Iterator[Figure]:
    """A figure for each task, then the mean over tasks and over questions."""
    tasks = dict.fromkeys(question.group for question in questions.values())
    of_task = {task: [key for key, question in questions.items() if question.group == task] for task in tasks}
    official = {task: _script_share(keys, script) for task, keys in of_task.items()}
    for task, keys in of_task.items():
        ours = per_cent([right[key] for key in keys], [questions[key].video for key in keys])
        yield Figure(prefix + task, len(keys), official[task], *ours)
    hits, videos = [right[key] for key in questions], [question.video for question in questions.values()]
    means = [mean for mean in official.values() if mean is not None]
    macro = macro_mean(means) if len(means) == len(tasks) else None
    groups = [question.group for question in questions.values()]
    yield Figure(prefix + MACRO, len(questions), macro, *macro_per_cent(hits, groups, videos))
    yield Figure(prefix + MICRO, len(questions), _script_share(list(questions), script), *per_cent(hits, videos))


def _script_share(keys: Sequence[str], script: Mapping[str, bool] | None) -> float | None:
    """The script's per cent over those questions that have a row of predictions: it knows of no others."""
    counted = [script[key] for key in keys if key in script] if script is not None else []
    return (sum(counted) / len(counted)) * 100 if counted else None


def _notes(
    questions: Mapping[str, Question], given: Mapping[str, Given], answered: Sequence[Answered]
) -> Iterator[str]:
    if missing := len(questions) - len(given):
        yield f"{missing} questions have no prediction; the script leaves them out of its divisor, ours does not"
    letters = {one.key: ascii_uppercase[one.choice] if one.choice is not None else None for one in answered}
    texts = {key: told.raw for key, told in given.items() if isinstance(told.raw, str)}
    other = [key for key, text in texts.items() if _first_letter(text) != letters[key]]
    if other:
        yield (
            f"in {len(other)} replies the script's first capital A to D is not the option that is named; the first: "
            f"'{' '.join(texts[other[0]].split())[:60]}'"
        )


def _embedding_notes(embedder: Embedder, questions: Mapping[str, Question], likely: Mapping[str, int]) -> Iterator[str]:
    if PAPERS_EMBEDDER not in embedder.name.casefold():
        yield f"embeddings are by {embedder.name}, the paper's by {PAPERS_EMBEDDER}: the figures are not comparable"
    if undecided := len(questions) - len(likely):
        yield f"embedding: {undecided} questions have no reply that is nearest to one option, and count as wrong"
