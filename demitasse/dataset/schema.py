"""The shape of a `tao-vl-reason-v1.0` file: which keys there are, and of what type.

The rules are those of the JSON schema in `nvidia-tao-daft` 7.0.0 (draft 07), checked by hand so that each
fault is one sentence with its place and what to do, and so that annotating needs no schema library.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from demitasse.errors import DataError

FORMAT = "tao-vl-reason-v1.0"
TASKS = (
    "mcq",
    "mcq_openended",
    "bcq",
    "bcq_openended",
    "open_qa",
    "causal_linkage",
    "temporal_localization",
    "temporal_description",
    "scene_description",
    "video_summarization",
)
TOP_KEYS = ("format", "metadata", "media_root", "items")
METADATA_KEYS = ("type", "task", "date", "description", "license", "tags")
ITEM_KEYS = ("video_id", "image_id", "question", "answer", "reasoning", "item_index")
MEDIA_KEYS = ("video_id", "image_id")

_Fault = tuple[str, str]  # field, what is wrong with it


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a dataset. `str()` is a sentence that names the file, the item and the field.

    Attributes:
        file: the file.
        item: index in `items` from 0, as in `tao-daft`'s messages; None if no item is at fault.
        field: "answer", "metadata.license"; empty if the file as a whole is at fault.
        message: the rest of the sentence: "is empty".
    """

    file: Path
    item: int | None
    field: str
    message: str

    def __str__(self) -> str:
        place = self.field if self.item is None else f"items[{self.item}]" + f".{self.field}" * bool(self.field)
        return f"{self.file}: {place} {self.message}" if place else f"{self.file} {self.message}"


def load_text(text: str) -> Any:
    """The JSON value of a text.

    Raises:
        ValueError: if it is none, holds NaN or an infinity, or gives a key twice (a reader would drop one).
        RecursionError: if it is too deeply nested.
    """
    return json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)


def load_object(path: Path, encoding: str = "utf-8") -> Any:
    """The JSON value in a file.

    Args:
        path: the file.
        encoding: `utf-8-sig` passes over a byte order mark, as somebody else's file may have one.

    Raises:
        DataError: if the file cannot be read, is not UTF-8 JSON, or gives a key twice (a reader would drop one).
    """
    try:
        return load_text(path.read_bytes().decode(encoding))
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror or fault}") from fault
    except UnicodeDecodeError as fault:
        raise DataError(f"{path} is not UTF-8 text (byte {fault.start}); save it as UTF-8 JSON") from fault
    except json.JSONDecodeError as fault:
        if "BOM" in fault.msg:
            raise DataError(f"{path} begins with a byte order mark; save it as UTF-8 without one") from fault
        place = f"line {fault.lineno}, column {fault.colno}: {fault.msg}"
        raise DataError(
            f"{path} is not readable JSON ({place}); it may have been cut short, so write it again"
        ) from fault
    except (ValueError, RecursionError) as fault:
        reason = "too deeply nested" if isinstance(fault, RecursionError) else str(fault)
        raise DataError(f"{path} is not readable JSON ({reason}); mend it or write it again") from fault


def is_dataset(value: Any) -> bool:
    """Whether a readable JSON value is, or was meant to be, a dataset file.

    It is one if its `format` starts as ours does, or if it names none but has both `metadata` and `items`. What
    names another format, or is no such object (a resolved configuration, a list of predictions), is not.
    """
    if not isinstance(value, dict):
        return False
    named = value.get("format")
    if isinstance(named, str) and named:
        return named.startswith(FORMAT.split("-v")[0])
    return "metadata" in value and "items" in value


def problems(path: Path, value: Any) -> Iterator[Problem]:
    """Everything in which a JSON value departs from the schema."""
    if not isinstance(value, dict):
        yield Problem(path, None, "", f"holds {type_name(value)}, not an object with 'format', 'metadata' and 'items'")
        return
    for field, message in _top_faults(value):
        yield Problem(path, None, field, message)
    if "metadata" in value:
        for field, message in _metadata_faults(value["metadata"]):
            yield Problem(path, None, field, message)
    items = value.get("items")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        for field, message in item_faults(item):
            yield Problem(path, index, field, message)


def _top_faults(value: Mapping[str, Any]) -> Iterator[_Fault]:
    yield from _unknown_keys(value, TOP_KEYS, "")
    for key in ("format", "metadata", "items"):
        if key not in value:
            yield key, "is missing"
    if "format" in value and value["format"] != FORMAT:
        yield "format", f"is {shown(value['format'])}, not {shown(FORMAT)}"
    if not isinstance(value.get("media_root"), str | None):
        yield "media_root", f"is {type_name(value['media_root'])}, not a folder's path or null"
    if "items" in value and not isinstance(value["items"], list):
        yield "items", f"is {type_name(value['items'])}, not a list"


def _metadata_faults(metadata: Any) -> Iterator[_Fault]:
    if not isinstance(metadata, dict):
        yield "metadata", f"is {type_name(metadata)}, not an object"
        return
    yield from _unknown_keys(metadata, METADATA_KEYS, "metadata.")
    if metadata.get("type") != "annotation":
        found = shown(metadata["type"]) if "type" in metadata else "missing"
        yield "metadata.type", f'is {found}; it must be "annotation"'
    if "license" not in metadata:
        yield "metadata.license", 'is missing; give the licence of the data, or "" if none is known'
    for key in ("task", "date", "description", "license"):
        if not isinstance(metadata.get(key, ""), str):
            yield f"metadata.{key}", f"is {type_name(metadata[key])}, not a string"
    tags = metadata.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        yield "metadata.tags", f"is {shown(tags)}, not a list of strings"


def item_faults(item: Any) -> Iterator[_Fault]:
    """Field and fault of everything in which one item departs from the schema."""
    if not isinstance(item, dict):
        yield "", f"is {type_name(item)}, not an object"
        return
    for key in ("question", "answer"):
        if key not in item:
            yield key, "is missing"
    media = [key for key in MEDIA_KEYS if key in item]
    if not media:
        yield "video_id", "is missing, and so is image_id; an item names one video or one image"
    if len(media) == 2:
        yield "image_id", "stands beside video_id; an item names one video or one image, not both"
    for key in ITEM_KEYS:
        if key in item and not isinstance(item[key], str):
            yield key, f"is {type_name(item[key])}, not a string"


def _unknown_keys(value: Mapping[str, Any], known: tuple[str, ...], prefix: str) -> Iterator[_Fault]:
    for key in value:
        if key not in known:
            nearest = get_close_matches(key, known, n=1)
            hint = f"did you mean '{nearest[0]}'?" if nearest else f"the format knows only {', '.join(known)}"
            yield f"{prefix}{key}", f"is an unknown key; {hint}"


def shown(value: Any) -> str:
    """A value as it may stand in a sentence: JSON, on one line, cut to 60 characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def type_name(value: Any) -> str:
    """What a JSON value is, with its article."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {shown(repeated)} is given twice in one object")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
