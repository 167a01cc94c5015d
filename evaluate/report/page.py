"""Writing the report: `index.html`, `report.md`, `report.json` and `tasks.csv`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from demitasse.atomic import write_text
from demitasse.dataset.item_id import storable
from demitasse.visible import visible
from evaluate.calibrating.tell import told
from evaluate.comparing import wording
from evaluate.comparing.boxes import COUNTS
from evaluate.comparing.boxes import FIGURES as BOX_FIGURES
from evaluate.comparing.compare import Comparison
from evaluate.comparing.cotasks import FIGURES as COTASK_FIGURES
from evaluate.metric import GROUNDING, METRICS
from evaluate.records import Fault, Json
from evaluate.report import figures, reliability, spans, spread
from evaluate.report.exact import exact_rows
from evaluate.report.items import choose_items
from evaluate.report.markdown import markdown
from evaluate.report.published import HEAD, published_rows
from evaluate.report.tasks_csv import tasks_csv

FOLDER = Path(__file__).parent
PAGE = "index.html"
MOST_SKIPPED = 100  # sentences about references at fault, so that a browser can open the page
# How a fault is called in the validity panel.
FAULT_NAMES = {
    Fault.UNPARSABLE: "unparsable",
    Fault.REFUSAL: "refusal",
    Fault.EMPTY: "empty",
    Fault.TRUNCATED: "cut short, or reasoning not closed",
    Fault.NO_KEY: "key not in the reply",
    Fault.ERROR: "could not be asked",
    Fault.MISSING: "missing",
    Fault.JUDGE_PARSE: "judge's reply without a score",
    Fault.JUDGE_API: "judge not reached",
    Fault.NOT_JUDGED: "not judged",
}


def write_report(
    comparison: Comparison,
    out: Path,
    notes: Sequence[str] = (),
    media: Path | None = None,
    command: str = "",
    calibration: Json | None = None,
    published: Json | None = None,
) -> Path:
    """Write the four files into `out` and return the page's path.

    Args:
        comparison: what `compare` found.
        out: folder to write into; made if it is not there.
        notes: sentences that a reader must know, such as what was scripted; shown under the verdict.
        media: folder of the videos, for links from the items; None for no links.
        command: the command line to show for making this report again.
        calibration: of the judge by people's labels, as `demitasse calibrate` found it.
        published: figures of others to lay beside, as `read_published` reads them.
    """
    out = Path(out)
    result = {**comparison.result, "notes": [*notes, *_stand_ins(comparison.result)], "command": command}
    result |= {"calibration": calibration, "published": published}
    texts = {
        "report.json": json.dumps(result, indent=2, ensure_ascii=False) + "\n",
        "report.md": markdown(result),
        "tasks.csv": tasks_csv(result),
        PAGE: _page(result, comparison, out, media),
    }
    for name, text in texts.items():  # once all are made: one that is interrupted leaves an earlier report whole
        write_text(out / name, storable(text))
    return out / PAGE


def _page(result: Json, comparison: Comparison, out: Path, media: Path | None) -> str:
    about = [entry["metric"] for entry in result["metrics"].values()]
    return (
        _environment()
        .get_template("page.html")
        .render(
            result=result,
            extent=wording.extent,
            many=wording.media(about),
            one=wording.media(about, many=False),
            box_figures=BOX_FIGURES,
            cotask_figures=COTASK_FIGURES,
            box_counts=COUNTS,
            metrics=METRICS,
            fault_names=FAULT_NAMES,
            most_skipped=MOST_SKIPPED,
            most_arms=figures.MOST_ARMS,
            style=Markup((FOLDER / "style.css").read_text(encoding="utf-8")),
            forest=figures.forest(result["tasks"]),
            distribution=figures.distribution(result["score_counts"]),
            letters=figures.letters(result["letters"]),
            recall=figures.recall(_recall(result)),
            by_video=spread.by_video(comparison),
            by_length=spread.by_length(comparison),
            over_runs=spread.over_runs(result),
            spans=spans.found(comparison),
            span_errors=spans.errors(comparison),
            exact=list(exact_rows(result)),
            published_head=HEAD,
            published_rows=published_rows(result["published"], result["tasks"]) if result["published"] else [],
            readings=wording.readings(result),
            judges=reliability.judges(result),
            people=told(result["calibration"]) if result["calibration"] else [],
            checks=reliability.checks(result),
            script=Markup((FOLDER / "browse.js").read_text(encoding="utf-8")),
            groups=choose_items(comparison, out, media),
        )
    )


def _environment() -> Environment:
    """Everything is escaped: model text, file names and tasks are data. Only our style and figures are markup.

    What would act without being markup, as a change of direction does, is spelt out.
    """
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": wording.number,
        "difference": wording.difference,
        "interval": wording.interval,
        "plain_interval": partial(wording.interval, signed=False),
        "p_value": wording.p_value,
        "pretty": _pretty,
        "alone": wording.alone,
    }
    return environment


def _recall(result: Json) -> dict[str, list[float] | None]:
    """Each arm's curve of recall, where boxes were asked for."""
    entry = result["metrics"].get(GROUNDING.key, {"arms": {}})
    return {name: arm["boxes"]["recall_at"] for name, arm in entry["arms"].items()}


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


def _stand_ins(result: Json) -> list[str]:
    """What the headers themselves say was no real model."""
    judges = {
        name
        for arm in result["arms"].values()
        for name in (arm["judge"].get("model", ""), *arm["judge"].get("answered", []))
    }
    return [
        f"The judge \u201c{name}\u201d is a scripted stand-in, not a language model: its scores show that the "
        "machinery works, and nothing about how a person would rate the answers."
        for name in sorted(judges)
        if name.startswith("scripted")
    ]
