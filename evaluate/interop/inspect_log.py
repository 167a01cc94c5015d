"""A run as a log of inspect_ai, for `inspect view` and `samples_df`.

The log's format is versioned but not frozen, and its maintainers ask to write it through their Python API
(UKGovernmentBEIS/inspect_ai#5066). An item without a score has NaN, which inspect counts as unscored. One that was
never answered has its error, by which the viewer marks it, and its score: it stays in the mean. Of a sample without
events the viewer (0.3.285) says that they were removed for their size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demitasse.answers.options import read_options
from demitasse.answers.reasoning import split_reasoning
from demitasse.atomic import replacing
from demitasse.errors import ConfigError, DataError
from evaluate.comparing.arm import Arm
from evaluate.comparing.summary import estimate
from evaluate.interop.inspect_scores import explanation, score_metadata
from evaluate.interop.lmms_doc import shown
from evaluate.metric import MCQ, METRICS
from evaluate.records import Prediction, Scored

if TYPE_CHECKING:
    from inspect_ai.event import Event, ScoreEvent
    from inspect_ai.log import EvalError, EvalLog, EvalSample
    from inspect_ai.model import ChatMessage, ModelOutput

_STOPS = {"stop": "stop", "length": "max_tokens"}


def write_log(arm: Arm, rows: Sequence[Scored], path: Path) -> None:
    """Write a run's log, `.eval` or `.json`.

    Raises:
        ConfigError: if inspect_ai is not installed.
        DataError: if the file's ending is another.
    """
    kind = path.suffix.removeprefix(".")
    if kind not in ("eval", "json"):
        raise DataError(f"{path}: a log of inspect ends in .eval or .json")
    try:
        from inspect_ai.log import write_eval_log
    except ImportError:
        raise ConfigError("inspect_ai is not installed; pip install inspect_ai") from None
    log = to_log(arm, rows)
    with replacing(path) as partial:
        write_eval_log(log, str(partial), format="eval" if kind == "eval" else "json")


def to_log(arm: Arm, rows: Sequence[Scored]) -> EvalLog:
    """The log: a sample an item, with one score of its metric's name."""
    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalResults, EvalSpec, EvalStats

    now = datetime.now(UTC).isoformat()
    model = str(arm.run.get("student") or arm.name)
    ids = [row.asked.item_id for row in rows]
    samples = [_sample(row, arm.predictions.get(row.asked.item_id), model) for row in rows]
    completed = sum(sample.error is None for sample in samples)
    return EvalLog(
        status="success",
        eval=EvalSpec(
            created=now,
            task="demitasse",
            dataset=EvalDataset(name="demitasse", samples=len(rows), sample_ids=ids, shuffled=False),
            model=f"none/{model}",  # a provider that inspect knows: `inspect score` opens the model
            config=EvalConfig(epochs=1, fail_on_error=False, score_on_error=True),
            packages={name: str(found) for name, found in arm.run.get("packages", {}).items()},
            metadata={name: arm.run[name] for name in ("settings", "settings_sha256", "commit") if name in arm.run},
        ),
        results=EvalResults(total_samples=len(rows), completed_samples=completed, scores=list(_totals(rows))),
        stats=EvalStats(started_at=now, completed_at=now),
        samples=samples,
    )


def _totals(rows: Sequence[Scored]) -> list[Any]:
    """Each metric's mean with its error, clustered by video, over the items that have a score."""
    from inspect_ai.log import EvalMetric, EvalScore

    totals = []
    for name in dict.fromkeys(row.metric for row in rows):
        metric, own = METRICS[name], [row for row in rows if row.metric == name]
        found = estimate(own, metric)
        values = {"mean": found.mean, "stderr": found.se} if found else {"mean": None, "stderr": None}
        scored = sum(row.score is not None for row in own)
        totals.append(
            EvalScore(
                name=metric.key,
                scorer="demitasse",
                scored_samples=scored,
                unscored_samples=len(own) - scored,
                metrics={
                    key: EvalMetric(name=key, value=math.nan if value is None else value)
                    for key, value in values.items()
                },
                metadata={"cluster": "video_id"},
            )
        )
    return totals


def _sample(row: Scored, prediction: Prediction | None, model: str) -> EvalSample:
    from inspect_ai.event import ScoreEvent
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ChatMessageUser
    from inspect_ai.scorer import Score

    question = (prediction.prompt if prediction else "") or row.asked.question
    asked = ChatMessageUser(content=question, source="input")
    output = _output(prediction, model)
    error = _error(output.error) if output.error else None
    options = read_options(row.asked.question) if row.metric == MCQ.name else {}
    score = Score(
        value=math.nan if row.score is None else row.score,
        answer=shown(row.value),
        explanation=explanation(row),
        metadata=score_metadata(row),
    )
    target = row.gold if isinstance(row.gold, str) else row.asked.reference
    return EvalSample(
        id=row.asked.item_id,
        epoch=1,
        input=question,
        choices=list(options.values()) or None,
        target=target,
        messages=[asked, *(one.message for one in output.choices)],
        output=output,
        scores={METRICS[row.metric].key: score},
        metadata={
            "task": row.asked.task,
            "video_id": row.asked.video_id,
            "media": prediction.media if prediction else "",
            "reference": row.asked.reference,
            **({"extra": row.asked.extra} if row.asked.extra else {}),
        },
        error=error,
        events=_events(asked, output, error, ScoreEvent(score=score, target=target, scorer=METRICS[row.metric].key)),
    )


def _events(asked: ChatMessage, output: ModelOutput, error: EvalError | None, score: ScoreEvent) -> list[Event]:
    """The transcript: the reply, which shows how it ended, or the error; and the score."""
    from inspect_ai.event import ErrorEvent, ModelEvent
    from inspect_ai.model import GenerateConfig

    if error is not None:
        return [ErrorEvent(error=error), score]
    called = ModelEvent(
        model=output.model, input=[asked], tools=[], tool_choice="none", config=GenerateConfig(), output=output
    )
    return [called, score]


def _error(message: str) -> EvalError:
    """An error that no traceback is kept of; the viewer's transcript shows that field alone."""
    from inspect_ai.log import EvalError

    return EvalError(message=message, traceback=message, traceback_ansi=message)


def _output(prediction: Prediction | None, model: str) -> ModelOutput:
    """The reply, its reasoning as reasoning; why there is none, as an error."""
    from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ContentReasoning, ContentText, ModelOutput

    if prediction is None:
        return ModelOutput(model=model, error="no prediction for this item")
    if prediction.finish == "error":
        return ModelOutput(model=model, error=prediction.error or "the student could not be asked")
    split = split_reasoning(prediction.response)
    content: Any = split.final
    if split.reasoning:
        content = [ContentReasoning(reasoning=split.reasoning), ContentText(text=split.final)]
    message = ChatMessageAssistant(content=content, model=model, source="generate")
    stop: Any = _STOPS[prediction.finish]
    return ModelOutput(model=model, choices=[ChatCompletionChoice(message=message, stop_reason=stop)])
