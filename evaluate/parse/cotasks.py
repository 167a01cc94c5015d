"""The answer to one of the four CoTasks, in the box style that the item declares."""

from __future__ import annotations

from dataclasses import dataclass

from demitasse.chat.kinds import BOX_STYLES
from demitasse.cotasks.matching import spacing_of
from demitasse.cotasks.reading import TaskAnswer, read_task
from demitasse.cotasks.record import TASK_NAMES, CoTasks
from demitasse.dataset.schema import shown
from demitasse.errors import DataError
from evaluate.parse.final import Reading, read_final
from evaluate.records import Asked, Prediction

_STAGES = {name: stage for stage, name in TASK_NAMES.items()}
_MEND = "annotate again with `demitasse annotate cotasks`, or remove the item"


@dataclass(frozen=True, slots=True)
class Terms:
    """What an item's answers are written and compared in.

    Attributes:
        stage: 1 to 4.
        box_style: a name of `BOX_STYLES`.
        size: width and height that a pixel style counts in; None for others.
        spacing: seconds between two sampled frames.
    """

    stage: int
    box_style: str
    size: tuple[float, float] | None
    spacing: float


def terms_of(asked: Asked) -> Terms:
    """What an item declares in its fields `cotask` and `cotasks`.

    Raises:
        DataError: if it does not.
    """
    style, size = _style(asked)
    try:
        spacing = spacing_of(CoTasks.from_json(asked.extra.get("cotasks")))
    except DataError as fault:
        raise DataError(f"{_named(asked)}: {fault}; {_MEND}") from fault
    return Terms(_STAGES[asked.task], style, size, spacing)


def gold_task(asked: Asked) -> TaskAnswer:
    """The reference's facts; none at all is an answer too.

    Raises:
        DataError: for a reference that cannot be read, or not in whole.
    """
    terms = terms_of(asked)
    gold = read_task(asked.reference, terms.stage, terms.box_style, terms.size)
    if gold.value is None or gold.value.faults:
        why = f"has {gold.value.faults} entries that cannot be read" if gold.value else "cannot be read"
        raise DataError(f"{_named(asked)}: the reference '{asked.reference[:60]}' {why}; {_MEND}")
    return gold.value


def parse_task(asked: Asked, prediction: Prediction | None) -> Reading[TaskAnswer]:
    """The facts that the prediction tells."""
    terms = terms_of(asked)
    return read_final(prediction, lambda final: read_task(final, terms.stage, terms.box_style, terms.size))


def _style(asked: Asked) -> tuple[str, tuple[float, float] | None]:
    declared = asked.extra.get("cotask")
    match declared:
        case {"box_style": str(style), **more} if style in BOX_STYLES:
            match more.get("size"):
                case [int() | float() as width, int() | float() as height]:
                    return style, (width, height)
            if BOX_STYLES[style].scale is not None or _STAGES[asked.task] != 2:
                return style, None
            raise DataError(f"{_named(asked)}: cotask.size is missing, and boxes of {style} count in it; {_MEND}")
    raise DataError(f"{_named(asked)}: cotask is {shown(declared)}, which names no box style; {_MEND}")


def _named(asked: Asked) -> str:
    return f"item {asked.item_id} ({asked.video_id}, {asked.task})"
