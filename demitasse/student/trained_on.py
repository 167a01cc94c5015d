"""What a student learnt from and was chosen on, kept in its own folder: no measure of it may come from either.

Only hashes and ids: neither a video's name nor a question's words travel with the weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demitasse.atomic import write_text
from demitasse.errors import ConfigError

TRAINED_ON = "trained_on.json"
FORMAT = "demitasse-trained-on-v1"


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """What a student has seen before anybody evaluates it.

    Attributes:
        media: `demitasse.media.probe.content_hash` of each video and image that it learnt from.
        rounds: how many checkpoints, the untrained student among them, were compared to choose this one; 0 or 1 where
            there was no choice.
        chosen_on: ids of the items that they were compared on (`demitasse.dataset.item_id`).
    """

    media: frozenset[str] = frozenset()
    rounds: int = 0
    chosen_on: frozenset[str] = frozenset()

    def counts(self, asked: Mapping[str, str]) -> dict[str, int]:
        """How much of what is asked it has seen; nothing where it has seen none.

        Args:
            asked: of each item's id the content hash of its medium, "" for none.
        """
        learnt = self.media & (set(asked.values()) - {""})
        chosen = len(self.chosen_on & asked.keys()) if self.rounds > 1 else 0
        told = {"media": len(learnt), "items": sum(media in learnt for media in asked.values())} if learnt else {}
        return told | ({"chosen_on": chosen, "rounds": self.rounds} if chosen else {})


def write_trained_on(folder: Path, seen: TrainedOn) -> None:
    """Write `trained_on.json` into a student's folder."""
    content = {
        "format": FORMAT,
        "media": sorted(seen.media),
        "rounds": seen.rounds,
        "chosen_on": sorted(seen.chosen_on),
    }
    write_text(folder / TRAINED_ON, json.dumps(content, indent=1) + "\n")


def read_trained_on(folder: Path) -> TrainedOn | None:
    """What the student in `folder` has seen; None if the folder does not say.

    Raises:
        ConfigError: if its `trained_on.json` is not one of ours.
    """
    path = folder / TRAINED_ON
    if not path.is_file():
        return None
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT or not isinstance(found["rounds"], int):
            raise ValueError
        return TrainedOn(frozenset(found["media"]), found["rounds"], frozenset(found["chosen_on"]))
    except (ValueError, TypeError, KeyError):
        raise ConfigError(
            f"{path}: not a record of {FORMAT}; delete it, and nothing is known of what the student has seen"
        ) from None
