"""A calibration in sentences, for the terminal and the report."""

from __future__ import annotations

import json
from pathlib import Path

from demitasse.errors import DataError
from evaluate.records import Json

CALIBRATION = "calibration.json"
OVER = (
    "these means leave out items to which a run's reply was faulty (cut short, refused, empty) or not scored; "
    "where the report's free text counts a faulty reply as 1, its means and difference are others"
)


def read_calibration(folder: Path) -> Json:
    """What `demitasse calibrate score` wrote.

    Raises:
        DataError: if it is not there or is none.
    """
    path = folder / CALIBRATION if folder.is_dir() else folder
    try:
        found: Json = json.loads(path.read_text(encoding="utf-8"))
        told(found)
    except FileNotFoundError:
        raise DataError(f"{path} is not there; `demitasse calibrate score` writes it") from None
    except (ValueError, KeyError, TypeError) as fault:
        raise DataError(f"{path} is no calibration of this version ({fault}); score the labels again") from fault
    return found


def told(result: Json) -> list[str]:
    """The figures as a person reads them, also for the report."""
    agreement = result["judge_and_people"]
    names = ("exact", "within_one", "kappa", "spearman", "bias")
    labels = ("exact", "within one", "weighted \u03ba", "Spearman", "bias of the judge")
    judge = ", ".join(f"{label} {_figure(agreement[name])}" for name, label in zip(names, labels, strict=True))
    lines = [f"judge and people, {result['cards']} answers of {result['videos']} videos: {judge}"]
    for pair, found in result["people"].items():
        if found["cards"]:
            lines.append(
                f"{pair}, {found['cards']} answers: exact {_figure(found['exact'])}, "
                f"weighted \u03ba {_figure(found['kappa'])}"
            )
    test, verdict = result["alternative_annotator_test"], result["judges_verdict"]
    passed = "" if test["passed"] is None else ", passed" if test["passed"] else ", not passed"
    rate = _or_reason(test["winning_rate"], test["reason"])
    lines.append(f"may it stand in for a person (alternative annotator test): winning rate {rate}{passed}")
    z = "" if verdict["z"] is None else f", z {verdict['z']:.2f}"
    lines.append(f"is it one of them (Judge's Verdict): {verdict['verdict'] or verdict['reason']}{z}")
    for name, one in result["runs"]["means"].items():
        lines.append(
            f"{name}: judged {_or_reason(one['judged'], '')}{_over(one)}, by people's labels {_corrected(one)}"
        )
    difference = result["runs"]["difference"]
    if difference:
        judged = f"{difference['judged']:+.2f}{_over(difference)}"
        lines.append(f"difference: judged {judged}, by people's labels {_corrected(difference)}")
    lines.append(OVER)
    return lines


def _over(found: Json) -> str:
    return f" over {found['items']} items"


def _corrected(found: Json) -> str:
    bounds = f" [{found['ci95'][0]:.2f}, {found['ci95'][1]:.2f}]" if found["ci95"] else ""
    return f"{_or_reason(found['corrected'], 'unknown, for too few labels')}{bounds}"


def _figure(found: Json) -> str:
    bounds = f" [{found['interval'][0]:.2f}, {found['interval'][1]:.2f}]" if found["interval"] else ""
    return f"{_or_reason(found['value'], found['reason'])}{bounds}"


def _or_reason(value: float | None, reason: str) -> str:
    return f"{value:.2f}" if value is not None else f"n/a ({reason})"
