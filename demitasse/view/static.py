"""The page as one file that needs no server: the data lie in it, media are found beside it by relative paths."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from demitasse.atomic import write_text
from demitasse.view.contents import Medium, Review
from demitasse.view.edits import Edit, Key
from demitasse.view.server import FOLDER, SCRIPT_LINK, SCRIPTS

_STYLE_LINK = '<link rel="stylesheet" href="page.css">'
_POLICY_MARK = "<!-- policy -->"


def write_page(review: Review, edits: Mapping[Key, Edit], out: Path, who: str) -> None:
    """Write a review as one page. Decisions taken on it are downloaded as `edits.jsonl`.

    Args:
        review: what is shown.
        edits: decisions that are already there.
        out: the file; media are linked relative to its folder.
        who: the person's name that is suggested.
    """
    overview = review.overview()
    for row, medium in zip(overview["media"], review.media, strict=True):
        if medium.path is not None:
            row["url"] = _url(medium, out.parent)
    data = {
        **overview,
        "who": who,
        "details": [review.detail(index) for index in range(len(review.media))],
        "edits": [edit.to_json() for edit in edits.values()],
    }
    write_text(out, _page(data))


def _url(medium: Medium, folder: Path) -> str:
    """The medium's address, relative to the page; every character that means something in an address is escaped."""
    path = os.path.relpath(os.path.realpath(medium.path or ""), os.path.realpath(folder))
    return quote(os.fsencode(path.replace(os.sep, "/")))


def _page(data: Mapping[str, Any]) -> str:
    """The page with its style, scripts and data in it. Its policy lets nothing else run, and nothing load but media."""
    style = (FOLDER / "page.css").read_text(encoding="utf-8")
    script = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)
    # In a script element only `<` could end it; as an escape it is the same JSON.
    embedded = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src 'self' file: data:; media-src 'self' file:; base-uri 'none'; form-action 'none'"
    )
    pieces = {
        _POLICY_MARK: f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        _STYLE_LINK: f"<style>{style}</style>",
        "</body>": f'<script type="application/json" id="data">{embedded}</script>\n<script>{script}</script>\n</body>',
    }
    page = SCRIPT_LINK.sub("", (FOLDER / "page.html").read_text(encoding="utf-8"))
    for mark, piece in pieces.items():
        before, found, after = page.rpartition(mark)
        if not found:
            raise AssertionError(f"page.html has lost its {mark}")
        page = before + piece + after
    return page


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
