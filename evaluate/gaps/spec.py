"""The next annotation run as a spec: the person's own, narrowed to the questions and files that the gaps call for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from demitasse.atomic import write_text
from demitasse.errors import ConfigError
from demitasse.media.walk import IMAGE_SUFFIXES, VIDEO_SUFFIXES

VIDEOS, IMAGES = "video_reasoning_annotation", "image_referring_expression"
SUFFIXES = {VIDEOS: VIDEO_SUFFIXES, IMAGES: IMAGE_SUFFIXES}
FOLDER = {VIDEOS: "video_root", IMAGES: "image_dir"}
COMMAND = {VIDEOS: "video", IMAGES: "image"}
LABELS = "kitti_label_dir"
SPEC = "spec.yaml"
RESULTS = "annotations"  # beside the spec: in the earlier run's folder, its files would be taken for this one's
# The question types of annotation by the task whose items they become.
QA_TYPES = {
    "mcq": "mcq",
    "mcq_openended": "mcq",
    "bcq": "bcq",
    "bcq_openended": "bcq",
    "open_qa": "open_qa",
    "causal_linkage": "causal_linkage",
    "temporal_localization": "temporal_localization",
    "temporal_description": "temporal_event_desc",
    "scene_description": "scene_description",
    "video_summarization": "event_summary",
}
TASKS = {VIDEOS: frozenset(QA_TYPES), IMAGES: frozenset({"grounding"})}


@dataclass(frozen=True, slots=True)
class Draft:
    """A spec that is to be narrowed: its whole content, and which of its sections annotates."""

    path: Path
    content: dict[str, Any]
    section: str

    @property
    def data(self) -> dict[str, Any]:
        """What is annotated, as the spec has it."""
        return dict(self.content[self.section].get("data") or {})

    @property
    def folder(self) -> Path:
        """The folder that files are chosen from."""
        return Path(str(self.data[FOLDER[self.section]]))


def read_draft(path: Path, section: str = "", overrides: Sequence[str] = ()) -> Draft:
    """Read a spec of `demitasse annotate`, or a recipe with one under `annotate:`.

    Args:
        path: the YAML file.
        section: which of its sections; needed only where it has both.
        overrides: `key=value` as `demitasse annotate` takes them.

    Raises:
        ConfigError: if it is no such spec, has both sections, or names no folder to choose from.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise ConfigError(f"{path} cannot be read ({fault.strerror}); give the YAML file of an annotation") from fault
    except (UnicodeDecodeError, yaml.YAMLError) as fault:
        raise ConfigError(f"{path}: not a readable YAML file ({fault})") from fault
    content = content.get("annotate", content) if isinstance(content, dict) else {}
    if isinstance(content, dict):
        content.pop("results_dir", None)
    for override in overrides:
        _set(content, override)
    there = [name for name in (VIDEOS, IMAGES) if isinstance(content, dict) and isinstance(content.get(name), dict)]
    if section and section not in there or not there:
        raise ConfigError(f"{path} has no section {section or f'{VIDEOS} or {IMAGES}'}; give a spec of annotation")
    if len(there) > 1 and not section:
        raise ConfigError(f"{path} has the sections {' and '.join(there)}; say which with --section")
    draft = Draft(path, content, section or there[0])
    if not draft.data.get(FOLDER[draft.section]):
        where = f"{draft.section}.data.{FOLDER[draft.section]}"
        raise ConfigError(f"{path}: {where} is not set; files are chosen from that folder")
    return draft


def _set(content: dict[str, Any], override: str) -> None:
    """Set the value at a dotted key."""
    key, equals, value = override.partition("=")
    *folders, last = key.split(".")
    for name in folders:
        content = content.setdefault(name, {}) if isinstance(content, dict) else content
    if not equals or not isinstance(content, dict):
        raise ConfigError(f"'{override}' sets nothing; write key=value, as {VIDEOS}.data.video_root=DIR")
    try:
        content[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError(f"'{override}': the value is no YAML; put it in quotes") from None


def questions_of(tasks: Iterable[str]) -> list[str]:
    """The types of question that make items of these tasks, each once."""
    return list(dict.fromkeys(QA_TYPES[task] for task in tasks if task in QA_TYPES))


def write_spec(draft: Draft, tasks: Iterable[str], files: Mapping[str, Path], out: Path) -> Path:
    """Link the chosen files into `out/media` and write `out/spec.yaml`, which annotates them; returns its path.

    Its results go to `out/annotations`, unless the draft's overrides name another folder. Names under `out/media` are
    those of the pool, so that captions which are there already are found again.

    Raises:
        ConfigError: if links cannot be made.
    """
    media = out / "media"
    data = draft.data
    for name in ("input_jsonl_files", "input_annotations_jsonl", "sample"):  # other choices than the one made here
        data.pop(name, None)
    _link(media, files)
    data[FOLDER[draft.section]] = str(media)
    section = dict(draft.content[draft.section]) | {"data": data}
    if draft.section == VIDEOS:
        section["workflow"] = dict(section.get("workflow") or {}) | {"qa_types": questions_of(tasks)}
    elif data.get(LABELS):
        labels = Path(str(data[LABELS]))
        found = {f"{Path(name).stem}.txt": labels / f"{Path(name).stem}.txt" for name in files}
        _link(out / "labels", {name: path for name, path in found.items() if path.is_file()})
        data[LABELS] = str(out / "labels")
    others = {VIDEOS, IMAGES} - {draft.section}
    content = {key: value for key, value in draft.content.items() if key not in others} | {draft.section: section}
    content = {"results_dir": str(out / RESULTS)} | content
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=118)
    head = f"# demitasse annotate {COMMAND[draft.section]} --config {out / SPEC}\n"
    write_text(out / SPEC, head + text)
    return out / SPEC


def _link(folder: Path, files: Mapping[str, Path]) -> None:
    """A folder of links, and nothing else in it of an earlier choice."""
    try:
        for old in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if old.is_symlink():
                old.unlink()
        for name, path in files.items():
            link = folder / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.abspath(path))
    except OSError as fault:
        raise ConfigError(f"{folder}: the chosen files cannot be linked there: {fault.strerror or fault}") from fault
