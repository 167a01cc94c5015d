"""LLaVA-CoT's JSON Lines: talks about an image whose replies have four tagged stages.

    {"id": "…", "image": "a.png", "conversations": [{"from": "human", "value": "What …"}, {"from": "gpt", "value": "
     <SUMMARY> … </SUMMARY> <CAPTION> … </CAPTION> <REASONING> … </REASONING> <CONCLUSION> B </CONCLUSION>"}]}

The reasoning is the item's, the conclusion its answer; the other two are its extra fields `summary` and `caption`. A
token for the image may stand in the question or not: the published rows have lost theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from demitasse.dataset import Item, TaskFile
from demitasse.dataset.schema import shown
from demitasse.errors import DataError
from demitasse.interchange.conversation import TOKENS, kind_of, sample_id, with_token, without_token
from demitasse.interchange.lens import Row
from demitasse.interchange.llava import turns, with_identity
from demitasse.interchange.row_files import Read, read_rows, save, to_rows

STAGES = ("SUMMARY", "CAPTION", "REASONING", "CONCLUSION")
_FIELDS = {"SUMMARY": "summary", "CAPTION": "caption"}
_STAGE = re.compile(rf"\s*<({'|'.join(STAGES)})>\s*(.*?)\s*</\1>", re.DOTALL)


class LlavaCot:
    """Rows of one question about one image, or one video."""

    name = "llava-cot"
    row_keys = frozenset({"id", "image", "video", "conversations"})
    item_fields = frozenset(_FIELDS.values())

    def task(self, _: Mapping[str, Any]) -> str:
        """None: the format does not tell."""
        return ""

    def item(self, row: Mapping[str, Any]) -> Item:
        """The item of a row."""
        kinds = [kind for kind in TOKENS if isinstance(row.get(kind), str)]
        if len(kinds) != 1:
            raise DataError("has not exactly one 'image' or 'video' path; such a row does not fit an item")
        human, said = turns(row.get("conversations"))
        if any(token in human for token in TOKENS.values()):
            human = without_token(human, kinds[0], "conversations[0].value")
        stages = _stages(said)
        extra = {_FIELDS[stage]: text for stage, text in stages.items() if stage in _FIELDS}
        item = Item(human, stages["CONCLUSION"], reasoning=stages.get("REASONING"), extra=extra)
        return with_identity(item, kinds[0], row[kinds[0]], row.get("id"))

    def row(self, item: Item, _: str) -> Row:
        """A row; stages that the item does not have are left out."""
        texts = {stage: item.extra.get(field) for stage, field in _FIELDS.items()}
        texts |= {"REASONING": item.reasoning, "CONCLUSION": item.answer}
        said = "\n\n".join(f"<{stage}> {text} </{stage}>" for stage, text in texts.items() if isinstance(text, str))
        talk = [{"from": "human", "value": with_token(item)}, {"from": "gpt", "value": said}]
        return {"id": sample_id(item), kind_of(item): item.media_id, "conversations": talk}


def read(path: Path) -> Read:
    """Read a LLaVA-CoT file.

    Raises:
        DataError: if it cannot be read, or no row is one question with a conclusion.
    """
    return read_rows(path, LlavaCot())


def write(files: Sequence[TaskFile], path: Path) -> Path:
    """Write dataset files as one LLaVA-CoT file.

    Returns:
        The folder that the paths in it count from.

    Raises:
        DataError: if the dataset has several media folders, or a question holds a media token.
    """
    return save(to_rows(files, path, LlavaCot()), path)


def _stages(said: str) -> dict[str, str]:
    """What each stage says, where the reply is nothing but stages and the last is a conclusion."""
    stages: dict[str, str] = {}
    place = 0
    while match := _STAGE.match(said, place):
        stages[match[1]] = match[2]
        place = match.end()
    if "CONCLUSION" not in stages or said[place:].strip():
        raise DataError(f"conversations[1].value is {shown(said)}, not stages that end in a <CONCLUSION>")
    return stages
