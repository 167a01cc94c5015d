"""NExT-GQA (arXiv 2309.01327): is the answer right, and does the span that is given as its ground lie where it should?

`eval_ground.py` has three flaws, which ours guards; both numbers are shown. A span of no length (start = end) inside
the truth gets IoP 1, so that any moment that is touched counts as grounded. A question without a span leaves the
divisor. And the right answers are taken from the prediction file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from demitasse.answers.times import Span
from demitasse.errors import ConfigError, DataError
from evaluate.official.nextqa import read_questions
from evaluate.official.predictions import UNSURE, Given, answer_name, read_given, span_name
from evaluate.official.question import Answered, read_choice
from evaluate.official.report import Figure, Report, count
from evaluate.official.share import per_cent
from evaluate.official.spans import Grounding, Overlap, best_overlap, is_ranked, read_span, read_truth
from evaluate.official.units import SECONDS
from evaluate.records import Fault

PROFILE = "nextgqa"
THRESHOLDS = (0.3, 0.5)
GROUNDED = 0.5  # the IoP from which a right answer counts as grounded
SHORT = 1.0  # seconds; spans below that are counted in a note, for IoP rewards a short guess
NOTHING = Overlap(0.0, 0.0, 0.0)


def score(references: Sequence[Path], predictions: Sequence[Path], unit: str = SECONDS) -> Report:
    """Score spans, and with them answers, against NExT-GQA's `gsub_*.json`.

    Args:
        references: the spans, and for Acc@GQA the questions file (.csv).
        predictions: a file of spans, which may hold the answers as well; and one of answers.
        unit: what the spans' numbers mean, one of `units.UNITS`.

    Raises:
        ConfigError: for more files than these.
        DataError: for files that cannot be read or do not belong together.
    """
    if len(references) > 2 or len(predictions) > 2:
        raise ConfigError(
            f"{PROFILE} takes --references SPANS.json [QUESTIONS.csv] and --predictions SPANS.json [ANSWERS.json], not "
            f"{len(references)} and {len(predictions)} files"
        )
    truth = read_truth(references[0])
    given, unknown = read_given(predictions[:1], truth, span_name)
    spans = {key: read_span(one, given.get(key), unit) for key, one in truth.items()}
    overlaps = {key: best_overlap(truth[key].spans, span) for key, (span, _) in spans.items() if span is not None}
    every = {key: NOTHING if spans[key][1] else overlaps[key] for key in truth}  # ours: a faulty span grounds nothing
    answers = _answers(predictions[1:], given, truth)
    read = _read_answers(references[1:], answers, truth)
    right = None if read is None else {key: one.choice == place for key, (one, place) in read.items()}
    figures = [*_answer_figures(overlaps, every, truth, _script_right(answers), right)]
    figures += _span_figures(overlaps, every, truth)
    faults = [Answered(key, None, fault) for key, (_, fault) in spans.items()]
    counts = count(faults, (one.video for one in truth.values()), unknown)
    counts["faults"] |= _answer_faults(answers, read, truth)
    several = sum(is_ranked(told.raw) for told in given.values())
    return Report(PROFILE, tuple(figures), counts, tuple(_notes(spans, answers, right, several)))


def _answers(paths: Sequence[Path], spans: Mapping[str, Given], truth: Mapping[str, Grounding]) -> dict[str, Given]:
    """Answers to the questions, from a file of their own or beside the spans; none if there are none."""
    if paths:
        return read_given(paths, truth)[0]
    answers = {}
    for key, given in spans.items():
        rest = {name: one for name, one in given.beside.items() if name not in (span_name(given.beside), *UNSURE)}
        if name := answer_name(rest):
            answers[key] = Given(rest[name], given.beside)
    return answers


def _script_right(answers: Mapping[str, Given]) -> dict[str, bool]:
    """Which answers the script takes for right: it looks at the file's own `answer` and `prediction`."""
    told = {key: given.beside for key, given in answers.items() if {"answer", "prediction"} <= set(given.beside)}
    return {key: row["answer"] == row["prediction"] for key, row in told.items()}


def _read_answers(
    paths: Sequence[Path], answers: Mapping[str, Given], truth: Mapping[str, Grounding]
) -> dict[str, tuple[Answered, int]] | None:
    """What was answered, and the place of the right option by the questions file; None without either."""
    if not paths or not answers:
        return None
    questions = {question.key: question for question in read_questions(paths[0])}
    if absent := [key for key in truth if key not in questions]:
        raise DataError(
            f"{paths[0]}: there is no question {absent[0]}, which has a span ({len(absent)} such); give the questions "
            "of the same split"
        )
    return {key: (read_choice(questions[key], answers.get(key)), questions[key].answer) for key in truth}


def _answer_faults(
    answers: Mapping[str, Given], read: Mapping[str, tuple[Answered, int]] | None, truth: Mapping[str, Grounding]
) -> dict[str, int]:
    """Each kind of fault of the answers, beside those of the spans; none where there are no answers at all."""
    if not answers:
        return {}
    if read is None:
        lacking = len(truth) - len(answers)
        return {"missing_answer": lacking} if lacking else {}
    return dict(sorted(Counter(f"{one.fault.value}_answer" for one, _ in read.values() if one.fault).items()))


def _answer_figures(
    overlaps: Mapping[str, Overlap],
    every: Mapping[str, Overlap],
    truth: Mapping[str, Grounding],
    script_right: Mapping[str, bool],
    right: Mapping[str, bool] | None,
) -> Iterator[Figure]:
    """Acc@GQA, and before it the answers' own accuracy. The script needs an answer wherever a span is grounded."""
    grounded = {key for key, one in overlaps.items() if one.iop >= GROUNDED}
    script = None
    if script_right and grounded <= set(script_right):
        script = [float(key in grounded and script_right[key]) for key in overlaps]
    both = None
    if right is not None:
        yield _figure("Acc@QA", truth, None, [float(right[key]) for key in truth])
        both = [float(right[key] and every[key].guarded_iop >= GROUNDED) for key in truth]
    yield _figure("Acc@GQA", truth, script, both)


def _span_figures(
    overlaps: Mapping[str, Overlap], every: Mapping[str, Overlap], truth: Mapping[str, Grounding]
) -> Iterator[Figure]:
    """IoP and IoU, their means and shares, in the script's order."""
    measures = (
        ("IoP", [one.iop for one in overlaps.values()], [one.guarded_iop for one in every.values()]),
        ("IoU", [one.iou for one in overlaps.values()], [one.iou for one in every.values()]),
    )
    for name, script, ours in measures:
        yield _figure(f"m{name}", truth, script, ours)
        for least in THRESHOLDS:
            reached = ([float(value >= least) for value in side] for side in (script, ours))
            yield _figure(f"{name}@{least}", truth, *reached)


def _figure(
    name: str, truth: Mapping[str, Grounding], script: Sequence[float] | None, ours: Sequence[float] | None
) -> Figure:
    official = None
    if script:
        total = 0.0
        for value in script:  # one after the other as the script adds; the built-in sum rounds otherwise from 3.12 on
            total += value
        official = total / len(script) * 100
    videos = [one.video for one in truth.values()]
    mean, interval = per_cent(ours, videos) if ours is not None else (None, None)
    return Figure(name, len(truth), official, mean, interval, digits=1)


def _notes(
    spans: Mapping[str, tuple[Span | None, Fault | None]],
    answers: Mapping[str, Given],
    right: Mapping[str, bool] | None,
    several: int,
) -> Iterator[str]:
    if several:
        yield f"{several} predictions are lists of spans: the first of each counts, in both columns; the script stops"
    lengths = [span[1] - span[0] for span, _ in spans.values() if span is not None]
    if moments := sum(length == 0 for length in lengths):
        yield (
            f"zero-length flaw: {moments} predicted spans start and end at one moment; the script gives such a span "
            "IoP 1 wherever it touches the truth, ours 0"
        )
    if short := sum(0 < length < SHORT for length in lengths):
        yield f"{short} predicted spans are shorter than {SHORT:g} s; inside the truth both columns give them IoP 1"
    if absent := sum(fault is Fault.MISSING for _, fault in spans.values()):
        yield f"{absent} questions have no span; the script leaves them out of its divisor, ours counts 0"
    if unread := sum(span is None and fault is not Fault.MISSING for span, fault in spans.values()):
        yield f"{unread} spans cannot be read: the script stops there, and official is without them; ours counts 0"
    if not answers:
        yield "there are no answers, so Acc@GQA is not known (the script would print 0.0)"
    elif right is None:
        yield "ours needs the questions file for Acc@GQA: give it after the spans, --references gsub_val.json val.csv"
    if any(not {"answer", "prediction"} <= set(given.beside) for given in answers.values()):
        yield "the script needs 'answer' beside 'prediction' in the answers; without it there is no official Acc@GQA"
