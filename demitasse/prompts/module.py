"""A Python prompts module as TAO's users write them: `PROMPT_TEMPLATES`, a dictionary of `str.format` templates.

The module is somebody's code, so it is imported in a process of its own: it sees no API key, cannot shadow or
change anything of ours, and a `print`, an `exit` or an endless loop in it does not reach the run. TAO falls back to
its own prompts without a word when the import fails; here every failure is an error.
"""

from __future__ import annotations

import json
import os
import re
import string
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from demitasse.config.source import may_be_secret
from demitasse.errors import ConfigError
from demitasse.prompts.pack import Pack, Placeholders, checked

_READER = Path(__file__).with_name("read_module.py")
_MOST_SECONDS = 60.0
# Numbers are filled in with one decimal, as TAO's modules ask for them.
_SPECS = ("", "s", ".1f")
_LIKE_A_PLACEHOLDER = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")


def load_module(name: str, table: Mapping[str, Placeholders], used: Collection[str] | None = None) -> Pack:
    """A pack from a Python module, which lays replies out itself.

    Args:
        name: a dotted name that Python finds from this folder or its path, or the path of a .py file.
        table: every key that the module must have, with its placeholders. More keys are let be: newer modules have
            prompts for steps that this program has not.
        used: as for `load_pack`.

    Raises:
        ConfigError: if the module cannot be imported, has no PROMPT_TEMPLATES, lacks a key, or has a template that
            cannot be filled in; the sentence names the key.
    """
    place = f"prompts module {name}"
    templates = _read(name, place)
    texts = {key: _plain(place, key, template) for key, template in templates.items() if key in table}
    stem = Path(name).stem if name.endswith(".py") else name.rpartition(".")[2]
    return checked(Pack(stem, f"Prompts module {name}", "", texts, layout="own"), table, used, place)


def _read(name: str, place: str) -> dict[str, Any]:
    """`PROMPT_TEMPLATES`, from a process that has no keys in its environment."""
    environment = {key: value for key, value in os.environ.items() if not may_be_secret(key)}
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(_READER), name],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_MOST_SECONDS,
            env=environment,
        )
    except subprocess.TimeoutExpired as fault:
        raise ConfigError(f"{place}: its import took more than {_MOST_SECONDS:.0f} s and was given up") from fault
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise ConfigError(f"{place}: its import ended the process it ran in (exit code {done.returncode})") from None
    if "error" in told:
        raise ConfigError(f"{place}: {told['error']}")
    templates: dict[str, Any] = told["templates"]
    return templates


def _plain(place: str, key: str, template: Any) -> str:
    """A `str.format` template as the plain text of a pack: doubled braces single, `{length:.1f}` as `{length}`."""
    if not isinstance(template, str):
        raise ConfigError(f"{place}: the prompt '{key}' is empty or not text; write it as a string")
    try:
        pieces = list(string.Formatter().parse(template))
    except ValueError as fault:
        raise ConfigError(
            f"{place}: the prompt '{key}' is no str.format template ({fault}); double its braces"
        ) from fault
    # A doubled brace ends a piece, so only the pieces together show what reads like a placeholder and is none.
    lookalike = _LIKE_A_PLACEHOLDER.search(
        "".join(literal + "\0" * (field is not None) for literal, field, *_ in pieces)
    )
    if lookalike:
        raise ConfigError(f"{place}: the prompt '{key}' has the text {lookalike[0]}, which would be filled in")
    return "".join(
        literal + (_placeholder(place, key, field, spec or "", conversion) if field is not None else "")
        for literal, field, spec, conversion in pieces
    ).strip()


def _placeholder(place: str, key: str, field: str, spec: str, conversion: str | None) -> str:
    if field.isidentifier() and spec in _SPECS and conversion in (None, "s"):
        return f"{{{field}}}"
    shown = f"{{{field}{f'!{conversion}' if conversion else ''}{f':{spec}' if spec else ''}}}"
    raise ConfigError(
        f"{place}: the prompt '{key}' uses {shown}, which cannot be filled in: write the name alone, "
        f"{{video_length}}; numbers come with one decimal"
    )
