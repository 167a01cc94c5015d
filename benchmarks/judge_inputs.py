"""Clips with the recipe's fifteen keys, made up: as the recipe's files, and as a run folder of ours.

Six keys have few possible answers, and an exact metric; nine are prose. Every text of prose is another one, for a
question that was asked before costs us no call, and that is not what is measured. Half of the answers are right; of
prose they share some words with the reference, from none to all.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

CLASSES: dict[str, tuple[str, list[str]]] = {
    "weather": ("closed", ["Clear skies", "Overcast", "Light rain", "Heavy rain", "Dense fog"]),
    "lighting": (
        "closed",
        ["Daytime (diffused light)", "Daytime (direct sunlight)", "Night (well-lit by streetlights)"],
    ),
    "driving_difficulty": ("graded", ["1", "2", "3", "4"]),
    "rule_violation": ("closed", ["True", "False"]),
    "interesting_scenario": ("closed", ["True", "False"]),
    "interactive_expanded_metaaction": ("multi", ["Vehicle following", "Yield to vehicles", "Yield to VRUs"]),
}
PROSE = (
    "road_conditions",
    "traffic_light",
    "traffic_sign",
    "additional_traffic_rules",
    "road_type",
    "junction_type",
    "lane_type",
    "additional_map_rules",
    "safety_analysis",
)
WORDS = ["red", "green", "wet", "dry", "lane", "sign", "slow", "stop", "turn", "left", "right", "wide", "near", "far"]
WORDS += ["bus", "car", "kerb", "line", "bend", "hill"]
LENGTH = 10  # words of a text of prose
Labels = dict[str, str | list[str]]


def write_clips(folder: Path, clips: int, seed: int = 0) -> None:
    """Write `labels/`, `answers/` (the recipe's) and `run/` (ours) of so many clips."""
    rng = random.Random(seed)
    for name in ("labels", "answers", "run"):
        (folder / name).mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    for number in range(clips):
        clip, (gold, given) = f"clip{number:04}", _pair(number, rng)
        (folder / "labels" / f"{clip}.label.json").write_text(json.dumps(gold))
        (folder / "answers" / f"{clip}.mp4.json").write_text(f"```json\n{json.dumps(given)}\n```")
        rows += [_row(clip, key, gold[key], given[key]) for key in gold]
    replies = {"response", "finish"}
    _write_rows(folder / "run" / "predictions.jsonl", rows)
    _write_rows(folder / "run" / "items.jsonl", [{k: v for k, v in row.items() if k not in replies} for row in rows])
    keys: dict[str, object] = {key: {"kind": kind, "classes": names} for key, (kind, names) in CLASSES.items()}
    keys |= {key: {"kind": "prose"} for key in PROSE}
    (folder / "run" / "keys.yaml").write_text(json.dumps(keys, indent=1))  # JSON is YAML


def _pair(number: int, rng: random.Random) -> tuple[Labels, Labels]:
    gold: Labels = {}
    given: Labels = {}
    for key, (kind, names) in CLASSES.items():
        gold[key] = _drawn(kind, names, rng)
        given[key] = gold[key] if rng.random() < 0.5 else _drawn(kind, names, rng)
    for place, key in enumerate(PROSE):
        words = rng.sample(WORDS, LENGTH) + [f"number{number * len(PROSE) + place}"]
        kept = rng.randrange(LENGTH + 1)
        gold[key] = " ".join(words)
        given[key] = " ".join([*words[LENGTH - kept :], *rng.sample(WORDS, LENGTH - kept)])
    return gold, given


def _drawn(kind: str, names: list[str], rng: random.Random) -> str | list[str]:
    return rng.sample(names, rng.randrange(1, len(names))) if kind == "multi" else rng.choice(names)


def _row(clip: str, key: str, gold: str | list[str], given: str | list[str]) -> dict[str, Any]:
    reference, response = (one if isinstance(one, str) else json.dumps(one) for one in (gold, given))
    named = {"item_id": f"{clip}/{key}", "task": key, "video_id": f"{clip}.mp4", "question": f"What of {key}?"}
    return named | {"reference": reference, "response": response, "finish": "stop"}


def _write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
