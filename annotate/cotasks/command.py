"""`demitasse annotate cotasks`: the four steps towards an answer, from object annotation or from a teacher."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotate.run.arguments import add_run_arguments, check_told

if TYPE_CHECKING:
    from annotate.cotasks.settings import Cotasks
    from demitasse.errors import ConfigError

TEACHER = "teacher"
TEACHERS = "annotate.yaml"  # settings of a teacher's run, whose own module (annotate.run.pipeline) is slow to import
MOST_REASONS = 5  # that are told of on the terminal; left_out.jsonl has all
_PATHS = ("questions", "vidor", "video_map", "spans", "items", "fps", "videos", "results_dir")


def add_cotasks_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse annotate cotasks`."""
    overrides = (
        "source=nextqa questions=CSV vidor=DIR [video_map=JSON spans=JSON] results_dir=DIR, or "
        "source=star items=JSON results_dir=DIR, or source=teacher questions=CSV videos=DIR results_dir=DIR ..."
    )
    add_run_arguments(parser, "the CoTasks", overrides)


def check_cotasks_arguments(args: argparse.Namespace) -> None:
    """Refuse settings that no run could begin with."""
    if _source(args.config, args.overrides) != TEACHER:
        from annotate.cotasks.settings import read_settings

        _refuse_vain(args)
        read_settings(args.config, args.overrides)
    else:
        from annotate.cotasks.teacher.config import Spec

        check_told(args, Spec)


def run_cotasks(args: argparse.Namespace) -> int:
    """Make CoTasks, and say in the last line what became of every question.

    Returns:
        0 if all is done, 3 if something was left out, 130 if interrupted.
    """
    if _source(args.config, args.overrides) == TEACHER:
        from annotate.cotasks.teacher.command import run_teacher

        code: int = run_teacher(args)
        return code
    return _from_annotation(args)


def _source(path: Path | None, overrides: Sequence[str]) -> Any:
    """Whose CoTasks are asked for: the last word on the command line, or else the file's."""
    said = [text.partition("=")[2] for text in overrides if text.removeprefix("annotate.").startswith("source=")]
    if said or path is None:
        return said[-1].strip("'\" ") if said else None
    from demitasse.config.source import read_file

    pairs = read_file(path).content
    if isinstance(pairs, dict) and "annotate" in pairs:
        pairs = pairs["annotate"].content
    return pairs["source"].content if isinstance(pairs, dict) and "source" in pairs else None


def _from_annotation(args: argparse.Namespace) -> int:
    from annotate.cotasks import nextqa_run, star_run
    from annotate.cotasks.items import Writing
    from annotate.cotasks.output import ITEMS, RESOLVED, write_results
    from annotate.cotasks.settings import read_settings
    from annotate.task_files import Envelope
    from demitasse.config import save_resolved

    _refuse_vain(args)
    settings = read_settings(args.config, args.overrides)
    _check_folders(settings)
    writing = Writing(settings.box_style, settings.form, settings.dialect, settings.min_pixels, settings.max_pixels)
    is_star = settings.source == "star"
    results = (star_run.run_star if is_star else nextqa_run.run_nextqa)(settings, writing, args.quiet)
    folder = Path(settings.results_dir)
    root = _media_root(settings, folder / ITEMS)
    envelope = Envelope(root, settings.license or (star_run if is_star else nextqa_run).LICENSE)
    shown = {key: Path(value).name if key in _PATHS else value for key, value in asdict(settings).items()}
    try:
        save_resolved(settings, folder / RESOLVED)
        summary = write_results(folder, results, shown, envelope)
    except OSError as fault:
        raise _unwritable(folder, fault.strerror) from fault
    _tell(summary, folder)
    return 3 if results.left_out else 0


def _check_folders(settings: Cotasks) -> None:
    """Before minutes are spent on what cannot be written, or on videos that are not there."""
    from demitasse.errors import ConfigError

    if settings.videos and not Path(settings.videos).is_dir():
        raise ConfigError(f"videos={settings.videos} is no folder; give the folder of the videos, or leave videos out")
    folder = Path(settings.results_dir)
    other = _source_of(folder)
    if other not in (None, settings.source):
        raise ConfigError(
            f"results_dir={folder} holds results of source={other}, which would be lost; name another folder"
        )
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise _unwritable(folder, "it is no folder" if there == folder else f"{there} is in the way, or not yours")


def _source_of(folder: Path) -> Any:
    """Whose CoTasks a folder holds already; None for a new one."""
    from annotate.cotasks.output import RESOLVED

    if (folder / TEACHERS).is_file():
        return TEACHER
    return _source(folder / RESOLVED, ()) if (folder / RESOLVED).is_file() else None


def _unwritable(folder: Path, why: str | None) -> ConfigError:
    from demitasse.errors import ConfigError

    return ConfigError(f"results_dir={folder} cannot be written ({why}); name another folder")


def _refuse_vain(args: argparse.Namespace) -> None:
    """What only a run that asks somebody can take."""
    from demitasse.errors import ConfigError

    for option in ("shard", "merge", "partial", "write_spec"):
        if getattr(args, option):
            name = option.replace("_", "-")
            raise ConfigError(f"--{name} is for source=teacher; CoTasks from annotation are made in one go")


def _media_root(settings: Cotasks, items: Path) -> str:
    """Where items look for their videos: STAR's clips lie in the results, and so may videos that nobody named."""
    from annotate.cotasks.star_run import CLIPS
    from annotate.task_files import portable_root

    if settings.source == "star":
        return f"../{CLIPS}"
    return portable_root(settings.videos, items) if settings.videos else "../videos"


def _tell(summary: dict[str, Any], folder: Path) -> None:
    """Counts by where the answers come from, why questions were left out, and in the last line how all ended."""
    from annotate.cotasks.output import LEFT_OUT

    named = {"1": "key frames", "1.entities": "entities", "rate": "frame rates", "size": "frame sizes"}
    for key, words in named.items():
        if summary["sources"].get(key):
            print(f"{words}: {_listed(summary['sources'][key])}")
    if summary["program_executes"]:
        print(f"programs that execute to the answer, by reading: {_listed(summary['program_executes'])}")
    for why, count in list(summary["left_out_why"].items())[:MOST_REASONS]:
        print(f"left out, {count}: {why}", file=sys.stderr)
    if summary["left_out"]:
        print(f"{folder / LEFT_OUT} names every question that was left out")
    print(f"{folder}: {summary['questions']} questions, {summary['done']} done, {summary['left_out']} left out")


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
