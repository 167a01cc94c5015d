"""Whether an accuracy is more than a habit: where one answer is most of the references, always giving it looks skilled.

The Cosmos cookbook's baseline "wins" `rule_violation` in that way: it always says False, and the judge, who compares
with the reference, gives it 4.80 of 5. So free text whose references are a few short answers is looked at too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from demitasse.answers import split_reasoning
from demitasse.answers.marks import fold
from evaluate.metric import JUDGE, Metric
from evaluate.records import Json, Scored
from evaluate.stats import balanced_accuracy, clustered_mean

MOST_CLASSES = 12  # more different references than this, and they are no classes
FEWEST_OF_CLASS = 5  # references a class, on average: fewer, and they are prose that happens to repeat
MAJORITY = 0.7  # of the references: below, an answer that is always the same does not look like skill


def find_habit(arms: Mapping[str, Sequence[Scored]], metric: Metric) -> Json | None:
    """The commonest reference, and for each arm how often it is answered and what is left of its accuracy.

    `majority` says that the commonest reference is most of them and that some arm is not shown to be better than always
    giving it (the clustered 95 % interval of the difference reaches 0).

    Returns:
        None where the references are not a few closed answers.
    """
    first = next(iter(arms.values()))
    gold = [_gold(row, metric) for row in first]
    if not (metric.is_share or metric is JUDGE) or not _closed(gold):
        return None
    answer, count = Counter(gold).most_common(1)[0]
    found = {name: _of_arm(rows, metric, answer) for name, rows in arms.items()}
    idle = [name for name, one in found.items() if not one["better_than_habit"]]
    majority = count / len(gold) >= MAJORITY and bool(idle)
    return {
        "answer": answer,
        "share": count / len(gold),
        "classes": len(set(gold)),
        "arms": found,
        "majority": majority,
        "no_better": idle if majority else [],
    }


def _closed(gold: Sequence[str]) -> bool:
    classes = len(set(gold))
    return 2 <= classes <= MOST_CLASSES and len(gold) >= FEWEST_OF_CLASS * classes


def _of_arm(rows: Sequence[Scored], metric: Metric, answer: str) -> Json:
    """An arm's answers, compared word for word with the references, in the balance and against always one answer."""
    gold, given = [_gold(row, metric) for row in rows], [_given(row, metric) for row in rows]
    hits = [float(right == said) for right, said in zip(gold, given, strict=True)]
    gains = [hit - (right == answer) for hit, right in zip(hits, gold, strict=True)]
    videos = [row.asked.video_id for row in rows]
    gain = clustered_mean(gains, videos)
    balanced = balanced_accuracy(gold, given, videos)
    return {
        "given": sum(said == answer for said in given) / len(given),
        "accuracy": sum(hits) / len(hits),
        "balanced_accuracy": None if balanced is None else balanced.mean,
        "better_than_habit": gain.interval is not None and gain.interval[0] > 0,
    }


def _gold(row: Scored, metric: Metric) -> str:
    return fold(row.asked.reference) if metric is JUDGE else str(row.gold)


def _given(row: Scored, metric: Metric) -> str | None:
    if metric is not JUDGE:
        return None if row.value is None else str(row.value)
    return fold(split_reasoning(row.response).final) or None
