"""From a folder of images with KITTI labels, or from earlier annotations, to records: each real image once.

What is not annotated is named with its reason: files that cannot be used, lines that cannot be read, labels that
belong to no image.
"""

from __future__ import annotations

import codecs
import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from annotate.referring import given
from annotate.referring.config import SECTION, Data
from annotate.run.inputs import Inputs, LeftOut
from demitasse.engine.step import Fields, Record
from demitasse.errors import ConfigError
from demitasse.media.walk import IMAGE_SUFFIXES, find_files

LABEL_SUFFIXES = frozenset({".txt"})

Found = tuple[str, Path]  # an image's name, its file


def find_inputs(data: Data) -> Inputs:
    """What `read_inputs` finds.

    Raises:
        ConfigError: as `read_inputs`, and if there is nothing.
    """
    inputs = read_inputs(data)
    if not inputs.records and not inputs.left_out:
        where = data.input_annotations_jsonl or data.image_dir
        told = "".join(f" ({note})" for note in inputs.notes)
        raise ConfigError(f"{where} holds no image{told}; name another in {SECTION}.data")
    return inputs


def read_inputs(data: Data) -> Inputs:
    """Find the images of a configuration, each with its label.

    `input_annotations_jsonl`, where it is given, says which images there are, and takes the place of the labels, as
    with TAO. A record's id, `image`, is the path under `image_dir` (without one, under the folder of the list) with
    `/`, and `image_id` is TAO's: the name without its suffix, where no other image has the same.

    Raises:
        ConfigError: if a folder or the list cannot be read.
    """
    inputs = Inputs()
    if data.input_annotations_jsonl:
        _read_list(data, inputs)
    else:
        _read_folder(data, inputs)
    _name(inputs.records)  # before some are drawn: an image is called the same in a pilot and in the whole
    inputs.sample(data.sample, "image")
    _tell(data, inputs)
    return inputs


def image_root(data: Data) -> Path:
    """The folder that images' names count from."""
    return Path(data.image_dir) if data.image_dir else Path(data.input_annotations_jsonl).parent


def brought(record: Record) -> list[str]:
    """The steps whose fields a record brings along from earlier annotations."""
    return given.brought(record.fields["given"])


def _read_folder(data: Data, inputs: Inputs) -> None:
    root = _folder("image_dir", data.image_dir)
    found = find_files(root, IMAGE_SUFFIXES)
    inputs.left_out += [(_told(_shown(path, root)), reason) for path, reason in found.skipped]
    inputs.notes += found.notes()
    images = dict(_writable(((_shown(path, root), path) for path in found.files), inputs))
    matched = (
        match_labels(_folder("kitti_label_dir", data.kitti_label_dir), images) if data.kitti_label_dir else Labels()
    )
    for image, path in images.items():
        if image in matched.ambiguous:
            inputs.left_out.append((image, "images in several folders have the name of its label"))
        else:
            inputs.records.append(_record(image, path, matched.files.get(image), {}))
    inputs.left_out += matched.left_out


@dataclass
class Labels:
    """Label files by the names of images, and those that belong to none.

    Attributes:
        files: each image's label; an image without one is not there.
        ambiguous: images that have one label among several of them.
        left_out: label files that are nobody's, each with its reason.
    """

    files: dict[str, Path] = field(default_factory=dict)
    ambiguous: set[str] = field(default_factory=set)
    left_out: list[LeftOut] = field(default_factory=list)


def match_labels(root: Path, images: Iterable[str]) -> Labels:
    """Find the label of each image: in a tree of folders like the images', or with all labels in one folder.

    A label in that one folder is taken only where the images that have its name lie in one folder as well.
    """
    found = find_files(root, LABEL_SUFFIXES)
    labels = Labels(left_out=[(_label(path, root), reason) for path, reason in found.skipped])
    places: dict[str, Path] = {}
    for path in found.files:
        if places.setdefault(_key(_shown(path, root)), path) != path:
            labels.left_out.append((_label(path, root), "another label has its name"))
    images = list(images)
    labels.files = {image: places[_key(image)] for image in images if _key(image) in places}
    rest = [image for image in images if image not in labels.files]
    folders: defaultdict[str, set[str]] = defaultdict(set)
    for image in rest:
        folders[_key(PurePosixPath(image).name)].add(PurePosixPath(image).parent.as_posix())
    free = places.keys() - {_key(image) for image in labels.files}
    for image in rest:
        name = _key(PurePosixPath(image).name)
        if name in free and len(folders[name]) == 1:
            labels.files[image] = places[name]
        elif name in free:
            labels.ambiguous.add(image)
    known = {_key(image) for image in images} | {_key(PurePosixPath(image).name) for image in rest}
    labels.left_out += [
        (_label(path, root), "no image has its name") for key, path in places.items() if key not in known
    ]
    return labels


def _read_list(data: Data, inputs: Inputs) -> None:
    file, root = Path(data.input_annotations_jsonl), image_root(data)
    if data.image_dir:
        _folder("image_dir", data.image_dir)
    try:
        raw = file.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise ConfigError(f"input_annotations_jsonl: {file} cannot be read: {error.strerror or error}") from None
    seen: set[tuple[int, int]] = set()
    for number, line in enumerate(raw.split(b"\n"), start=1):
        if line.strip():
            place = f"{file}:{number}"
            found = _read_line(line, file, root)
            if isinstance(found, str):
                inputs.left_out.append((place, found))
            elif _is_new(found[0], seen):
                path, row = found
                for image, _ in _writable([(_shown(path, root), path)], inputs):
                    inputs.records.append(_record(image, path, None, row))
            else:
                inputs.left_out.append((place, "another line names the same image"))


def _read_line(line: bytes, file: Path, root: Path) -> tuple[Path, Fields] | str:
    """The image of a line and what it says, or why it cannot be used."""
    try:
        row = orjson.loads(line)
    except ValueError:
        return "the line is no JSON"
    if not isinstance(row, dict):
        return "the line is no JSON object"
    names = [row[name] for name in ("image", "image_path") if isinstance(row.get(name), str) and row[name]]
    if not names:
        return "the line has no image_path"
    if reason := given.problem(row):
        return reason
    # os.path's says no to a name that no file can have, where pathlib's raises.
    path = next((path for name in names for path in _places(name, file, root) if os.path.isfile(path)), None)
    if path is None:
        return "no such image"
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        return f"not an image by its ending (expected one of {', '.join(sorted(IMAGE_SUFFIXES))})"
    return path, {name: row[name] for name in given.FIELDS if row.get(name) is not None}


def _places(name: str, file: Path, root: Path) -> Iterator[Path]:
    """Where an image of a list may be: under the folder of images, as it stands (TAO), beside the list."""
    yield from (root / name, Path(name), file.parent / name)


def _is_new(path: Path, seen: set[tuple[int, int]]) -> bool:
    status = path.stat()
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        return False
    seen.add(identity)
    return True


def _record(image: str, path: Path, label: Path | None, row: Fields) -> Record:
    fields: Fields = {"image": image, "path": os.path.abspath(path), **_stamp(path), "label": None, "given": row}
    if label is not None:
        fields["label"] = {"path": os.path.abspath(label), **_stamp(label)}
    return Record(image, fields)


def _stamp(path: Path) -> dict[str, Any]:
    status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _name(records: list[Record]) -> None:
    """Give each record its `image_id`: the shortest of stem, file name and path that no other one has.

    One image's stem may be another one's name (`a.png.jpg`, `a.png`), so both count as taken.
    """
    paths = [PurePosixPath(record.id) for record in records]
    taken = Counter(name for path in paths for name in {path.stem, path.name})
    for record, path in zip(records, paths, strict=True):
        record.fields["image_id"] = next((name for name in (path.stem, path.name) if taken[name] == 1), record.id)


def _tell(data: Data, inputs: Inputs) -> None:
    """What a person should know of the inputs as a whole."""
    bare = [record.id for record in inputs.records if not record.fields["label"] and not record.fields["given"]]
    if bare:
        inputs.notes.append(
            f"{len(bare)} of {len(inputs.records)} images have no label, so that only step 1 has something to do for "
            f"them: {_told(bare[0])}{' ...' if len(bare) > 1 else ''}"
        )
    if data.input_annotations_jsonl and data.kitti_label_dir:
        inputs.notes.append("kitti_label_dir is not read: input_annotations_jsonl is set and takes its place")
    if outside := sum(PurePosixPath(record.id).is_absolute() for record in inputs.records):
        inputs.notes.append(f"{outside} images lie outside {image_root(data)} and keep absolute paths as their names")


def _folder(name: str, given: str) -> Path:
    if not Path(given).is_dir():
        raise ConfigError(f"{name} '{given}' is not a folder; give the folder that holds the files")
    return Path(given)


def _shown(path: Path, root: Path) -> str:
    """The path under the root with `/`, or absolute if it does not lie there."""
    absolute, base = Path(os.path.abspath(path)), Path(os.path.abspath(root))
    return absolute.relative_to(base).as_posix() if absolute.is_relative_to(base) else absolute.as_posix()


def _label(path: Path, root: Path) -> str:
    return f"label {_told(_shown(path, root))}"


def _key(name: str) -> str:
    """What an image and its label have in common. File systems write one accented letter in two ways."""
    return unicodedata.normalize("NFC", PurePosixPath(name).with_suffix("").as_posix())


def _writable(images: Iterable[Found], inputs: Inputs) -> Iterator[Found]:
    for image, path in images:
        if _told(image) == image:
            yield image, path
        else:
            inputs.left_out.append((_told(image), "the file's name is not UTF-8"))


def _told(name: str) -> str:
    """A file's name as it can be written."""
    return name.encode("utf-8", "replace").decode()
