"""`demitasse bias`: how much CoTasks help, by question type or length of video, and where they tell the answer."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.atomic import write_text

if TYPE_CHECKING:
    from evaluate.records import Json

INCOMPLETE = 3
_ROW = "  {:14}{:>7}{:>9}{:>9}  {:26}{:34}{}"


def add_bias_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse bias`."""
    parser.add_argument("--before", type=Path, required=True, metavar="RUN", help="without CoTasks, or a control")
    parser.add_argument("--after", type=Path, required=True, metavar="RUN", help="with CoTasks")
    parser.add_argument(
        "--by",
        choices=("type", "length"),
        default="type",
        help="of questions, or of their videos (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there")
    parser.add_argument(
        "--skip-gold-faults", action="store_true", help="leave out items whose reference is at fault, and say so"
    )


def run_bias(args: argparse.Namespace) -> int:
    """Print the gain by question type or length of video, on leaked questions and on the others.

    Returns:
        0, or 3 if questions were left out or not answered.

    Raises:
        DataError: if the runs cannot be compared.
    """
    from evaluate.comparing.arm import load_arm
    from evaluate.comparing.bias import bias_report

    before, after = load_arm(args.before), load_arm(args.after)
    told = bias_report(before, after, args.skip_gold_faults, args.by)
    print("\n".join(_lines(told)))
    if args.json is not None:
        write_text(args.json, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    missing = any(len(arm.predictions) < len(arm.items) for arm in (before, after))
    return INCOMPLETE if told["skipped_gold_faults"] or missing else 0


def _lines(told: Json) -> Iterator[str]:
    from evaluate.comparing.bias import ALL, LEAKED, OTHER
    from evaluate.comparing.wording import number
    from evaluate.metric import METRICS

    share = told["leaked"] / told["questions"] if told["questions"] else 0.0
    yield (
        f"{told['questions']} questions; CoTasks {told['stages']} alone give away the answer to {told['leaked']} of "
        f"them ({share:.0%}), by heuristics that see no video"
    )
    yield f"gain: {told['after']} against {told['before']}, paired, with its 95 % interval by video"
    for metric, types in told["metrics"].items():
        yield METRICS[metric].label
        yield _ROW.format(told["by"], "n", "before", "after", "gain", "where leaked", "where not").rstrip()
        for kind, parts in types.items():
            whole = parts[ALL]
            means = (number(whole[side], metric) for side in ("before", "after"))
            gains = (_gain(parts[part], metric, part != ALL) for part in (ALL, LEAKED, OTHER))
            yield _ROW.format(kind, whole["n"], *means, *gains).rstrip()
    for sentence in told["skipped_gold_faults"].values():
        yield f"left out: {sentence}"


def _gain(entry: Json, metric: str, counted: bool) -> str:
    from evaluate.comparing.wording import difference, interval

    if not entry["n"]:
        return "-"
    count = f" of {entry['n']}" if counted else ""
    return f"{difference(entry['delta'], metric)} {interval(entry['delta_ci95'], metric)}{count}"
