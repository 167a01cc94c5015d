"""`demitasse data convert`: a dataset in another dialect, with other boxes, or in a format of others, and back."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from demitasse.chat.kinds import BOX_STYLES
from demitasse.dataset import Dialect, TaskFile, read, read_folder, rebased, to_dialect, write
from demitasse.errors import DataError
from demitasse.interchange.formats import FORMATS, THINKING, Settings, refuse_other
from demitasse.interchange.recognise import OWN
from demitasse.interchange.row_files import Read
from demitasse.interchange.videoespresso import BOX_SCALES
from demitasse.labels import folder as labels
from demitasse.labels.folder import LABELS
from demitasse.labels.keys import read_keys

DIALECTS_TO = ("tao", "daft")
BOX_BOUNDS = ("min_pixels", "max_pixels")
WITHOUT_VIDEO = "their pictures make no video; mend them and run the line again, no video is made twice"
SHOWN = 20  # rows that were left out and are told of one by one; the others are counted


def add_convert_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `demitasse data convert` takes."""
    parser.add_argument("source", type=Path, help="a dataset file or folder")
    parser.add_argument("out", type=Path, help="a folder; for a format of rows a .json or .jsonl file")
    parser.add_argument(
        "--to", choices=(*DIALECTS_TO, *FORMATS), dest="target", help="what to write (default: as it is)"
    )
    parser.add_argument(
        "--from",
        default=OWN,
        choices=(OWN, *FORMATS, LABELS),
        dest="origin",
        help="what SOURCE is (default: %(default)s)",
    )
    parser.add_argument("--keys", type=Path, metavar="FILE", help=f"from {LABELS}: what the answer of each key is")
    parser.add_argument("--think", action="store_true", help=f"{', '.join(THINKING)}: put the reasoning into the reply")
    parser.add_argument(
        "--box-scale",
        type=int,
        choices=BOX_SCALES,
        help="from videoespresso: what the width of a frame counts (default: found in the file's numbers)",
    )
    parser.add_argument(
        "--frame-times",
        action="store_true",
        help="give core frames that have only a number its time in the video: right where videos are no cut clips",
    )
    parser.add_argument(
        "--pictures-to-videos",
        type=Path,
        metavar="FOLDER",
        help="from videoespresso: make a video of each row's pictures, put it there, and the item is about it",
    )
    parser.add_argument(
        "--boxes", choices=tuple(BOX_STYLES), metavar="STYLE", help=f"how boxes are written: {', '.join(BOX_STYLES)}"
    )
    for bound in BOX_BOUNDS:
        parser.add_argument(
            f"--{bound.replace('_', '-')}", type=int, metavar="N", help="of an image as a qwen2_5_vl_px student sees it"
        )


def run_convert(args: argparse.Namespace) -> int:
    """Returns 3 if an item was left out, or a time was asked for and could not be told."""
    _refuse_vain(args)
    if args.origin != LABELS:
        refuse_other(args.source, args.origin)
    found = _read_from(args)
    files, unwritable, untimed = found.files, 0, 0
    if args.frame_times:
        files, untimed = _with_times(files)
    if args.boxes:
        files, unwritable = _with_boxes(files, args)
    if args.target in FORMATS:
        _write_foreign(files, args)
    else:
        _write_own(files, args.out, args.target)
    for note in found.notes:
        print(note)
    print(f"{args.out}: {sum(len(file.items) for file in files)} items from {len(files)} files")
    _tell(found.left_out, found.what, "they do not fit an item")
    _tell(found.without_video, found.what, WITHOUT_VIDEO)
    if unwritable:
        print(f"{unwritable} items were left out: {args.boxes} cannot write their boxes")
    if untimed:
        print(f"{untimed} videos or frames could not be timed; their core frames have no time")
    return 3 if unwritable or untimed or found.left_out or found.without_video else 0


def _write_foreign(files: list[TaskFile], args: argparse.Namespace) -> None:
    kept = {path.resolve() for path in (args.source, *(file.path for file in files)) if path}
    if args.out.resolve() in kept:
        raise DataError(f"{args.out} would be overwritten by its own conversion; give another path")
    media_folder = FORMATS[args.target].write(files, args.out, Settings("think" if args.think else "answer"))
    if media_folder:
        print(f"media paths count from {media_folder}")


def _with_times(files: list[TaskFile]) -> tuple[list[TaskFile], int]:
    """The files, and how many of their videos and core frames could not be timed."""
    from demitasse.interchange.frame_times import with_frame_times  # not above: it needs a video reader

    timed, faults = with_frame_times(files)
    for sentence in faults[:SHOWN]:
        print(f"no time: {sentence}", file=sys.stderr)
    return timed, len(faults)


def _tell(left_out: list[str], what: str, why: str) -> None:
    for sentence in left_out[:SHOWN]:
        print(f"left out: {sentence}", file=sys.stderr)
    if left_out:
        more = f", {SHOWN} of them named" if len(left_out) > SHOWN else ""
        print(f"{len(left_out)} {what} were left out{more}: {why}")


def _refuse_vain(args: argparse.Namespace) -> None:
    """Options that would do nothing."""
    if args.target is None and args.boxes is None and not args.frame_times:
        raise DataError("say what to convert to: --to FORMAT, --boxes STYLE, --frame-times, or several")
    if args.think and args.target not in THINKING:
        raise DataError(f"--think says what replies hold; it needs --to {' or --to '.join(THINKING)}")
    if bool(args.keys) != (args.origin == LABELS):
        raise DataError(f"--keys FILE says what the answer of each key is; it and --from {LABELS} go together")
    if args.box_scale and args.origin != "videoespresso":
        raise DataError("--box-scale says what VideoEspresso's boxes count in; it needs --from videoespresso")
    if args.pictures_to_videos and args.origin != "videoespresso":
        raise DataError(
            "--pictures-to-videos makes videos of rows of pictures; it needs --from videoespresso, whose rows alone "
            "have them"
        )
    if _bounds(args) and args.boxes != "qwen2_5_vl_px":
        raise DataError("--min-pixels and --max-pixels are bounds of a resized image; they need --boxes qwen2_5_vl_px")


def _read_from(args: argparse.Namespace) -> Read:
    if args.origin == LABELS:
        return labels.read_folder(args.source, read_keys(args.keys))
    if args.origin in FORMATS:
        return FORMATS[args.origin].read(
            args.source, Settings(box_scale=args.box_scale, pictures_to_videos=args.pictures_to_videos)
        )
    return Read(read_folder(args.source) if args.source.is_dir() else [read(args.source)])


def _bounds(args: argparse.Namespace) -> dict[str, int]:
    return {name: value for name in BOX_BOUNDS if (value := getattr(args, name)) is not None}


def _with_boxes(files: list[TaskFile], args: argparse.Namespace) -> tuple[list[TaskFile], int]:
    """The files, and how many items they do not have because a box has no form in the other style."""
    from demitasse.dataset import grounding
    from demitasse.dataset.dialect import GROUNDING

    bounds = {"min_pixels": grounding.MIN_PIXELS, "max_pixels": grounding.MAX_PIXELS} | _bounds(args)
    if not 0 < bounds["min_pixels"] <= bounds["max_pixels"]:
        raise DataError(
            "--min-pixels {min_pixels} and --max-pixels {max_pixels} are no bounds; give the student's own".format(
                **bounds
            )
        )
    converted, left_out = grounding.files_in_style(files, args.boxes, **bounds)
    for sentence in left_out:
        print(f"left out: {sentence}", file=sys.stderr)
    if args.boxes == "qwen2_5_vl_px":
        print("boxes count in images of {min_pixels} to {max_pixels} pixels; the student's must be so".format(**bounds))
    boxed = (item for file in converted for item in file.items if file.task_of(item) == GROUNDING)
    if other := sum(not grounding.declares(item) for item in boxed):
        print(f"{other} questions are not in our words and stay as they are: do they name the units?", file=sys.stderr)
    return converted, len(left_out)


def _write_own(files: list[TaskFile], out: Path, dialect: Dialect | None) -> None:
    """Convert everything before anything is written, so that a bad item leaves no half of a dataset."""
    converted = [rebased(_in_dialect(file, dialect) if dialect else file, out) for file in files]
    for before, after in zip(files, converted, strict=True):
        if before.path and after.path and before.path.resolve() == after.path.resolve():
            raise DataError(f"{before.path} would be overwritten by its own conversion; give another folder")
    for file in converted:
        if file.path:
            write(file.path, file)


def _in_dialect(file: TaskFile, dialect: Dialect) -> TaskFile:
    items = []
    for index, item in enumerate(file.items):
        try:
            items.append(to_dialect(item, file.task_of(item), dialect))
        except DataError as fault:
            raise DataError(f"{file.path}: items[{index}].{fault}") from fault
    return replace(file, items=items)
