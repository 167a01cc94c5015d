"""Step 7: each chosen caption is looked for in the video again, by meaning, and so gets its true time.

The writer of the evidence says which frames matter by their numbers, and numbers are what such models get wrong most
easily. It also says in its own words what each of them shows. Those words are compared with every caption of the video,
dropped ones included (VideoEspresso does so with BGE-M3). Where another frame fits clearly better, that is noted with
its score; the writer's own choice is not changed, for which of the two is wrong nobody has looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotate.espresso.vectors import vectors_of
from demitasse.embedding.embedder import Embedder
from demitasse.engine.caller import provenance
from demitasse.engine.step import Fields, Step

VERSION = 1
FILE = "step_7_grounding/grounding.jsonl"


@dataclass(frozen=True)
class TemporalGrounding:
    """Step 7: `grounding` of a row holds, for each question, its core frames as the video has them.

    Attributes:
        margin: of cosine by which another frame must fit better than the chosen one to disagree.
    """

    embedder: Embedder
    margin: float
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("7", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        return {
            "frames": fields["frames"],
            "chosen": [
                [one["id"], [[core["place"], _words(core)] for core in one["core"]]] for one in fields["evidence"]
            ],
            "embedder": self.embedder.name,
            "margin": self.margin,
        }

    async def _run(self, fields: Fields) -> Fields:
        frames, evidence = fields["frames"], fields["evidence"]
        chosen = [core for one in evidence for core in one["core"]]
        vectors = await vectors_of(self.embedder, [*(frame["caption"] for frame in frames), *map(_words, chosen)])
        cosines = iter(vectors[len(frames) :] @ vectors[: len(frames)].T) if chosen else iter(())
        grounding = [
            {
                "id": one["id"],
                "core": [found_again(frames, core["place"], next(cosines), self.margin) for core in one["core"]],
            }
            for one in evidence
        ]
        return {
            "video": fields["video"],
            "grounding": grounding,
            "provenance": provenance() | {"embedder": self.embedder.name},
        }


def found_again(
    frames: Sequence[Mapping[str, Any]], place: int, cosines: NDArray[np.float32], margin: float
) -> dict[str, Any]:
    """Where a chosen caption is found, as a row tells it.

    Args:
        frames: of step 1.
        place: of the chosen one among them.
        cosines: float32 [N], of what was said of it to the caption of each frame.
        margin: see `TemporalGrounding`.

    Returns:
        `place`, its `frame` and `time` in the video, its `score` (cosine), `matched` (the place that fits best, the
        chosen one if none fits better), that one's `matched_score` and `matched_time`, and `agrees`.
    """
    score = round(float(cosines[place]), 4)
    best = int(np.argmax(cosines))
    nearest = round(float(cosines[best]), 4)
    if nearest <= score:  # of equal captions the chosen one
        best, nearest = place, score
    return {
        "place": place,
        "frame": frames[place]["frame"],
        "time": frames[place]["time"],
        "score": score,
        "matched": best,
        "matched_score": nearest,
        "matched_time": frames[best]["time"],
        "agrees": nearest - score <= margin,
    }


def _words(core: Mapping[str, Any]) -> str:
    """What is said of a core frame; its caption where the writer said nothing of its own."""
    return str(core.get("shows") or core["caption"])
