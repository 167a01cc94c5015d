"""The `tao-vl-reason-v1.0` file: items in an envelope, read and written without loss.

The package `nvidia-tao-daft` 7.0.0 is the format's official validator. Whatever `write` writes has the shape
that it demands, and `validate` refuses what it refuses and also what it lets pass (a truncated sibling file,
empty texts, an answer that is no option).
"""

from demitasse.dataset.dialect import (
    DIALECTS,
    Dialect,
    bcq_answer,
    mcq_answer,
    mcq_openended_answer,
    question_text,
    span_answer,
    to_dialect,
)
from demitasse.dataset.envelope import Item, TaskFile, read, read_folder, read_parts, rebased, write
from demitasse.dataset.schema import FORMAT, TASKS, Problem
from demitasse.dataset.summary import stats
from demitasse.dataset.validation import validate

__all__ = [
    "DIALECTS",
    "FORMAT",
    "TASKS",
    "Dialect",
    "Item",
    "Problem",
    "TaskFile",
    "bcq_answer",
    "mcq_answer",
    "mcq_openended_answer",
    "question_text",
    "read",
    "read_folder",
    "read_parts",
    "rebased",
    "span_answer",
    "stats",
    "to_dialect",
    "validate",
    "write",
]
