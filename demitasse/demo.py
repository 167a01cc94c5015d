"""`demitasse demo`: the quickstart recipe, and what it showed in one file and one table.

`summary.json` holds the figures of the report that a script would ask for. Everything in it is read from what the
stages wrote; nothing is computed here.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from demitasse.atomic import write_text
from demitasse.recipe import FINE, QUICKSTART, read_recipe, run_recipe
from demitasse.recipe.command import add_values_arguments
from demitasse.recipe.record import RECORD

TOOK = "8 min 29 s on two shared CPU cores (2026-11-21)"  # recipes/quickstart/README.md
METRICS = ("mcq_accuracy", "bcq_accuracy", "judge_mean", "temporal_iou")
CONTROLS = {"blank_frames": "reasoning, blank frames", "answers_only": "answers only"}
GROUNDING = "grounding_iou"  # of another student, on pictures, and so in a report of its own
GROUNDING_CONTROLS = {"blank_pictures": "grounding, blank pictures"}


def add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse demo`."""
    bases = sorted(folder.name for folder in (QUICKSTART.parent / "base").iterdir())
    parser.add_argument("--student", choices=bases, help="which base student")
    add_values_arguments(parser)


def run_demo(args: argparse.Namespace) -> int:
    """Run the quickstart recipe and sum it up; returns the exit code of its worst stage."""
    values = [f"student={args.student}"] if args.student else []
    if not (values or args.values or args.until or args.again):
        print(f"whole and as it stands, the demo took {TOOK}")
    code = run_recipe(QUICKSTART, [*values, *args.values], args.until, args.again, anew=args.anew)
    if code not in FINE or args.until is not None:
        return code
    run = read_recipe(QUICKSTART, [*values, *args.values]).run
    summary = summarise(run, _json(run / RECORD)["seconds"])
    write_text(run / "summary.json", json.dumps(summary, indent=2) + "\n")
    print(closing(run, summary))
    return code


def summarise(run: Path, seconds: float) -> dict[str, Any]:
    """The demo's figures, from the report, the split and the annotations in `run`."""
    report = _json(run / "report" / "report.json")
    split = _json(run / "data" / "split.json")
    boxes = _json(run / "grounding_report" / "report.json")
    pictures = _json(run / "grounding_data" / "split.json")
    metrics = {name: _row(report, name) for name in METRICS} | {GROUNDING: _row(boxes, GROUNDING)}
    choice = report["metrics"]["mcq_accuracy"]["arms"]
    asked = {key: choice[arm] for key, arm in CONTROLS.items()}
    [daft] = _json(run / "predictions" / "daft.json").values()
    asked["daft_dialect"] = daft["mcq"]
    controls = {key: {"mcq_accuracy": row["mean"], "n": row["n"]} for key, row in asked.items()}
    for key, arm in GROUNDING_CONTROLS.items():
        row = boxes["metrics"][GROUNDING]["arms"][arm]
        controls[key] = {GROUNDING: row["mean"], "n": row["n"]}
    return {
        **metrics,
        "controls": controls,
        "items": report["items"],
        "videos_train": len(split["train"]),
        "videos_eval": len(split["eval"]),
        "pictures_train": len(pictures["train"]),
        "pictures_eval": len(pictures["eval"]),
        "seconds": round(seconds, 1),
        "teacher": "scripted",
        "judge": report["arms"][report["after"]]["judge"]["model"],
    }


def _row(report: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: report["metrics"][name][key] for key in ("before", "after", "n", "delta_ci95")}


def closing(run: Path, summary: dict[str, Any]) -> str:
    """The table and the words with which the demo ends."""
    lines = [f"{'':22}{'before':>8}{'after':>8}{'items':>7}   difference (95 %)"]
    for name in (*METRICS, GROUNDING):
        row = summary[name]
        low, high = row["delta_ci95"]
        span = f"{low:+.2f} to {high:+.2f}"
        lines.append(f"{name:22}{row['before']:8.2f}{row['after']:8.2f}{row['n']:7d}   {span}")
    for name, row in summary["controls"].items():
        [(metric, value)] = [(key, value) for key, value in row.items() if key != "n"]
        lines.append(f"{name:22}{'':8}{value:8.2f}{row['n']:7d}   control: {metric}")
    pages = {"page": run / "report" / "index.html", "boxes": run / "grounding_report" / "index.html"}
    return "\n".join(["", *lines, "", _WORDS.format(**pages, summary=run / "summary.json")])


_WORDS = """\
The report: {page}
The report of the boxes: {boxes}
The figures: {summary}

What was scripted: teacher, checker and judge. They are stand-ins that know the toy world's truth and answered through
the same steps as a paid endpoint. What was real: the H.264 files, every step, journal and check, the student (tiny,
but of transformers' own Qwen-VL classes), its training, its answers, and the scoring.

With real models: put your endpoint into a spec (`vlm`, `llm`: backend openai, base_url, model_name), your videos into
`data.video_root`, a Qwen-VL folder into `train.model.path`, and give `demitasse judge` a model of its own. The README
goes through it."""


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
