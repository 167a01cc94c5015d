"""A run as the tables that VLMEvalKit evaluates: one a task, `{model}_{task}.tsv`.

It reads them with pandas, which takes the words below for cells without a value. An option "None" would be no option,
and its letter no answer. A space behind the word keeps it, and VLMEvalKit's search for an option's text finds it still.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from demitasse.answers.options import read_options
from demitasse.answers.reasoning import split_reasoning
from demitasse.atomic import write_text
from demitasse.errors import DataError
from evaluate.comparing.groups import kind_of
from evaluate.interop.cells import harmless
from evaluate.interop.lmms_doc import in_order
from evaluate.metric import MCQ
from evaluate.records import Prediction, Scored

SPLIT = "test"
# pandas' words for nothing (pandas.read_csv, `na_values`).
_NOTHING = frozenset(
    ("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL")
    + ("NaN", "None", "n/a", "nan", "null")
)


def write_tables(rows: Sequence[Scored], predictions: Mapping[str, Prediction], model: str, out: Path) -> list[Path]:
    """Write a table for each task and return their paths.

    Args:
        rows: the run's scores.
        predictions: its replies by item id; an item without one has an empty prediction.
        model: what the files are named by.
        out: the folder.

    Raises:
        DataError: if two tasks' files would have one name.
    """
    written: list[Path] = []
    for task in sorted({row.asked.task for row in rows}):
        own = {row.asked.item_id: row for row in rows if row.asked.task == task}
        path = out / f"{_file_word(model)}_{_file_word(task)}.tsv"
        if path in written:
            raise DataError(f"{path} would be the table of two tasks; rename one")
        ordered = [own[asked.item_id] for asked in in_order(row.asked for row in own.values())]
        write_text(path, table(ordered, predictions))
        written.append(path)
    return written


def table(rows: Sequence[Scored], predictions: Mapping[str, Prediction]) -> str:
    """The table of one task's rows; multiple choice has a column for each letter."""
    options = [read_options(row.asked.question) if row.metric == MCQ.name else {} for row in rows]
    letters = sorted({letter for one in options for letter in one})
    text = io.StringIO()
    # Quoted throughout: a bare carriage return would else end a row for pandas.
    writer = csv.writer(text, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    head = ("index", "item_id", "video", "question", *letters, "answer", "category", "l2-category", "split")
    writer.writerow((*head, "prediction"))
    for index, (row, own) in enumerate(zip(rows, options, strict=True)):
        reply = predictions.get(row.asked.item_id)
        cells = (
            row.asked.item_id,
            row.asked.video_id,
            _without_options(row.asked.question) if own else row.asked.question,
            *(own.get(letter, "") for letter in letters),
            row.gold if isinstance(row.gold, str) else row.asked.reference,
            row.asked.task,
            kind_of(row) or row.asked.task,
            SPLIT,
            split_reasoning(reply.response).final if reply else "",
        )
        writer.writerow([index, *map(_cell, cells)])
    return text.getvalue()


def _cell(text: str) -> str:
    kept = f"{text} " if text in _NOTHING else text
    return harmless(kept.replace("\0", "\ufffd"))


def _without_options(question: str) -> str:
    """The question without its options, which stand in columns, and without what follows them: how to answer."""
    lines = question.splitlines()
    first = [place for place, line in enumerate(lines) if re.match(r"[ \t]*\(?A[.):]", line)]
    return "\n".join(lines[: first[-1]]).strip() if first else question


def _file_word(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", Path(name).name).strip("-.") or "run"
