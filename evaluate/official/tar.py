"""TAR, the traffic-anomaly benchmark (arXiv 2608.10317; AI City 2026, track 3), as its `test/evaluate.py` counts it.

References are one `tao-vl-reason-v1.0` file whose items carry `item_index` and `task_type`; a submission is a CSV of
`item_index,prediction`. `evaluate.official.tar_script` holds what the script makes of a reply. Ours reads replies as
`demitasse score` reads those of any run, keeps every question in the divisor, and takes gold letters in both dialects.
The seven open tasks are BERTScore's; they need a scorer, and without one they and the mean are left open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from demitasse.dataset.item_id import make_item_id
from demitasse.dataset.schema import shown
from demitasse.errors import DataError
from evaluate.official.files import load_json
from evaluate.official.predictions import Given, read_given
from evaluate.official.question import Answered
from evaluate.official.report import Figure, Report, count
from evaluate.official.share import macro_mean
from evaluate.official.tally import Tally, grouped
from evaluate.official.tar_script import Likeness, Stops, script_values
from evaluate.parse.free import parse_free
from evaluate.records import Asked, Json, Prediction
from evaluate.score import gold_faults, score_item

PROFILE = "tar"
TEMPORAL = "temporal_localization"
CLOSED = {"bcq": "bcq_accuracy", "mcq": "mcq_accuracy", TEMPORAL: "temporal_localization_miou"}
OPEN = (
    "bcq_openended", "mcq_openended", "open_qa", "causal_linkage", "scene_description", "temporal_description",
    "video_summarization",
)  # fmt: skip
BERTSCORE = "_bertscore_f1"
MEAN, LEADERBOARD = "mean", "mean without temporal_localization"


def score(references: Sequence[Path], predictions: Sequence[Path], likeness: Likeness | None = None) -> Report:
    """Score a submission.

    Args:
        references: the test file with its answers, or a held-out one of that form.
        predictions: the CSV, or replies by `item_index` in another shape.
        likeness: BERTScore, for the open tasks; None leaves them out.

    Raises:
        DataError: for files that cannot be read or do not belong together, and for redacted answers.
    """
    items = read_items(references)
    runs = {make_item_id(one.task, one.video_id, one.question, key): key for key, one in items.items()}
    runs |= dict(zip(items, items, strict=True))  # `results --to tar` calls an item without an index by its id
    given, unknown = read_given(
        predictions, items, key_of=_key, item_key=lambda asked: runs.get(asked.item_id), needed="item_index"
    )
    ours, answered = _ours(items, given, likeness)
    notes: list[str] = []
    official = _official(items, given, likeness, notes)
    videos = {key: one.video_id for key, one in items.items()}
    figures = tuple(_figures(items, Tally(videos, ours, official, empty=0.0)))
    if likeness is None and any(one.task in OPEN for one in items.values()):
        notes.append("the open tasks are scored by BERTScore, which was not given (--bertscore), so there is no mean")
    return Report(PROFILE, figures, count(answered, videos.values(), unknown), tuple(notes))


def read_items(paths: Sequence[Path]) -> dict[str, Asked]:
    """The items by `item_index`.

    Raises:
        DataError: for a file of another form, redacted answers, an unknown task, a right answer that cannot be read,
            or an index that is there twice.
    """
    items: dict[str, Asked] = {}
    for path in paths:
        value = load_json(path)
        rows = value.get("items") if isinstance(value, dict) else None
        if not isinstance(rows, list) or not rows:
            raise DataError(f"{path}: has no items; give TAR's test file, or a held-out one of that form")
        told = value.get("metadata")
        redacted = isinstance(told, dict) and told.get("answers_redacted")
        if redacted or not any(row.get("answer") for row in rows if isinstance(row, dict)):
            raise DataError(f"{path}: its answers are redacted; only the benchmark's server can score against it")
        for place, row in enumerate(rows):
            one = _item(path, place, row)
            if one.item_id in items:
                raise DataError(f"{path}: item_index {one.item_id} is there twice; remove one of the two")
            items[one.item_id] = one
    return items


def _item(path: Path, place: int, row: Any) -> Asked:
    names = ("item_index", "task_type", "video_id", "question", "answer")
    if not isinstance(row, dict):
        raise DataError(f"{path}: item {place} is {shown(row)}, not an object; give TAR's test file")
    absent = [name for name in names if not isinstance(row.get(name), str)]
    if absent:
        raise DataError(f"{path}: item {place} lacks {', '.join(absent)}; give TAR's test file, or one of that form")
    if row["task_type"] not in (*CLOSED, *OPEN):
        raise DataError(
            f"{path}: item {place} ({row['item_index']}) is of task_type '{row['task_type']}', which TAR has not; "
            f"it has {', '.join((*CLOSED, *OPEN))}"
        )
    asked = Asked(*(row[name] for name in names))
    if asked.task in CLOSED and (fault := gold_faults([asked]).get(asked.item_id)):
        raise DataError(f"{path}: {fault}")
    return asked


def _key(row: Json) -> str | None:
    return str(row["item_index"]) if "item_index" in row else None


def _ours(
    items: Mapping[str, Asked], given: Mapping[str, Given], likeness: Likeness | None
) -> tuple[dict[str, float], list[Answered]]:
    """What each item is worth by our reading, open ones only where they can be compared; and what was read."""
    worth: dict[str, float] = {}
    answered: list[Answered] = []
    texts: dict[str, str] = {}
    for key, asked in items.items():
        said = given.get(key)
        prediction = None if said is None else Prediction(asked, str(said.raw or ""), said.finish, said.error)
        if asked.task in CLOSED:
            scored = score_item(asked, prediction, None)
            worth[key], fault = scored.score or 0.0, scored.fault
        else:
            reading = parse_free(prediction)
            fault = reading.fault
            texts[key] = reading.value or ""
        answered.append(Answered(key, None, fault))
    if likeness is not None:
        # Rescaled BERTScore is 0 for two sentences that have nothing to do with each other: as much as no answer says.
        said_something = [key for key, text in texts.items() if text]
        likenesses = likeness([texts[key] for key in said_something], [items[key].reference for key in said_something])
        worth |= dict.fromkeys(texts, 0.0) | dict(zip(said_something, likenesses, strict=True))
    return worth, answered


def _official(
    items: Mapping[str, Asked], given: Mapping[str, Given], likeness: Likeness | None, notes: list[str]
) -> dict[str, float] | None:
    """What the script counts, of the items that it has in its divisor; None where it stops."""
    if missing := len(items) - len(given):
        notes.append(f"the script stops, for {missing} items have no prediction; ours count as wrong")
        return None
    try:
        return script_values(items, {key: one.raw for key, one in given.items()}, OPEN, likeness)
    except Stops as why:
        notes.append(f"the script stops: {why}")
        return None


def _figures(items: Mapping[str, Asked], tally: Tally) -> Iterator[Figure]:
    groups = grouped(items, {key: one.task for key, one in items.items()})
    named = {name: CLOSED.get(name, name + BERTSCORE) for name in (*CLOSED, *OPEN) if name in groups}
    figures = {}
    for task, name in named.items():
        scored = all(key in tally.ours for key in groups[task])
        figures[task] = tally.figure(name, groups[task]) if scored else Figure(name, len(groups[task]), None, None)
    yield from figures.values()
    yield _mean(MEAN, list(figures.values()))
    if TEMPORAL in figures and len(figures) > 1:
        yield _mean(LEADERBOARD, [one for task, one in figures.items() if task != TEMPORAL])


def _mean(name: str, figures: Sequence[Figure]) -> Figure:
    """The mean over tasks, every task the same, as the script takes it; None where a task has no number."""
    sides = ([one.official for one in figures], [one.ours for one in figures])
    official, ours = (
        macro_mean([one for one in side if one is not None]) if all(one is not None for one in side) else None
        for side in sides
    )
    return Figure(name, sum(one.items for one in figures), official, ours)
