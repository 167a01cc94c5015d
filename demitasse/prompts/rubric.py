"""The words that a judge is asked in: a pack with the prompt `judge`, and what goes into its places.

A pack may also have `scale`, what each mark means, for the place `{scale}`, and `unseen` and `frames`, what a judge is
told of the video that it does not see or sees frames of, for the place `{sight}`.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import orjson

from demitasse.errors import ConfigError
from demitasse.prompts.file import read_pack_text
from demitasse.prompts.pack import Pack, Placeholders, load_pack

LIKERT = "judge/likert"  # the pack that rates from 1 to 5
STEP = "judge"  # the prompt's key, and every request's step
SCALE = "scale"
UNSEEN, FRAMES = "unseen", "frames"
_BESIDE = (SCALE, UNSEEN, FRAMES)
PLACES = Placeholders(required=frozenset({"blocks"}), optional=frozenset({SCALE, "sight"}))


def load_rubric(name: str = LIKERT) -> Pack:
    """The rubric: a pack of `prompts/`, or the path of a person's own .yaml file with the prompt `judge`.

    Raises:
        ConfigError: if it cannot be read, does not use `{blocks}`, where the fenced texts go, or has no words for
            another place that it uses.
    """
    written = read_pack_text(name).prompts
    pack = load_pack(name, table({key for key in _BESIDE if key in written}))
    check_places(pack, name)
    return pack


def table(beside: set[str]) -> dict[str, Placeholders]:
    """The prompts of a rubric that has these beside `judge`, with the places in each."""
    return {STEP: PLACES} | {key: Placeholders() for key in _BESIDE if key in beside}


def check_places(pack: Pack, where: str) -> None:
    """Refuse a rubric that has a place and no words for it.

    Raises:
        ConfigError: saying which.
    """
    for place, keys in ((SCALE, (SCALE,)), ("sight", (UNSEEN, FRAMES))):
        for key in keys:
            if has_place(pack, place) and key not in pack.prompts:
                raise ConfigError(
                    f"{where}: the prompt 'judge' uses {{{place}}}, but the pack has no prompt '{key}' to put there"
                )


def has_place(pack: Pack, name: str) -> bool:
    """Whether the prompt has `{name}`."""
    return f"{{{name}}}" in pack.prompts[STEP]


def rubric_hash(pack: Pack) -> str:
    """Sixteen hexadecimal digits that change with any word of the pack."""
    return hashlib.sha256(orjson.dumps([pack.system, sorted(pack.prompts.items())])).hexdigest()[:16]


def settled(pack: Pack) -> Pack:
    """The pack for a judge who sees text alone on the pack's own scale: `{blocks}` is the only place left."""
    return replace(
        pack, prompts=dict(pack.prompts) | {STEP: write_prompt(pack, "{blocks}").replace("\n{blocks}\n", "{blocks}")}
    )


def write_prompt(pack: Pack, blocks: str, scale: str = "", frames: bool = False) -> str:
    """The prompt by plain replacement: nothing in the fenced texts is a place.

    Args:
        pack: the rubric.
        blocks: the fenced texts; their marker lines become lines of their own, wherever the rubric puts them.
        scale: in the place of the rubric's own.
        frames: whether frames of the video follow.
    """
    sight = pack.prompts.get(FRAMES if frames else UNSEEN, "")
    values = {"blocks": f"\n{blocks}\n", SCALE: scale or pack.prompts.get(SCALE, ""), "sight": sight}
    return pack.render(STEP, values)
