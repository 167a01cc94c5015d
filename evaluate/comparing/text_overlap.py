"""BLEU and ROUGE-L of a run's open answers, where their libraries are installed: beside the judge, not in its place."""

from __future__ import annotations

from collections.abc import Sequence

from evaluate.metric import JUDGE
from evaluate.records import Json, Scored
from evaluate.score.overlap import bleu, installed, rouge_l
from evaluate.stats import bounded_mean


def text_overlap(rows: Sequence[Scored]) -> Json:
    """`{"text_overlap": {...}}` of free-text rows; empty for others, and where no library is installed.

    A reply that cannot be read is an empty text. `bleu` is the corpus's, 0 to 100; `rouge_l` the mean F1, 0 to 1.
    """
    free = [row for row in rows if row.metric == JUDGE.name]
    names = installed() if free else ()
    if not names:
        return {}
    answers, references = [str(row.value or "") for row in free], [str(row.gold) for row in free]
    found: Json = {"n": len(free)}
    if "bleu" in names:
        found["bleu"] = bleu(answers, references)
    if "rouge_l" in names:
        mean = bounded_mean(rouge_l(answers, references), [row.asked.video_id for row in free], 0, 1)
        found["rouge_l"] = {"value": mean.mean, "ci95": list(mean.interval) if mean.interval else None, "n": mean.n}
    return {"text_overlap": found}


def overlap_line(found: Json) -> str:
    """The figures as a line for the terminal."""
    told = [f"BLEU {found['bleu']:.1f}"] if "bleu" in found else []
    told += [f"ROUGE-L {found['rouge_l']['value']:.3f}"] if "rouge_l" in found else []
    return ", ".join(told)
