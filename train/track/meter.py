"""What a step was, in figures: the row of `log.jsonl`, and the line on the console."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from train.loop.step import Stepped

Row = dict[str, Any]
GIB = 2**30


def measure(step: int, stepped: Stepped, rates: Mapping[str, float], skipped: int, mfu: float | None) -> Row:
    """The row of a step.

    Tokens are those of the items, without padding, and of all processes; `label_tokens` are those that the loss counts.
    `fill` is their share of all positions that went through the model. `memory_gib` is the main process's: on a GPU the
    most that was allocated so far, else what it holds. `skipped` counts the steps that the guard has left out so far.

    Args:
        step: counted from 1.
        stepped: what the step was.
        rates: the learning rate of each part.
        skipped: steps left out so far, this one included.
        mfu: the share of the GPUs' peak that was of use; None where it is not known.
    """
    row: Row = {
        "step": step,
        "loss": stepped.loss if stepped.labels else math.nan,
        "learning_rate": dict(rates),
        "grad_norm": stepped.grad_norm if stepped.labels else math.nan,
        "items": stepped.samples,
        "tokens": stepped.tokens,
        "label_tokens": stepped.labels,
        "fill": stepped.tokens / stepped.positions,
        "tokens_per_second": stepped.tokens / stepped.seconds,
        "label_tokens_per_second": stepped.labels / stepped.seconds,
        "items_per_second": stepped.samples / stepped.seconds,
        "seconds": stepped.seconds,
        "data_seconds": stepped.data_seconds,
        "memory_gib": memory_gib(),
        "skipped": skipped,
    }
    return row if mfu is None else row | {"mfu": mfu}


def memory_gib() -> float:
    """Memory of this process in GiB: the most allocated on its GPU so far, or what it holds where there is none."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / GIB
    import psutil

    return float(psutil.Process().memory_info().rss) / GIB


def line(rows: Sequence[Row], steps: int) -> str:
    """The console's line for the rows since the last one: means, each rate over all of their time."""
    last, seconds = rows[-1], sum(row["seconds"] for row in rows)
    labels = sum(row["label_tokens"] for row in rows)
    # A step that was left out may have no number for a loss.
    counted = [row for row in rows if row["loss"] is not None and row["loss"] == row["loss"]]
    weight = sum(row["label_tokens"] for row in counted)
    loss = sum(row["loss"] * row["label_tokens"] for row in counted) / weight if weight else float("nan")
    words = [
        f"step {last['step']}/{steps}",
        f"loss {loss:.4f}",
        f"lr {_rates(last['learning_rate'])}",
        f"grad {last['grad_norm']:.2f}",
        f"{sum(row['tokens'] for row in rows) / seconds:,.0f} tokens/s ({labels / seconds:,.0f} labels)",
        f"{sum(row['items'] for row in rows) / seconds:.1f} items/s",
        f"{seconds / len(rows):.3f} s/step (data {sum(row['data_seconds'] for row in rows) / len(rows):.3f})",
        f"fill {sum(row['fill'] for row in rows) / len(rows):.0%}",
        f"{last['memory_gib']:.2f} GiB",
    ]
    if "mfu" in last:
        words.append(f"MFU {sum(row['mfu'] * row['seconds'] for row in rows) / seconds:.1%}")
    if last["skipped"]:
        words.append(f"{last['skipped']} steps left out")
    return "  ".join(words)


def _rates(rates: Mapping[str, float]) -> str:
    """One rate where the parts agree, and else each part's."""
    if len(set(rates.values())) == 1:
        return f"{next(iter(rates.values())):.2e}"
    return " ".join(f"{part} {rate:.2e}" for part, rate in rates.items())


def figures(row: Row) -> dict[str, float]:
    """A row as trackers take it: `train/loss` and so on, with `train/learning_rate/vision` where parts differ."""
    rates: Mapping[str, float] = row["learning_rate"]
    numbers = {name: value for name, value in row.items() if name not in ("step", "learning_rate")}
    flat = {f"train/{name}": value for name, value in numbers.items() if math.isfinite(value)}
    flat["train/learning_rate"] = max(rates.values())
    if len(set(rates.values())) > 1:
        flat |= {f"train/learning_rate/{part}": rate for part, rate in rates.items()}
    return flat
