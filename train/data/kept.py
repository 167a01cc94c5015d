"""Which lessons a run learns from, as its checkpoints remember it.

Their lengths decide which of them fit `data.max_tokens`, and lengths come from files: one that could not be read for a
moment would otherwise change the order of all that follows, without a word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from demitasse.errors import ConfigError
from train.data.lessons import Lesson


class Kept:
    """The lessons that are learnt: their number, and a digest of which they are, in their order.

    Args:
        lessons: those within `data.max_tokens`.
        folder: of the checkpoints, for what is said.
    """

    def __init__(self, lessons: Sequence[Lesson], folder: Path) -> None:
        self._folder, self._count = folder, len(lessons)
        digest = hashlib.sha256()
        for lesson in lessons:
            digest.update(lesson.key.encode("utf-8", "surrogatepass") + b"\0")
        self._digest = digest.hexdigest()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {"items": self._count, "digest": self._digest}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Compare with a checkpoint's.

        Raises:
            ConfigError: if that run learnt from others.
        """
        if state["digest"] != self._digest:
            raise ConfigError(
                f"{self._folder}: the newest checkpoint learnt from {state['items']} items that fit data.max_tokens, "
                f"and now {self._count} fit, or others: a file was unreadable then or is now; over_long.jsonl names "
                "what does not fit. Mend the files, or give another output_dir"
            )
