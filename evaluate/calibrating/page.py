"""The page on which a person labels answers: one file that needs no server and fetches nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from demitasse.atomic import write_text
from evaluate.calibrating.sample import Card, sample_id
from evaluate.report.items import link_to

FOLDER = Path(__file__).parent
PAGE = "label.html"


def write_page(folder: Path, cards: Sequence[Card], scale: str, media: Path | None = None) -> Path:
    """Write `label.html` and return its path. It shows neither runs nor the judge's scores.

    Args:
        folder: of the sample.
        cards: in the order in which they are shown.
        scale: the judge's own scale, so that people and judge mean the same by a score.
        media: folder that video ids count from; None for no videos.
    """
    names = ("card", "question", "reference", "answer")
    shown = [
        {name: getattr(card, name) for name in names} | {"video": link_to(card.video_id, folder, media)}
        for card in cards
    ]
    data = json.dumps({"sample": sample_id(cards), "cards": shown}, ensure_ascii=False)
    # Inside a script element nothing is markup but what begins with "<": so no text has one.
    harmless = Markup(data.replace("<", "\\u003c"))
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template(PAGE).render(cards=cards, data=harmless, scale=scale)
    write_text(folder / PAGE, page)
    return folder / PAGE
