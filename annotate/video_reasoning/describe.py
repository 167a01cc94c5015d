"""Step 2: one description that reconciles all the captions; the questions are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from annotate.asking import Asker, origin
from annotate.video_reasoning.chunks import chunk_text
from annotate.video_reasoning.highlight import highlight_text
from demitasse.engine.step import Fields, Step

VERSION = 1
FILE = "step_2_description/descriptions.jsonl"


@dataclass(frozen=True)
class Describing:
    """Step 2."""

    llm: Asker
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("2", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        return {"asked": self.llm.decides(_key(fields)), "values": caption_values(fields)}

    async def _run(self, fields: Fields) -> Fields:
        described = await self.llm.ask_text(_key(fields), caption_values(fields))
        chunks = {"chunk_captions": fields["chunk_captions"]} if "chunk_captions" in fields else {}
        return {
            "video": fields["video"],
            "video_length": fields["video_length"],
            "mode": fields["mode"],
            "prompt_key": _key(fields),
            "detailed_description": described.value,
            "original_captions": original_captions(fields),
            **chunks,
            "provenance": origin(described),
        }


def original_captions(fields: Fields) -> dict[str, str]:
    """Step 1a's captions, as the rows of steps 2 and 3 repeat them."""
    return {name: fields[name] for name in ("global_caption", "dense_caption")}


def _key(fields: Fields) -> str:
    return f"{fields['mode']}_description"


def caption_values(fields: Fields) -> dict[str, str]:
    """What the prompts of steps 2 and 3 show of the captions; a prompt takes what it names."""
    return {
        "video_length": f"{fields['video_length']:.1f}",
        "global_caption": fields["global_caption"],
        "dense_caption": fields["dense_caption"],
        "dense_section": f"[Dense Caption]\n{fields['dense_caption']}",
        "chunk_captions_str": chunk_text(fields),
        "highlight_section": highlight_text(fields),
    }
