"""`run.json` of a recipe's run: what was run with what, what it took, cost, read and wrote, and what came of it.

It is written whole before and after every stage. It holds no secret, no name of the machine, and no path of it: what
lies in the run is told from there (`{run}/data`), what lies in the recipe's folder from that (`{recipe}/config.yaml`),
and of anything else that is named from the root only the name is left; its hash says which it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from demitasse.atomic import write_text
from demitasse.config.source import may_be_secret
from demitasse.errors import DemitasseError
from demitasse.recipe.digest import file_hash
from demitasse.recipe.read import FOLDER, RUN, Recipe, joined
from demitasse.stages import CHECKOUT

RECORD = "run.json"
FORMAT = "demitasse-run-v1"
RUNNING, ENDED = "running", "ended"
FINE = (0, 3)  # 3: finished, but something was skipped or quarantined
INTERRUPTED = (130, 143)  # by SIGINT, by SIGTERM
HIDDEN = "(hidden)"
# A part of a path may have spaces in it, though none at its beginning: "a / b" is prose.
_PART = r"[^\s\"'=,/\[\]][^\"'=,/\[\]\n]*"
_ROOTED = re.compile(rf"(?<![\w.{{}}:/…])/(?:{_PART}/)*({_PART})/?")
_SECRET = re.compile(r"(\S*(?:key|token|secret|password)=).+", re.IGNORECASE | re.DOTALL)
_SECRET_OPTION = re.compile(r"-\S*(?:key|token|secret|password)", re.IGNORECASE)

_END = r"(?=[/\s,\"'\]]|$)"  # of a path's part

Json = dict[str, Any]


@dataclass(slots=True)
class Stage:
    """One stage as it was run last.

    Attributes:
        command: for a reader; secrets are hidden.
        key: hash of the command as it is.
        state: "running" while it runs and after it was killed, else "ended".
        exit_code: None while it runs.
        begun: in UTC.
        seconds: wall time of all its attempts.
        commit: of Demitasse, with a + if files had been changed since.
        settings: hash of what it read of each configuration.
        read: by path, the files' number, bytes and joint hash; None for a path that was not there.
        wrote: by path in the run, bytes and hash of a file; of a folder (it ends in a slash) in which many files were
            written, number, bytes and joint hash of the files right in it.
        cost: requests and dollars of all its attempts, as `summed` has them.
        results: main figures.
    """

    command: str
    key: str
    state: str = RUNNING
    exit_code: int | None = None
    begun: str = ""
    seconds: float = 0.0
    commit: str = ""
    settings: Json = field(default_factory=dict)
    read: Json = field(default_factory=dict)
    wrote: Json = field(default_factory=dict)
    cost: Json = field(default_factory=dict)
    results: Json = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        """Whether it came to its end."""
        return self.state == ENDED and self.exit_code in FINE


def stage_keys(recipe: Recipe) -> list[str]:
    """A name for each stage by which it is known again: its command, and the how-manieth of its like it is."""
    seen: dict[str, int] = {}
    keys = []
    for command in recipe.portable:
        seen[command] = seen.get(command, 0) + 1
        keys.append(hashlib.sha256(f"{command}\0{seen[command]}".encode()).hexdigest())
    return keys


def read_stages(run: Path) -> dict[str, Stage]:
    """The stages of an earlier run in the folder, by key; none if it has no record of this format.

    Raises:
        DemitasseError: if the record is damaged.
    """
    path = run / RECORD
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("format") != FORMAT:
            return {}
        return {stage["key"]: Stage(**stage) for stage in [*content["replaced"], *content["stages"]]}
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        raise DemitasseError(f"{path} is damaged ({fault}); delete it, and the stages find their work done") from None


def record_bytes(run: Path) -> bytes | None:
    """The record in a folder as it stands there; None if there is none."""
    path = run / RECORD
    return path.read_bytes() if path.is_file() else None


def write_record(recipe: Recipe, head: Mapping[str, Any], stages: list[Stage], replaced: list[Stage]) -> None:
    """Replace `run.json`.

    Args:
        recipe: that is run.
        head: what is told of the program and the machine.
        stages: as far as they were begun.
        replaced: stages that were run and that the recipe has no more: what they cost was paid.
    """
    content = {
        "format": FORMAT,
        "recipe": _source(recipe.path),
        "files": {_source(path): file_hash(path) for path in recipe.files},
        "values": {name: _value(recipe, name, value) for name, value in recipe.values.items()},
        **head,
        "seconds": round(sum(stage.seconds for stage in stages), 1),
        "cost": summed([stage.cost for stage in [*stages, *replaced]]),
        "stages": [asdict(stage) for stage in stages],
        "replaced": [asdict(stage) for stage in replaced],
    }
    write_text(recipe.run / RECORD, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def summed(costs: list[Json]) -> Json:
    """Requests and dollars together; dollars are None if some cost what nobody knows, and {} if nothing cost."""
    paid = [cost for cost in costs if cost]
    if not paid:
        return {}
    known = [cost["dollars"] for cost in paid]
    dollars = None if None in known else round(sum(known), 6)
    return {"requests": sum(cost["requests"] for cost in paid), "dollars": dollars}


def _source(path: Path) -> str:
    """A recipe's file: from the checkout, or by its name alone."""
    whole = path.resolve()
    return str(whole.relative_to(CHECKOUT)) if whole.is_relative_to(CHECKOUT) else path.name


def _value(recipe: Recipe, name: str, value: str) -> str:
    if may_be_secret(name) and not name.endswith("_env") and not value.isdigit():
        return HIDDEN
    if name in recipe.several:
        return told_command(recipe, value)
    return told(recipe, _SECRET.sub(rf"\1{HIDDEN}", value))


def told_path(recipe: Recipe, path: Path) -> str:
    """A path as it may stand in the record."""
    whole = path.resolve()
    for name, folder in ((RUN, recipe.run), (FOLDER, recipe.path.parent)):
        if whole.is_relative_to(folder.resolve()):
            return f"{{{name}}}/{whole.relative_to(folder.resolve())}".removesuffix("/.")
    if whole.is_relative_to(CHECKOUT):
        return str(whole.relative_to(CHECKOUT))
    return told(recipe, str(path))


def told_command(recipe: Recipe, command: str) -> str:
    """A command without secrets and without paths of this machine."""
    return joined(told(recipe, word) for word in shlex.split(without_secrets(command)))


def told(recipe: Recipe, text: str) -> str:
    """A path, a word or a sentence without paths of this machine."""
    for folder, name in ((recipe.run, f"{{{RUN}}}"), (recipe.path.parent, f"{{{FOLDER}}}"), (CHECKOUT, "")):
        whole = os.path.abspath(folder)
        text = re.sub(rf"(?<![\w./]){re.escape(whole)}{_END if name else '/'}", name, text)
    return _ROOTED.sub(r"…/\1", text)


def without_secrets(command: str) -> str:
    """A command with what follows `api_key=`, `--token` and their like hidden, to the end of the word."""
    words = shlex.split(command)
    after = [False, *(bool(_SECRET_OPTION.fullmatch(word)) for word in words)]
    return joined(
        HIDDEN if hidden else _SECRET.sub(rf"\1{HIDDEN}", word) for word, hidden in zip(words, after, strict=False)
    )
