"""`demitasse toyworld`: write toy clips, toy pictures with their labels, and toy stories and moments with theirs."""

from __future__ import annotations

import argparse
import re
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from demitasse.atomic import write_text
from demitasse.errors import DemitasseError
from demitasse.subcommand import add_subcommand
from demitasse.toyworld.drives import write_drives
from demitasse.toyworld.kitti import kitti_label
from demitasse.toyworld.marker import LEAST_SIZE
from demitasse.toyworld.moment_files import write_moments
from demitasse.toyworld.picture import SIZE, STORED, render_scene, stored_form
from demitasse.toyworld.render import render_clip
from demitasse.toyworld.scene import MOST, toy_scene
from demitasse.toyworld.story_files import write_stories
from demitasse.toyworld.world import CLIP_COUNT

MOST_PIXELS = 5 * 10**7  # of a picture: larger ones do not fit into the memory of many machines
MOST_SIDE = 65500  # JPEG has no longer ones
_SIZE = re.compile(r"(\d{1,5})[x×](\d{1,5})")


def add_toyworld_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse toyworld`."""
    commands = parser.add_subparsers(dest="toyworld_command", metavar="COMMAND", required=True)
    clips = add_subcommand(commands, "render", "write toy clips as H.264 files; the same number is the same clip")
    clips.set_defaults(write=_write_clips, kind="clips")
    scenes = add_subcommand(commands, "scenes", "write toy pictures in images/ and their KITTI labels in labels/")
    scenes.set_defaults(write=_write_scenes, kind="pictures")
    stories = add_subcommand(
        commands,
        "stories",
        "write clips in which a shape touches others in turn, annotated as VidOR and NExT-QA are, and as STAR",
    )
    stories.set_defaults(write=_write_stories, kind="stories")
    moments = add_subcommand(
        commands, "moments", "write clips in which few moments matter, with questions, core frames and captions"
    )
    moments.set_defaults(write=_write_moments, kind="clips of moments")
    drives = add_subcommand(commands, "drives", "write toy clips told as drives, with labels as people write them")
    drives.set_defaults(write=_write_drives, kind="drives")
    for add, what in (
        (clips, "files"),
        (drives, "videos and their labels"),
        (scenes, "two folders"),
        (stories, "videos and their annotation"),
        (moments, "videos, questions and captions"),
    ):
        add.add_argument("out", type=Path, help=f"folder of the {what}")
        add.add_argument("--count", type=int, default=100, help="how many (default: %(default)s)")
        add.add_argument("--first", type=int, default=0, help="number of the first (default: %(default)s)")
    scenes.add_argument(
        "--size", type=_size, default=(SIZE, SIZE), metavar="WxH", help=f"as displayed (default: {SIZE}x{SIZE})"
    )
    scenes.add_argument(
        "--most", type=int, default=MOST, metavar="N", help="only pictures with at most so many things (default: all)"
    )
    scenes.add_argument(
        "--exif",
        type=int,
        choices=STORED,
        metavar="ORIENTATION",
        help="write JPEG with this EXIF orientation, 1 to 8, and the pixels turned so that the picture is displayed "
        "upright; labels are of the displayed picture (default: PNG without)",
    )


def run_toyworld(args: argparse.Namespace) -> int:
    """Write what is asked for; what is there stays as it is.

    Raises:
        DemitasseError: if the numbers asked for do not exist, or a picture that is there is another one.
    """
    numbers = range(args.first, args.first + args.count)
    if args.count < 1 or numbers[0] < 0 or numbers[-1] >= CLIP_COUNT:
        raise DemitasseError(
            f"--first {args.first} --count {args.count}: toy {args.kind} are numbered 0 to {CLIP_COUNT - 1}"
        )
    args.write(args, numbers)
    print(f"{args.count} toy {args.kind} in {args.out}")
    return 0


def _write_clips(args: argparse.Namespace, numbers: range) -> None:
    args.out.mkdir(parents=True, exist_ok=True)
    for number in tqdm(numbers, desc="render", unit="clip", delay=2, disable=None):
        render_clip(args.out / f"{number:05d}.mp4", number)


def _write_scenes(args: argparse.Namespace, _: range) -> None:
    images, labels = args.out / "images", args.out / "labels"
    width, height = args.size
    few = (number for number in range(args.first, CLIP_COUNT) if len(toy_scene(number).things) <= args.most)
    numbers = list(islice(few, args.count))
    if len(numbers) < args.count:
        raise DemitasseError(f"--most {args.most}: from {args.first} on there are {len(numbers)} such pictures")
    images.mkdir(parents=True, exist_ok=True)
    suffix = ".png" if args.exif is None else ".jpg"
    for number in tqdm(numbers, desc="render", unit="picture", delay=2, disable=None):
        image = render_scene(images / f"{number:05d}{suffix}", number, width, height, args.exif)
        _check(image, (width, height), args.exif)
        label = labels / f"{number:05d}.txt"
        if not label.exists():
            write_text(label, kitti_label(toy_scene(number), width, height))


def _write_drives(args: argparse.Namespace, numbers: range) -> None:
    write_drives(args.out, tqdm(numbers, desc="render", unit="drive", delay=2, disable=None))


def _write_moments(args: argparse.Namespace, numbers: range) -> None:
    write_moments(args.out, tqdm(numbers, desc="render", unit="clip", delay=2, disable=None))


def _write_stories(args: argparse.Namespace, numbers: range) -> None:
    write_stories(args.out, tqdm(numbers, desc="render", unit="story", delay=2, disable=None))


def _check(image: Path, size: tuple[int, int], orientation: int | None) -> None:
    """A label of one size beside a picture of another would be wrong truth."""
    found = stored_form(image)
    if found != (size, orientation or 1):
        (width, height), turned = found
        raise DemitasseError(
            f"{image} is there and displayed at {width}x{height} with EXIF orientation {turned}, not as asked for: "
            "choose another folder"
        )


def _size(text: str) -> tuple[int, int]:
    read = _SIZE.fullmatch(text)
    if read is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no size: write width x height in pixels, such as 640x480")
    width, height = int(read[1]), int(read[2])
    if width < LEAST_SIZE[0] or height < LEAST_SIZE[1]:
        raise argparse.ArgumentTypeError(
            f"{text} is too small for the strip that tells a picture's number: {LEAST_SIZE[0]}x{LEAST_SIZE[1]} at least"
        )
    if width * height > MOST_PIXELS or max(width, height) > MOST_SIDE:
        raise argparse.ArgumentTypeError(
            f"{text} is too large: {MOST_PIXELS // 10**6} megapixels and sides of {MOST_SIDE} at most"
        )
    return width, height
