"""`demitasse annotate`: teachers write data about your videos and images. One row of the table for each kind."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from demitasse.subcommand import add_subcommand

# What is done -> (one line of help, the module with `add_KIND_arguments(parser)` and `run_KIND(args) -> int`).
KINDS = {
    "video": (
        "captions, descriptions and ten tasks of questions with reasoning, from a folder of videos",
        "annotate.video_reasoning.command",
    ),
    "image": (
        "descriptions, captions and referring expressions with their boxes, from images with KITTI labels",
        "annotate.referring.command",
    ),
    "espresso": (
        "questions that need several frames, with core frames, key items, boxes and evidence, from a folder of videos",
        "annotate.espresso.command",
    ),
    "cotasks": (
        "the four CoTasks of questions about videos, from object annotation (NExT-QA with VidOR, STAR) or a teacher",
        "annotate.cotasks.command",
    ),
    "workshop": ("walk through a new domain and write a prompt pack for it", "annotate.workshop.command"),
    "quality": (
        "filters over task files of any origin, each verdict with its reason",
        "annotate.quality.command",
    ),
}


def add_annotate_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse annotate`."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    for kind, (help_line, module) in KINDS.items():
        adding = getattr(import_module(module), f"add_{_name(kind)}_arguments")
        adding(add_subcommand(kinds, kind, help_line))


def check_annotate_arguments(args: argparse.Namespace) -> None:
    """Refuse settings that cannot be used, where the kind can tell them without data.

    Raises:
        ConfigError: naming the first of them.
    """
    check = getattr(sys.modules[KINDS[args.kind][1]], f"check_{_name(args.kind)}_arguments", None)
    if check is not None:
        check(args)


def run_annotate(args: argparse.Namespace) -> int:
    """Run one kind; returns its exit code."""
    run = getattr(sys.modules[KINDS[args.kind][1]], f"run_{_name(args.kind)}")
    code: int = run(args)
    return code


def _name(kind: str) -> str:
    return kind.replace("-", "_")
