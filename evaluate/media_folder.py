"""The folder of videos or images that a page links to."""

from __future__ import annotations

from pathlib import Path

from demitasse.errors import ConfigError


def check_media_folder(folder: Path | None) -> None:
    """Refuse a `--media` that is no folder, for every link of the page would lead nowhere.

    Raises:
        ConfigError: naming it.
    """
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"--media {folder} is no folder; name the one that the items' video ids count from")
