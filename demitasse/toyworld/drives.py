"""Toy clips told as drives, with labels of the fifteen keys of the AV captioning recipe.

    OUT/00042.mp4    OUT/00042.label.json

What a label says follows from the clip: its colour is the weather, an alarm a light that the ego vehicle stops at. It
is written as people's labels come: truths as text, a hyphen that does not break, a newline at the end, null for a list
of nothing, keys that nobody asks for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from demitasse.atomic import write_text
from demitasse.timecode import format_mmss
from demitasse.toyworld import language
from demitasse.toyworld.render import render_clip
from demitasse.toyworld.world import ToyClip, toy_clip

WEATHER = {"red": "Clear skies", "green": "Overcast", "blue": "Light rain", "yellow": "Dense fog"}
ROADS = {
    "left": "Residential street - low speed.",
    "right": "Collector road - moderate speed.",
    "up": "Highway - high speed.",
    "down": "Rural road - no lane markings.",
}
ACTIONS = {"disc": ["Vehicle following"], "square": ["Yield to VRUs", "Vehicle following"], "triangle": []}


def write_drives(out: Path, numbers: Iterable[int]) -> None:
    """Write the drives with these numbers; a video that is there stays as it is."""
    out.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        render_clip(out / f"{number:05d}.mp4", number)
        label = as_people_write(drive_label(toy_clip(number)), number)
        write_text(out / f"{number:05d}.label.json", json.dumps(label, indent=4) + "\n")


def drive_label(clip: ToyClip) -> dict[str, Any]:
    """The clip's label, clean: every value in the form that `recipes/av_captioning/keys.yaml` declares."""
    start, end = format_mmss(clip.light_on), format_mmss(clip.light_off)
    sideways = clip.direction in ("left", "right")
    long_light = clip.light_off - clip.light_on >= 3
    light = f"A magenta light is on from {start} to {end}, and the ego vehicle freezes." if clip.alarm else "N/A"
    return {
        "weather": WEATHER[clip.colour],
        "lighting": f"Night ({'poorly lit; few/no streetlights' if clip.alarm else 'well-lit by streetlights'})",
        "road_conditions": f"Dry surface under a {language.light_colour(clip)} light",
        "traffic_light": light,
        "traffic_sign": f"A {clip.colour} {clip.shape} sign.",
        "additional_traffic_rules": "Wait while the light is magenta." if clip.alarm else None,
        "road_type": ROADS[clip.direction],
        "junction_type": f"Turn to the {clip.direction}" if sideways else "Straight segment - no junction",
        "lane_type": f"One lane that leads {clip.direction}.",
        "additional_map_rules": None,
        "interactive_expanded_metaaction": ACTIONS[clip.shape],
        "safety_analysis": f"{language.deed(clip)} {light if clip.alarm else 'No light concerns it.'}",
        "driving_difficulty": 1 + clip.alarm + long_light + (clip.shape == "triangle"),
        "rule_violation": clip.alarm and clip.colour == "yellow" and clip.shape == "disc",
        "interesting_scenario": clip.alarm,
    }


def as_people_write(label: dict[str, Any], number: int) -> dict[str, Any]:
    """The label with the oddities of real ones; which of them, the clip's number says."""
    odd = dict(label)
    for key in ("rule_violation", "interesting_scenario"):
        odd[key] = str(label[key])
    odd["lighting"] = label["lighting"].replace("-", "\u2011")
    odd["interactive_expanded_metaaction"] = label["interactive_expanded_metaaction"] or None
    if number % 2:
        odd["traffic_sign"] += "\n"
    if number % 5 == 0:
        odd["weather"] += "."
    odd["noninteractive_expanded_metaaction"] = None
    return odd
