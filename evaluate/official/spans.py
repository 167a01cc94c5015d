"""Spans of time that ground an answer: NExT-GQA's truth, what a model predicts, and how far the two overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from demitasse.answers import read_times
from demitasse.answers.times import Span
from demitasse.errors import DataError
from demitasse.interchange.expecting import expects
from demitasse.interchange.recognise import SPANS
from evaluate.official.files import load_json
from evaluate.official.predictions import Given
from evaluate.official.units import SHARE
from evaluate.parse.final import read_final
from evaluate.records import Asked, Fault, Prediction


@dataclass(frozen=True, slots=True)
class Grounding:
    """Where a question's ground lies: spans in seconds, and the video's duration."""

    key: str
    video: str
    duration: float
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of one question: the best IoU and IoP over the spans of the truth, as the script counts them and guarded."""

    iou: float
    iop: float
    guarded_iop: float


@expects(SPANS)
def read_truth(path: Path | str) -> dict[str, Grounding]:
    """The spans of a `gsub_*.json` by question key, as they stand.

    `demitasse.cotasks.nextgqa` reads the same files for building CoTasks, and cuts a span that begins before the video;
    the script does not.

    Raises:
        DataError: if it is not of that form.
    """
    value = load_json(Path(path))
    truth: dict[str, Grounding] = {}
    for video, told in value.items() if isinstance(value, dict) else []:
        try:
            duration, location = float(told["duration"]), told["location"].items()
            spans = {qid: tuple((float(start), float(end)) for start, end in each) for qid, each in location}
            if not all(math.isfinite(sum(map(sum, each))) for each in ([(duration,)], *spans.values())):
                raise ValueError("a time is no number")
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError) as error:
            raise DataError(
                f'{path}: {video}: not {{"duration": s, "location": {{qid: [[start, end], ...]}}}} ({error!r}); give '
                "NExT-GQA's gsub_val.json or gsub_test.json"
            ) from error
        truth |= {f"{video}_{qid}": Grounding(f"{video}_{qid}", video, duration, each) for qid, each in spans.items()}
    if not truth:
        raise DataError(f"{path}: there are no spans; give NExT-GQA's gsub_val.json or gsub_test.json first")
    return truth


def read_span(grounding: Grounding, given: Given | None, unit: str) -> tuple[Span | None, Fault | None]:
    """First and last number of a prediction in seconds, as the script takes them, and what is wrong with it.

    A span in numbers that cannot be one (reversed, of one or three numbers) is a fault, and still has its numbers: the
    script counts with them. Of several spans the first counts.
    """
    if given is None:
        return None, Fault.MISSING
    raw = given.raw
    if isinstance(raw, str):
        asked = Asked(grounding.key, "temporal_localization", grounding.video, "", "")
        reading = read_final(Prediction(asked, raw, given.finish, given.error), read_times)
        return reading.value, reading.fault
    if is_ranked(raw):
        raw = raw[0]
    if raw is None or raw == []:
        return None, Fault.EMPTY
    if not isinstance(raw, list) or not all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in raw):
        return None, Fault.UNPARSABLE
    try:
        seconds = [float(one) for one in raw]
    except OverflowError:  # a whole number of hundreds of digits
        return None, Fault.UNPARSABLE
    numbers = np.round(np.asarray(seconds) * grounding.duration, 1).tolist() if unit == SHARE else seconds
    span = (numbers[0], numbers[-1])
    sound = len(raw) == 2 and math.isfinite(sum(span)) and span[0] <= span[1]
    return span, None if sound else Fault.UNPARSABLE


def is_ranked(raw: Any) -> bool:
    """Whether a prediction is a list of spans, the best first, as models that ground by proposals give them."""
    return isinstance(raw, list) and len(raw) > 0 and all(isinstance(one, list) for one in raw)


def best_overlap(truth: Sequence[Span], span: Span) -> Overlap:
    """The greatest IoU and the greatest IoP over the spans of the truth, each for itself, as the script takes them."""
    pairs = [overlap(one, span) for one in truth]
    iou = max([0.0, *(pair[0] for pair in pairs)])
    iop = max([0.0, *(pair[1] for pair in pairs)])
    return Overlap(iou, iop, 0.0 if span[0] == span[1] else iop)


def overlap(truth: Span, span: Span) -> tuple[float, float]:
    """IoU, and IoP (the share of `span` that lies in `truth`), by the script's rules; negative where they are apart.

    A span without length gets IoU 0, and IoP 1 if it touches the truth: the flaw.
    """
    if span[0] == span[1]:
        return 0.0, float(truth[0] <= span[0] <= truth[1])
    shared = min(truth[1], span[1]) - max(truth[0], span[0])
    both = max(truth[1], span[1]) - min(truth[0], span[0])
    return (shared / both if both > 0 else 0.0), (shared / (span[1] - span[0]) if span[1] > span[0] else 0.0)
