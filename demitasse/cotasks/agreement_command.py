"""`demitasse data agreement`: a teacher's CoTasks held against annotation's, or any two accounts of one set."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TITLES = {1: "moments and entities", 2: "places", 3: "relations", 4: "events"}


def add_agreement_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse data agreement`."""
    told = "results of `demitasse annotate cotasks`, or their cotasks.jsonl"
    parser.add_argument("first", type=Path, metavar="A", help=f"whose account is measured: {told}")
    parser.add_argument("second", type=Path, metavar="B", help="what it is held against, such as annotation")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_agreement(args: argparse.Namespace) -> int:
    """Print how far A agrees with B, by CoTask and question type; 0.

    Raises:
        DataError: if a file cannot be used, or they have no question in common.
    """
    from demitasse.cotasks.accounts import agreement_report, read_accounts

    told = agreement_report(read_accounts(args.first), read_accounts(args.second))
    print(json.dumps(told, indent=2) if args.json else "\n".join(_lines(told)))
    return 0


def _lines(told: Mapping[str, Any]) -> list[str]:
    from demitasse.cotasks.figures import FIGURES

    lines = [f"{told['questions']} questions in both, {told['only_first']} only in A, {told['only_second']} only in B"]
    lines.append("A against B, ± half the 95 % interval by video, and how many questions have anything to divide by")
    for stage, figures in FIGURES.items():
        lines.append(f"CoTask {stage}, {_TITLES[stage]}")
        for name, figure in figures.items():
            found = told["cotasks"][str(stage)][name]
            lines.append(f"  {figure.label:34}{_shown(found):>16}{found['n']:>7}")
    lines.append("by question type: the first figure of each CoTask")
    lines.append(f"  {'type':14}" + "".join(f"{f'CoTask {stage}':>16}" for stage in FIGURES))
    for kind, by_stage in told["by_type"].items():
        lines.append(f"  {kind:14}" + "".join(f"{_shown(by_stage[str(stage)]):>16}" for stage in FIGURES))
    return lines


def _shown(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return "-"
    half = f" ± {found['half_width']:.2f}" if found["half_width"] else ""  # without variation it tells nothing
    return f"{found['value']:.2f}{half}"
