"""Reading answers out of model text: one file a kind, pure functions, never an exception, never a guess.

Annotation's filters and evaluation read with the same functions, so a question that a filter calls answerable
is answered by the same rules later. Everything here takes the *final* answer; `split_reasoning` finds it.
"""

from demitasse.answers.binary import read_binary
from demitasse.answers.boxes import WrittenBox, read_boxes
from demitasse.answers.choice import read_mcq
from demitasse.answers.object import Fields, read_fields
from demitasse.answers.options import read_options
from demitasse.answers.parsed import Parsed, Status
from demitasse.answers.reasoning import Split, split_reasoning
from demitasse.answers.score import read_score
from demitasse.answers.times import read_times

__all__ = [
    "Fields",
    "Parsed",
    "Split",
    "Status",
    "WrittenBox",
    "read_binary",
    "read_boxes",
    "read_fields",
    "read_mcq",
    "read_options",
    "read_score",
    "read_times",
    "split_reasoning",
]
