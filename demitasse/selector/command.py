"""`demitasse select`: choose frames, make a selector's training data, score a selection, and count what it costs."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from demitasse.atomic import write_text
from demitasse.errors import ConfigError, DataError
from demitasse.selector.cost_command import add_cost_arguments
from demitasse.selector.frames_command import PICKS, add_frames_arguments
from demitasse.subcommand import add_subcommand

INCOMPLETE = 3


def add_select_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse select`."""
    commands = parser.add_subparsers(dest="select_command", metavar="COMMAND", required=True)
    add_frames_arguments(add_subcommand(commands, "frames", "choose frames for every item of a dataset"))
    _add_training_arguments(add_subcommand(commands, "training", "write what a captioner and a picker learn from"))
    _add_score_arguments(add_subcommand(commands, "score", "how well selections meet the items' core frames"))
    add_cost_arguments(add_subcommand(commands, "cost", "what asking all frames and asking chosen ones costs"))


def run_select(args: argparse.Namespace) -> int:
    """Do what is asked for; returns the exit code."""
    code: int = args.select(args)
    return code


def _add_training_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(select=_write_training)
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="items with core frames")
    parser.add_argument("--captions", nargs="+", type=Path, required=True, help="captions.jsonl of all frames")
    parser.add_argument(
        "--captions-per-video", type=int, metavar="N", help="frames of a video to learn captioning from (default: all)"
    )
    parser.add_argument(
        "--picks", choices=PICKS, default="list", help="how the picker will be asked (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for frame_caption.json and the picker's file")


def _add_score_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(select=_score)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders that `select frames` wrote")
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="the items, with their core frames")
    parser.add_argument(
        "--tolerance", type=float, default=1.0, help="seconds a frame may be off (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")


def _write_training(args: argparse.Namespace) -> int:
    from demitasse.selector.captions import VideoCaptions, read_captions
    from demitasse.selector.task_files import read_task_files
    from demitasse.selector.training import write_training

    if args.captions_per_video is not None and args.captions_per_video < 1:
        raise ConfigError("--captions-per-video must be 1 or more")
    captions: dict[str, VideoCaptions] = {}
    for path in args.captions:
        found = read_captions(path)
        if twice := captions.keys() & found.keys():
            raise DataError(f"{path} captions {min(twice)}, which an earlier file captions, too; give one of the two")
        captions |= found
    written = write_training(read_task_files(args.data), captions, args.out, args.captions_per_video, args.picks)
    print(f"{args.out}: {written.captions} frames to caption, {written.picks} items for the picker")
    if written.left_out:
        print(f"left out: {len(written.left_out)} items, the first because {written.left_out[0].reason}")
    return INCOMPLETE if written.left_out else 0


def _score(args: argparse.Namespace) -> int:
    from demitasse.selector.agreement import score_run, score_table
    from demitasse.selector.task_files import read_task_files

    if not 0 <= args.tolerance < float("inf"):
        raise ConfigError(f"--tolerance is {args.tolerance}; it must be 0 seconds or more")
    files = read_task_files(args.data)
    scores = {str(run): score_run(run, files, args.tolerance) for run in args.runs}
    print(score_table(scores, args.tolerance))
    if args.json is not None:
        write_text(args.json, json.dumps({run: asdict(one) for run, one in scores.items()}, indent=2) + "\n")
    return INCOMPLETE if any(one.missing for one in scores.values()) else 0
