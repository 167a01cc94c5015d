"""The prompts of referring expressions and the values that each is given.

Keys and names are TAO's. Ours are `blind_grounding`, and `part_section`, which says where an image has too many
regions for one request which of them are meant.
"""

from __future__ import annotations

from collections.abc import Collection

from demitasse.prompts import Placeholders

_KEYS = {
    "0": "region_expr",
    "1": "image_caption",
    "2": "grounding_expr",
    "3": "double_check",
    "4": "blind_grounding",
}

PROMPTS = {
    "region_expr": Placeholders(frozenset({"bboxes"})),
    "image_caption": Placeholders(),
    "grounding_expr": Placeholders(frozenset({"bboxes", "caption_section", "part_section"})),
    "double_check": Placeholders(frozenset({"expr"})),
    "blind_grounding": Placeholders(frozenset({"phrases"})),
}


def used_keys(steps: Collection[str]) -> set[str]:
    """The prompts that these steps ask."""
    return {key for step, key in _KEYS.items() if step in steps}
