"""`demitasse data cache`: decode a dataset's videos ahead of time, for training and asking alike.

The frames are those that `demitasse train` with the same configuration, or `demitasse predict` with the same numbers,
looks for in the same cache folder; they then decode nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.errors import ConfigError, DataError

if TYPE_CHECKING:
    from demitasse.media.ahead import Stock, Wanted

SKIPPED = 3
MOST_WORKERS = 8
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def add_cache_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse data cache`."""
    parser.add_argument(
        "words", nargs="*", metavar="DATA", help="dataset files or folders; with --config, key=value of its `train:`"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="a recipe whose `train:` says what to decode")
    parser.add_argument(
        "--workers",
        type=int,
        default=min(MOST_WORKERS, os.cpu_count() or 1),
        help="decoded at once (default: %(default)s)",
    )
    group = parser.add_argument_group("without --config, the numbers that `demitasse predict` is given")
    group.add_argument("--fps", type=float, help="frames a second (default: 1)")
    group.add_argument("--max-frames", type=int, help="most frames of a video (default: 64)")
    group.add_argument("--min-frames", type=int, help="fewest frames of a video (default: 4)")
    group.add_argument("--max-pixels", type=int, help="most pixels of a frame (default: no bound)")
    group.add_argument("--cache", type=Path, help="folder of decoded frames (default: runs/cache)")


def run_cache(args: argparse.Namespace) -> int:
    """Decode what is not there yet; returns 3 if a video could not be read.

    Raises:
        DemitasseError: for arguments, configuration or data that cannot be used, or a disk without the room.
    """
    from tqdm import tqdm

    from demitasse.media.ahead import decode_ahead, take_stock

    if args.workers < 1:
        raise ConfigError(f"--workers is {args.workers}; it must be 1 or more")
    videos, wanted = _of_config(args) if args.config else _of_flags(args)
    with tqdm(total=len(videos), desc="reading headers", unit="video", delay=2) as progress:
        stock = take_stock(videos, wanted, progress.update)
    _say_before(stock, wanted)
    with tqdm(total=len(stock.missing), desc="decoding", unit="video", delay=2) as progress:
        bad = stock.bad | decode_ahead(list(stock.missing), wanted, args.workers, progress.update)
    _say_after(stock, wanted, bad)
    return SKIPPED if bad else 0


def _of_config(args: argparse.Namespace) -> tuple[list[Path], Wanted]:
    from demitasse import cli  # not above: the command line imports this module
    from demitasse.media.ahead import Wanted

    for name in ("fps", "max_frames", "min_frames", "max_pixels", "cache"):
        if getattr(args, name) is not None:
            flag, key = name.replace("_", "-"), "data.cache_dir" if name == "cache" else f"frames.{name}"
            raise ConfigError(f"--{flag} and --config exclude one another: write {key}={getattr(args, name)}")
    videos, sight = cli.of_stage("train.data.frames").videos_of(args.config, args.words)
    return videos, Wanted(sight.cache, sight.settings.policy, sight.settings.max_pixels, sight.budget)


def _of_flags(args: argparse.Namespace) -> tuple[list[Path], Wanted]:
    from demitasse.dataset import read, read_folder
    from demitasse.dataset.shown_frames import shown_frames
    from demitasse.media.ahead import Wanted
    from demitasse.media.cache import FrameCache
    from demitasse.media.sample import SamplingPolicy

    if not args.words:
        raise ConfigError("name dataset files or folders, or give a recipe with --config")
    if args.max_pixels is not None and args.max_pixels < 1:
        raise ConfigError(f"--max-pixels is {args.max_pixels}; it must be 1 or more")
    usual = SamplingPolicy(fps=1.0, max_frames=64)
    given = {name: getattr(args, name) for name in ("fps", "max_frames", "min_frames")}
    policy = replace(usual, **{name: value for name, value in given.items() if value is not None})
    files = [file for path in map(Path, args.words) for file in (read_folder(path) if path.is_dir() else [read(path)])]
    seen = [(item, file.media_path(item)) for file in files for item in file.items if shown_frames(item) != []]
    videos = dict.fromkeys(path for item, path in seen if item.video_id is not None)
    return list(videos), Wanted(FrameCache(args.cache or "runs/cache"), policy, args.max_pixels)


def _say_before(stock: Stock, wanted: Wanted) -> None:
    folder = wanted.cache.folder
    if not stock.cached and not stock.missing and not stock.bad:
        print("no item shows a video: there is nothing to decode (pictures are read as they are)")
        return
    frames = sum(len(one.times) for one in stock.missing.values())
    free = shutil.disk_usage(_there(folder)).free
    print(
        f"{_videos(len(stock.cached))} in {folder} already ({size(sum(one.nbytes for one in stock.cached.values()))}), "
        f"{len(stock.missing)} to decode: {frames:,} frames, {size(stock.to_come)}; {size(free)} are free",
        flush=True,
    )
    if stock.to_come > free:
        raise DataError(
            f"{folder}: {size(stock.to_come)} of frames do not fit into {size(free)}; make room, choose another "
            "folder, or decode fewer or smaller frames (max_frames, max_pixels)"
        )


def _say_after(stock: Stock, wanted: Wanted, bad: dict[Path, str]) -> None:
    for path, reason in bad.items():
        print(f"{path}: {reason}", file=sys.stderr)
    kept = {**stock.cached, **{path: one for path, one in stock.missing.items() if path not in bad}}
    there = sum(wanted.outline(path).nbytes for path in kept)
    could_not = f", {len(bad)} could not be read" if bad else ""
    print(f"{wanted.cache.folder}: {_videos(len(kept))}, {size(there)} of frames{could_not}")


def _videos(count: int) -> str:
    return f"{count} video{'s' * (count != 1)}"


def _there(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def size(count: float) -> str:
    """Bytes as a person reads them."""
    for unit in UNITS[:-1]:
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} {UNITS[-1]}"
