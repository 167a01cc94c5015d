"""`demitasse toyworld render`: write toy clips."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from demitasse.errors import DemitasseError
from demitasse.toyworld.render import render_clip
from demitasse.toyworld.world import CLIP_COUNT


def add_toyworld_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse toyworld`."""
    commands = parser.add_subparsers(dest="toyworld_command", metavar="COMMAND", required=True)
    add = commands.add_parser("render", help="write toy clips as H.264 files; the same number is the same clip")
    add.add_argument("out", type=Path, help="folder of the files")
    add.add_argument("--count", type=int, default=100, help="how many (default: 100)")
    add.add_argument("--first", type=int, default=0, help="number of the first (default: 0)")


def run_toyworld(args: argparse.Namespace) -> int:
    """Render the clips; those that are there stay as they are.

    Raises:
        DemitasseError: if the numbers asked for do not exist.
    """
    numbers = range(args.first, args.first + args.count)
    if args.count < 1 or numbers[0] < 0 or numbers[-1] >= CLIP_COUNT:
        raise DemitasseError(f"--first {args.first} --count {args.count}: toy clips are numbered 0 to {CLIP_COUNT - 1}")
    args.out.mkdir(parents=True, exist_ok=True)
    for number in tqdm(numbers, desc="render", unit="clip", delay=2):
        render_clip(args.out / f"{number:05d}.mp4", number)
    print(f"{len(numbers)} toy clips in {args.out}")
    return 0
