"""`--write-spec FILE` of the commands that ask teachers: a spec with every field, to be edited and run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from demitasse.atomic import write_text
from demitasse.config.write import commented
from demitasse.errors import ConfigError

STDOUT = Path("-")


def write_spec(spec: Any, path: Path, command: str) -> None:
    """Write a configuration with a comment at each field, as a file that `command --config` reads; `-` is stdout.

    Raises:
        ConfigError: if the file is there already, or cannot be written.
    """
    name = "spec.yaml" if path == STDOUT else path.name
    if path != STDOUT and path.exists():
        raise ConfigError(f"{path} is there already; name another file, or remove it")
    head = (
        f"# A spec for `{command} --config {name}`. Every field is here with its value, the default unless it\n"
        f"# was given. What you do not change you may take out; any field can be set on the command line as well:\n"
        f"# `{command} --config {name} results_dir=DIR`. Keys of endpoints belong in the environment.\n\n"
    )
    if path == STDOUT:
        sys.stdout.write(head + commented(spec))
        return
    try:
        write_text(path, head + commented(spec))
    except OSError as fault:
        raise ConfigError(f"{path} cannot be written: {fault.strerror or fault}") from fault
