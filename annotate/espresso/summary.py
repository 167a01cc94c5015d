"""What a run made of its videos, in numbers: `summary.json` in the results folder, written anew with the items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from annotate.espresso.filter import kept
from annotate.espresso.length_balance import balance
from annotate.espresso.probe import guess_rate
from demitasse.atomic import write_text
from demitasse.engine.step import Fields

FILE = "summary.json"


class Tally:
    """Counts over videos, one by one, so that no more than their options are held."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._tasks: Counter[str] = Counter()
        self._broken: Counter[str] = Counter()  # rules of step 4
        self._options: list[tuple[str, list[str]]] = []
        self._probe: list[Fields] = []
        self._steps: set[str] = set()

    def through(self, rows: Iterable[Fields]) -> Iterator[Fields]:
        """The videos' fields as they are, counted on their way."""
        for fields in rows:
            self.add(fields)
            yield fields

    def add(self, fields: Fields) -> None:
        """Count one video."""
        self._steps |= set(fields["steps"])
        self._counts.update(_counts(fields))
        self._tasks.update(one["task"] for one in kept(fields))
        self._broken.update(one["criterion"] for one in fields.get("verdicts", ()) if one["verdict"] == "drop")
        answers = {one["id"]: one["answer"] for one in fields["questions"]}
        self._options += [(answers[one["id"]], one["distractors"]) for one in fields.get("distractors", ())]
        self._probe += fields.get("probe", ())

    def told(self, items: Mapping[str, int], left_out: int) -> dict[str, Any]:
        """The summary, as JSON has it.

        Args:
            items: written, by task.
            left_out: what was not taken, of any kind.
        """
        return {
            "steps": sorted(self._steps),
            **{name: self._counts[name] for name in _NAMES},
            "questions_kept_by_task": dict(sorted(self._tasks.items())),
            "questions_dropped_by_criterion": dict(sorted(self._broken.items())),
            "option_lengths": balance(self._options),
            "text_only_probe": guess_rate(self._probe),
            "items": dict(items),
            "left_out": left_out,
        }

    def notes(self) -> Iterator[str]:
        """Lines for the person, where something is as it should not be."""
        lengths, guessed = balance(self._options), guess_rate(self._probe)
        if lengths and not lengths["balanced"]:
            yield (
                f"the lengths of options tell something: the longest is right in {lengths['longest_is_right']:.0%}, "
                f"the shortest in {lengths['shortest_is_right']:.0%}, and chance is {lengths['chance']:.0%} "
                f"± {lengths['error']:.0%}"
            )
        if guessed and guessed["right"] - guessed["error"] > guessed["chance"]:
            yield (
                f"without the video {guessed['right']:.0%} ± {guessed['error']:.0%} of the options are guessed, and "
                f"chance is {guessed['chance']:.0%}: probe.drop_guessed=true leaves out what is guessed every time"
            )
        chosen = self._counts["core_frames"]
        moved = chosen - self._counts["core_frames_found_again"]
        if "7" in self._steps and moved:
            yield f"{moved} of {chosen} core frames were not found again where they were chosen (step 7 says where)"


_NAMES = (
    "videos",
    "frames",
    "frames_without_caption",
    "frames_redundant",
    "groups",
    "questions",
    "questions_kept",
    "questions_with_evidence",
    "core_frames",
    "core_frames_found_again",
    "key_items",
    "boxes",
    "boxes_kept",
    "questions_with_options",
)


def _counts(fields: Fields) -> dict[str, int]:
    evidence = fields["evidence"]
    boxes = [one for row in fields.get("boxes", ()) for one in row["found"]]
    grounded = [core for one in fields.get("grounding", ()) for core in one["core"]]
    return {
        "videos": 1,
        "frames": len(fields["frames"]),
        "frames_without_caption": len(fields.get("without_caption", ())),
        "frames_redundant": len(fields.get("dropped", ())),
        "groups": len(fields["groups"]),
        "questions": len(fields["questions"]),
        "questions_kept": len(kept(fields)),
        "questions_with_evidence": len(evidence),
        "core_frames": sum(len(one["core"]) for one in evidence),
        "core_frames_found_again": sum(core["agrees"] for core in grounded),
        "key_items": sum(len(one["key_items"]) for one in evidence),
        "boxes": len(boxes),
        "boxes_kept": sum(one["kept"] for one in boxes),
        "questions_with_options": len(fields.get("distractors", ())),
    }


def write_summary(folder: Path, told: Mapping[str, Any]) -> None:
    """Write it.

    Raises:
        DiskFullError: if the disk does not take it.
    """
    write_text(folder / FILE, orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() + "\n")
