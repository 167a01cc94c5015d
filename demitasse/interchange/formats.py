"""The formats that a dataset is converted from and to: one table, by the names of the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from demitasse.dataset import TaskFile
from demitasse.errors import DataError
from demitasse.interchange import hugging_face, llava, llava_cot, qwen_messages, stgr, video_r1, videoespresso
from demitasse.interchange.conversation import Response
from demitasse.interchange.recognise import HUGGING_FACE, KINDS, LLAVA, LLAVA_COT, OWN, RESULTS, recognise
from demitasse.interchange.row_files import Read


class Settings(NamedTuple):
    """What some formats leave open: what a reply holds, what a frame's width counts in boxes, where videos are put."""

    response: Response = "answer"
    box_scale: int | None = None
    pictures_to_videos: Path | None = None


class Format(NamedTuple):
    """A foreign format: `read` a path, and `write` files to one, which returns the folder that its media count from."""

    read: Callable[[Path, Settings], Read]
    write: Callable[[Sequence[TaskFile], Path, Settings], Path | None]


def _write_hugging_face(files: Sequence[TaskFile], path: Path, _: Settings) -> None:
    hugging_face.write(files, path)  # its envelopes.json says where the media are


FORMATS: dict[str, Format] = {
    "hugging-face": Format(lambda path, _: Read(hugging_face.read(path)), _write_hugging_face),
    "llava": Format(lambda path, _: llava.read(path), lambda files, path, its: llava.write(files, path, its.response)),
    "llava-cot": Format(lambda path, _: llava_cot.read(path), lambda files, path, _: llava_cot.write(files, path)),
    "qwen-messages": Format(
        lambda path, _: qwen_messages.read(path),
        lambda files, path, its: qwen_messages.write(files, path, its.response),
    ),
    "video-r1": Format(lambda path, _: video_r1.read(path), lambda files, path, _: video_r1.write(files, path)),
    "stgr": Format(lambda path, _: stgr.read(path), lambda files, path, _: stgr.write(files, path)),
    "videoespresso": Format(
        lambda path, its: videoespresso.read(path, its.box_scale, its.pictures_to_videos),
        lambda files, path, _: videoespresso.write(files, path),
    ),
}
THINKING = ("llava", "qwen-messages")  # whose replies may hold the reasoning


def refuse_other(path: Path, name: str) -> None:
    """Refuse a file that is of another format than `name`, if its keys tell of which.

    Raises:
        DataError: with the name of the right one, and what to do with it.
    """
    paths = [path, *sorted(path.glob("*.json"))] if path.is_dir() else [path]
    found = next(((one, kind) for one in paths if (kind := recognise(one))), None)
    if found is None or found[1].name == name:
        return
    one, kind = found
    if kind is LLAVA_COT and name == LLAVA.name:  # which it is as well
        return
    if kind is RESULTS and name == OWN:  # whose reader names the folder inside
        return
    wanted = next(kind.what for kind in KINDS if kind.name == name)
    named = "" if one == path or kind.name in (OWN, HUGGING_FACE.name) else "name the file, and "
    raise DataError(f"{one} is {kind.what}, not {wanted}: {named}{kind.advice}")
