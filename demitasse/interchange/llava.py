"""LLaVA's and ShareGPT's JSON: a list of conversations, which LLaMA-Factory, ms-swift and others train on.

    {"id": "17", "video": "a.mp4", "conversations": [{"from": "human", "value": "<video>\\nWhat …"},
     {"from": "gpt", "value": "B"}], "reasoning": "…"}

Trainers pass over keys that they do not know, so an item's other fields stay on its sample. The format has one media
folder, given to the trainer apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from demitasse.dataset import Item, TaskFile
from demitasse.dataset.schema import shown
from demitasse.errors import DataError
from demitasse.interchange.conversation import (
    TOKENS,
    Response,
    kind_of,
    made_id,
    reply,
    sample_id,
    thought,
    with_token,
    without_token,
)
from demitasse.interchange.lens import Row
from demitasse.interchange.row_files import Read, load_rows, read_rows, save, to_rows


class Llava:
    """Samples of one question about one video or image; `response` is what the model is to say."""

    row_keys = frozenset({"id", "video", "image", "videos", "images", "conversations", "reasoning"})
    item_fields: frozenset[str] = frozenset()

    def __init__(self, response: Response = "answer") -> None:
        self.response: Response = response
        self.name = f"llava, {response}"  # what one of the two kept of its replies is not for the other

    def task(self, _: Mapping[str, Any]) -> str:
        """None: the format does not tell."""
        return ""

    def item(self, row: Mapping[str, Any]) -> Item:
        """The item of a sample; a `reasoning` beside the talk is the item's where the reply has none."""
        kind, path = _medium(row)
        human, said = turns(row.get("conversations"))
        if kind == "video" and TOKENS["video"] not in human:  # LLaVA-Video-178K and its kin say <image> for videos
            human = human.replace(TOKENS["image"], TOKENS["video"])
        reasoning, answer = thought(said)
        beside = row.get("reasoning")
        if reasoning is None and isinstance(beside, str):
            reasoning = beside
        question = without_token(human, kind, "conversations[0].value")
        return with_identity(Item(question, answer, reasoning=reasoning), kind, path, row.get("id"))

    def row(self, item: Item, _: str) -> Row:
        """A sample; reasoning that the reply has no place for stands beside the talk."""
        said = reply(item, self.response)
        talk = [{"from": "human", "value": with_token(item)}, {"from": "gpt", "value": said}]
        row: Row = {"id": sample_id(item), kind_of(item): item.media_id, "conversations": talk}
        beside = {"reasoning": item.reasoning} if item.reasoning is not None and self.response == "answer" else {}
        return row | beside


def read(path: Path) -> Read:
    """Read a LLaVA file, written by `write` or by anyone.

    Raises:
        DataError: if it cannot be read, or no sample is one question about one video or image.
    """
    rows = load_rows(path)
    return read_rows(path, Llava("think" if any(map(_thinks, rows)) else "answer"), rows)


def write(files: Sequence[TaskFile], path: Path, response: Response = "answer") -> Path:
    """Write dataset files as one LLaVA file.

    Args:
        files: all must have one media folder.
        path: the file to write; a trainer takes the paths in it as counting from the returned folder.
        response: what the model is to say: the answer, or `<think>` reasoning and then the answer.

    Raises:
        DataError: if the dataset has several media folders, or a question holds a media token.
    """
    return save(to_rows(files, path, Llava(response)), path)


def _thinks(row: Any) -> bool:
    try:
        return isinstance(row, dict) and thought(turns(row.get("conversations"))[1])[0] is not None
    except DataError:
        return False


def _medium(row: Mapping[str, Any]) -> tuple[str, str]:
    """Kind and path of the one medium: `video`, or LLaMA-Factory's list `videos`; an empty one is none."""
    held = [(kind, row.get(name)) for kind in TOKENS for name in (kind, f"{kind}s")]
    found = [(kind, path) for kind, value in held for path in (value if isinstance(value, list) else [value]) if path]
    if len(found) != 1 or not isinstance(found[0][1], str):
        raise DataError(
            "has not exactly one 'video' or 'image' path; text-only and multi-media samples do not fit an item"
        )
    return found[0]


def turns(conversations: Any) -> tuple[str, str]:
    """What the human and the model say, under ShareGPT's `from` and `value` or under `role` and `content`.

    A system turn before them is passed over.

    Raises:
        DataError: if it is not one turn of each.
    """
    talk = [_turn(one) for one in conversations] if isinstance(conversations, list) else []
    match talk[1:] if talk and talk[0][0] == "system" else talk:
        case [("human" | "user", str(question)), ("gpt" | "assistant", str(said))]:
            return question, said
    raise DataError(
        f"conversations is {shown(conversations)}, not one turn of 'human' and one of 'gpt'; longer talks do not fit "
        "an item"
    )


def _turn(one: Any) -> tuple[Any, Any]:
    """Who speaks, and what they say."""
    if not isinstance(one, dict):
        return None, None
    return (one["from"], one.get("value")) if "from" in one else (one.get("role"), one.get("content"))


def with_identity(item: Item, kind: str, path: str, identity: Any) -> Item:
    """The item with its medium, and the sample's identifier unless that is only made."""
    item.video_id, item.image_id = (path, None) if kind == "video" else (None, path)
    if isinstance(identity, str | int) and not isinstance(identity, bool) and identity != made_id(item):
        item.item_index = str(identity)
    return item
