"""Messages as Qwen's, ms-swift's, LLaMA-Factory's and TRL's trainers take them, in JSON Lines or a list.

    {"messages": [{"role": "user", "content": "<video>\\nWhat …"}, {"role": "assistant", "content": "B"}],
     "videos": ["a.mp4"]}
    {"messages": [{"role": "user", "content": [{"type": "video", "video": "a.mp4"}, {"type": "text", "text": "…"}]},
                  {"role": "assistant", "content": [{"type": "text", "text": "B"}]}]}

Both are read, with a system message or without; so are parts that tell no type, and a part that only holds the place of
a medium whose path stands beside. The first is written.
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
    reply,
    sample_id,
    thought,
    with_token,
    without_token,
)
from demitasse.interchange.lens import Row
from demitasse.interchange.llava import with_identity
from demitasse.interchange.row_files import Read, load_rows, read_rows, save, to_rows

_NAMES = {
    "text": ("text",),
    "video": ("video", "video_url", "path", "url"),
    "image": ("image", "image_url", "path", "url"),
}


class QwenMessages:
    """Rows of one question about one video or image; `response` is what the assistant is to say."""

    row_keys = frozenset({"id", "messages", "videos", "images", "reasoning"})
    item_fields: frozenset[str] = frozenset()

    def __init__(self, response: Response = "answer") -> None:
        self.response: Response = response
        self.name = f"qwen-messages, {response}"

    def task(self, _: Mapping[str, Any]) -> str:
        """None: the format does not tell."""
        return ""

    def item(self, row: Mapping[str, Any]) -> Item:
        """The item of a row; a system message is passed over."""
        asked, said = _talk(row.get("messages"))
        beside = {kind: _paths(row, kind) for kind in TOKENS}
        question, inside = _text_and_media(asked, "messages[0].content")
        answer_text, _ = _text_and_media(said, "messages[1].content")
        media = [(kind, path) for kind, paths in beside.items() for path in paths]
        media += [(kind, path) for kind, path in inside if path is not None]
        places = [kind for kind, path in inside if path is None]
        if len(media) != 1 or places not in ([], [media[0][0]]):
            raise DataError(f"has {len(media)} videos and images, not one; such a row does not fit an item")
        kind, path = media[0]
        if not inside:
            question = without_token(question, kind, "messages[0].content")
        reasoning, answer = thought(answer_text)
        if reasoning is None and isinstance(row.get("reasoning"), str):
            reasoning = row["reasoning"]
        return with_identity(Item(question, answer, reasoning=reasoning), kind, path, row.get("id"))

    def row(self, item: Item, _: str) -> Row:
        """A row; reasoning that the reply has no place for stands beside the messages."""
        messages = [
            {"role": "user", "content": with_token(item)},
            {"role": "assistant", "content": reply(item, self.response)},
        ]
        row: Row = {"id": sample_id(item), "messages": messages, f"{kind_of(item)}s": [item.media_id]}
        beside = {"reasoning": item.reasoning} if item.reasoning is not None and self.response == "answer" else {}
        return row | beside


def read(path: Path) -> Read:
    """Read a file of messages.

    Raises:
        DataError: if it cannot be read, or no row is one question about one video or image.
    """
    rows = load_rows(path)
    return read_rows(path, QwenMessages("think" if any(map(_thinks, rows)) else "answer"), rows)


def write(files: Sequence[TaskFile], path: Path, response: Response = "answer") -> Path:
    """Write dataset files as one file of messages.

    Returns:
        The folder that the paths in it count from.

    Raises:
        DataError: if the dataset has several media folders, or a question holds a media token.
    """
    return save(to_rows(files, path, QwenMessages(response)), path)


def _thinks(row: Any) -> bool:
    try:
        return thought(_text_and_media(_talk(row["messages"])[1], "")[0])[0] is not None
    except (DataError, KeyError, TypeError):
        return False


def _talk(messages: Any) -> tuple[Any, Any]:
    """What the user asks and the assistant says, each a text or a list of parts."""
    rest = messages[1:] if _is_system(messages) else messages
    match rest:
        case [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]:
            return asked, said
    raise DataError(
        f"messages is {shown(messages)}, not one of the user and one of the assistant; longer talks do not fit an item"
    )


def _is_system(messages: Any) -> bool:
    return (
        isinstance(messages, list)
        and bool(messages)
        and isinstance(messages[0], dict)
        and messages[0].get("role") == "system"
    )


def _paths(row: Mapping[str, Any], kind: str) -> list[str]:
    value = row.get(f"{kind}s") or []
    listed = value if isinstance(value, list) else [value]
    paths = [one.get("path") if isinstance(one, dict) else one for one in listed]
    found = [path for path in paths if isinstance(path, str)]
    if len(found) < len(listed):
        raise DataError(f"{kind}s is {shown(value)}, not a list of paths")
    return found


def _text_and_media(content: Any, key: str) -> tuple[str, list[tuple[str, str | None]]]:
    """The text of a message, and the media among its parts; no path where only the place stands there."""
    if isinstance(content, str):
        return content, []
    texts: list[str] = []
    media: list[tuple[str, str | None]] = []
    for part in content if isinstance(content, list) else [content]:
        kind = _kind(part)
        told = next((part[name] for name in _NAMES.get(kind, ()) if part.get(name) is not None), None)
        value = told.get("url") if isinstance(told, dict) else told
        if kind == "text" and isinstance(value, str):
            texts.append(value)
        elif kind in TOKENS and isinstance(value, str | None):
            media.append((kind, value))
        else:
            raise DataError(f"{key} has the part {shown(part)}, which is no text, and no video or image by its path")
    return "\n".join(texts), media


def _kind(part: Any) -> str:
    """`text`, `video` or `image`, by the part's type, or by what it holds where it tells no type."""
    if not isinstance(part, dict):
        return ""
    told = part.get("type")
    if isinstance(told, str):
        return told.removesuffix("_url")
    return next((kind for kind in _NAMES if told is None and part.get(kind) is not None), "")
