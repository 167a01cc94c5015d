"""LLaVA's and ShareGPT's JSON: a list of conversations, which LLaMA-Factory, ms-swift and others train on.

    {"id": "mcq-0", "video": "a.mp4", "conversations": [{"from": "human", "value": "<video>\\nWhat …"},
     {"from": "gpt", "value": "B"}], "task_file": "mcq", "reasoning": "…"}

Trainers pass over keys that they do not know, so an item's other fields stay on its sample. The files' metadata
lie beside in `<name>.envelopes.json`. The format has one media folder, given to the trainer apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from demitasse.atomic import write_text
from demitasse.dataset import Item, TaskFile, rebased
from demitasse.dataset.schema import FORMAT, load_object, shown, type_name
from demitasse.errors import DataError

Response = Literal["answer", "think"]
_RESERVED = ("id", "video", "image", "conversations", "task_file")
_TOKENS = {"video": "<video>", "image": "<image>"}
_THOUGHT = re.compile(r"<think>\n(.*?)\n</think>\n\n(.*)", re.DOTALL)


def write(files: Sequence[TaskFile], path: Path | str, response: Response = "answer") -> Path:
    """Write dataset files as one LLaVA file.

    Args:
        files: all must have one media folder.
        path: the file to write; a trainer takes the paths in it as counting from the returned folder.
        response: what the model is to say: the answer, or `<think>` reasoning and then the answer.

    Returns:
        The media folder.

    Raises:
        DataError: if something would be lost: several media folders, a text that holds a media token or a
            `think` tag, an extra field with a name that the format uses. The message names file, item and field.
    """
    path = Path(path)
    folders = sorted({str(file.media_folder.resolve()) for file in files})
    if len(folders) != 1:
        raise DataError(
            f"{path}: the format has one media folder, but the dataset has {', '.join(folders) or 'no file'}"
        )
    moved = {file.path.stem: file for file in (rebased(file, path.parent) for file in files) if file.path}
    if len(moved) < len(files):
        raise DataError(f"{path}: two dataset files share a name, by which their items are told apart")
    samples = [
        _sample(name, index, item, response) for name, file in moved.items() for index, item in enumerate(file.items)
    ]
    envelopes = {name: replace(file, items=[]).to_json() for name, file in moved.items()}
    write_text(_envelopes_path(path), json.dumps(envelopes, indent=2) + "\n")
    write_text(path, json.dumps(samples, indent=2, allow_nan=False) + "\n")
    return Path(folders[0])


def read(path: Path | str) -> list[TaskFile]:
    """Read a LLaVA file, written by `write` or by anyone, if each sample is one question about one video or image.

    Without the file of envelopes, media count from the file's own folder and the licence is empty.

    Raises:
        DataError: if the file or a sample is anything else; the message names the sample.
    """
    path = Path(path)
    samples = load_object(path)
    if not isinstance(samples, list):
        raise DataError(f"{path} holds {type_name(samples)}, not a list of samples")
    items: dict[str, list[Item]] = {}
    beside = _envelopes_path(path)
    envelopes: dict[str, Any] = load_object(beside) if beside.is_file() else {}
    for name in envelopes:
        items[name] = []
    for index, sample in enumerate(samples):
        try:
            name, item = _item(sample, path.stem)
        except DataError as fault:
            raise DataError(f"{path}: [{index}] {fault}") from fault
        items.setdefault(name, []).append(item)
    return [_task_file(path, name, envelopes.get(name), found) for name, found in items.items()]


def _sample(name: str, index: int, item: Item, response: Response) -> dict[str, Any]:
    place = f"{name}.json: items[{index}]"
    kind = "video" if item.video_id is not None else "image"
    fields = item.to_json()
    for key in ("video_id", "image_id", "question", "answer"):
        fields.pop(key, None)
    clash = [key for key in fields if key in _RESERVED]
    if clash:
        raise DataError(f"{place}.{clash[0]} is an extra field, but the LLaVA format uses the name itself; rename it")
    for token in _TOKENS.values():
        if token in item.question:
            raise DataError(f"{place}.question holds {token}, which the format takes for a second medium")
    said = item.answer
    if _THOUGHT.fullmatch(said):
        raise DataError(f"{place}.answer holds a <think> block, which would be read back as reasoning")
    if response == "think" and item.reasoning is not None:
        said = f"<think>\n{fields.pop('reasoning')}\n</think>\n\n{said}"
        if _thought(said) != (item.reasoning, item.answer):
            raise DataError(f"{place}.reasoning holds a </think> tag, so it cannot be told from the answer")
    turns = [{"from": "human", "value": f"{_TOKENS[kind]}\n{item.question}"}, {"from": "gpt", "value": said}]
    return {"id": f"{name}-{index}", kind: item.media_id, "conversations": turns, "task_file": name, **fields}


def _item(sample: Any, default_name: str) -> tuple[str, Item]:
    if not isinstance(sample, dict):
        raise DataError(f"is {type_name(sample)}, not a sample")
    kinds = [kind for kind in _TOKENS if kind in sample]
    if len(kinds) != 1 or not isinstance(sample[kinds[0]], str):
        raise DataError(
            "has not exactly one 'video' or 'image' path; text-only and multi-media samples do not fit an item"
        )
    question, said = _turns(sample.get("conversations"))
    stem = _without_token(question, _TOKENS[kinds[0]])
    reasoning, answer = _thought(said)
    fields = {key: value for key, value in sample.items() if key not in _RESERVED}
    if reasoning is not None:
        fields["reasoning"] = reasoning
    item = Item.from_json({f"{kinds[0]}_id": sample[kinds[0]], "question": stem, "answer": answer, **fields})
    return str(sample.get("task_file") or default_name), item


def _without_token(question: str, token: str) -> str:
    if question.startswith(token):
        stem = question.removeprefix(token).removeprefix("\n")
    else:
        stem = question.removesuffix(token).removesuffix("\n")
    if stem == question or any(other in stem for other in _TOKENS.values()):
        raise DataError(f"conversations[0].value is {shown(question)}; it must hold {token} once, first or last")
    return stem


def _turns(conversations: Any) -> tuple[str, str]:
    match conversations:
        case [{"from": "human", "value": str(question)}, {"from": "gpt", "value": str(said)}]:
            return question, said
    raise DataError("conversations is not one turn of 'human' and one of 'gpt'; longer talks do not fit an item")


def _thought(said: str) -> tuple[str | None, str]:
    match = _THOUGHT.fullmatch(said)
    return (match[1], match[2]) if match else (None, said)


def _task_file(path: Path, name: str, envelope: dict[str, Any] | None, items: list[Item]) -> TaskFile:
    header = envelope or {"format": FORMAT, "metadata": {"type": "annotation", "license": ""}}
    return replace(TaskFile.from_json({**header, "items": []}, path.with_name(f"{name}.json")), items=items)


def _envelopes_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}.envelopes.json")
