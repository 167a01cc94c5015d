"""`demitasse data`: look at, check, part, convert, correct and publish datasets, and what was said of images."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from demitasse.chat.kinds import BOX_STYLES
from demitasse.dataset import Dialect, TaskFile, read, read_folder, rebased, stats, to_dialect, validate, write
from demitasse.errors import DataError

DIALECTS_TO = ("tao", "daft")
OTHER_FORMATS = ("hugging-face", "llava")
OWN_FORMAT = "tao-vl-reason"
IMAGE_FORMATS = ("coco", "refcoco", "label-studio", "fiftyone")
PUBLISHED = ("video-folder", "image-folder")
BOX_BOUNDS = ("min_pixels", "max_pixels")
UNUSED_SHOWN = 20  # decisions that are told of on the terminal; the file holds all
_STATS_ROW = "{:24}{:>7}{:>7}{:>10}{:>10}{:>8}{:>17}  {}"


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands of `demitasse data`."""
    commands = parser.add_subparsers(dest="data_command", metavar="COMMAND", required=True)

    add = commands.add_parser("validate", help="say everything that is wrong with a dataset")
    add.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a dataset file or a folder")
    add.set_defaults(run_data_command=_validate)

    add = commands.add_parser("stats", help="count what a dataset holds")
    add.add_argument("path", type=Path, metavar="PATH", help="a dataset file or a folder")
    add.add_argument("--json", action="store_true", help="print JSON")
    add.set_defaults(run_data_command=_stats)

    add = commands.add_parser("split", help="part a dataset into train and eval, by video or image")
    add.add_argument("source", type=Path, help="a folder with dataset files")
    add.add_argument("out", type=Path, help="gets train/, eval/ and split.json")
    add.add_argument(
        "--eval",
        type=float,
        default=0.2,
        metavar="PART",
        dest="eval_part",
        help="a fraction of the videos or images if below 1, otherwise their number (default: 0.2)",
    )
    add.add_argument("--seed", type=int, default=0, help="another seed, another split (default: 0)")
    add.add_argument("--together", metavar="FIELD", help="keep media on one side whose items share this field's value")
    add.set_defaults(run_data_command=_split)

    add = commands.add_parser(
        "convert", help="rewrite a dataset in another dialect or format, media staying where they are"
    )
    add.add_argument("source", type=Path, help="a dataset file or folder")
    add.add_argument("out", type=Path, help="a folder; for llava a .json file")
    add.add_argument("--to", choices=(*DIALECTS_TO, *OTHER_FORMATS), dest="target", help="default: as it is")
    add.add_argument("--from", default=OWN_FORMAT, choices=(OWN_FORMAT, *OTHER_FORMATS), dest="origin")
    add.add_argument("--think", action="store_true", help="llava: put the reasoning into the reply")
    add.add_argument(
        "--boxes", choices=tuple(BOX_STYLES), metavar="STYLE", help=f"how boxes are written: {', '.join(BOX_STYLES)}"
    )
    for bound in BOX_BOUNDS:
        add.add_argument(
            f"--{bound.replace('_', '-')}", type=int, metavar="N", help="of an image as a qwen2_5_vl_px student sees it"
        )
    add.set_defaults(run_data_command=_convert)

    add = commands.add_parser("apply-edits", help="put a person's decisions into a dataset")
    add.add_argument("source", type=Path, help="what was reviewed, or was made again since")
    add.add_argument("--edits", nargs="+", type=Path, metavar="FILE", help="edits.jsonl files (default: the source's)")
    add.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets the dataset with the decisions in it")
    add.add_argument("--decided-only", action="store_true", help="leave out what nobody accepted")
    add.set_defaults(run_data_command=_apply_edits)

    add = commands.add_parser(
        "export", help="write a folder to publish, with a dataset card, or annotated images in a format of others"
    )
    add.add_argument(
        "source",
        type=Path,
        help="a dataset file or folder, or one with train/ and eval/; for annotated images the results of "
        "`annotate image`, or their annotations.jsonl",
    )
    add.add_argument("out", type=Path, help="a new folder")
    add.add_argument(
        "--to",
        required=True,
        choices=(*PUBLISHED, *IMAGE_FORMATS),
        dest="target",
        help="a dataset as Hugging Face's folder of videos or images; annotated images in the other formats",
    )
    add.add_argument("--media", choices=("copy", "link"), help="copy the files (the default), or link to them")
    add.add_argument("--title", help="the card's heading (default: the name of OUT)")
    add.set_defaults(run_data_command=_export)

    add = commands.add_parser("merge", help="put the shards of an annotation run together")
    add.add_argument("results_dir", type=Path, metavar="RESULTS_DIR", help="the run's results_dir")
    add.add_argument("--partial", action="store_true", help="though shards are missing or unfinished")
    add.set_defaults(run_data_command=_merge)


def _merge(args: argparse.Namespace) -> int:
    """Put a run's shards together by the command that made them, with the settings that they were made with."""
    from demitasse import cli  # not above: the command line imports this module
    from demitasse.engine.merge import take_stock

    stock = take_stock(args.results_dir)
    settings = ["--config", str(stock.folders[0] / "annotate.yaml"), f"results_dir={json.dumps(str(args.results_dir))}"]
    return cli.main(["annotate", stock.kind, *settings, "--merge", *(["--partial"] if args.partial else [])])


def run_data(args: argparse.Namespace) -> int:
    """Run one subcommand; returns the exit code."""
    run: Callable[[argparse.Namespace], int] = args.run_data_command
    return run(args)


def _validate(args: argparse.Namespace) -> int:
    count = 0
    for path in args.paths:
        found = validate(path)
        count += len(found)
        for problem in found:
            print(problem)
        print(f"{path}: {len(found) or 'no'} problem{'s' * (len(found) != 1)}")
    return 2 if count else 0


def _stats(args: argparse.Namespace) -> int:
    counts = stats(_files(args.path))
    if args.json:
        print(json.dumps(counts, indent=2))
        return 0
    print("files {files}, items {items}, videos {videos}, images {images}".format(**counts))
    print(_STATS_ROW.format("task", "items", "media", "reasoned", "question", "answer", "reasoning words", "answers"))
    for task, of_task in counts["tasks"].items():
        print(_stats_line(task or "(none)", of_task))
    return 0


def _stats_line(task: str, of_task: dict[str, Any]) -> str:
    answers = " ".join(f"{value}:{count}" for value, count in of_task.get("answers", {}).items())
    numbers = (of_task[key] for key in ("items", "media", "with_reasoning"))
    words = (of_task[f"{text}_words"] for text in ("question", "answer", "reasoning"))
    return _STATS_ROW.format(task, *numbers, *words, answers).rstrip()


def _split(args: argparse.Namespace) -> int:
    from demitasse.split import split_by_video, write_split

    split = split_by_video(read_folder(args.source), args.eval_part, args.seed, args.together)
    write_split(split, args.out)
    for side, ids, files in (("train", split.train_ids, split.train), ("eval", split.eval_ids, split.eval)):
        items = sum(len(file.items) for file in files)
        print(f"{args.out / side}: {_media_word(files)} {len(ids)}, items {items}, files {len(files)}")
    return 0


def _media_word(files: list[TaskFile]) -> str:
    kinds = {"images" if item.video_id is None else "videos" for file in files for item in file.items}
    return " and ".join(sorted(kinds))


def _convert(args: argparse.Namespace) -> int:
    """Returns 3 if an item was left out."""
    _refuse_vain(args)
    files, left_out = _read_from(args.origin, args.source), 0
    if args.boxes:
        files, left_out = _with_boxes(files, args)
    if args.target is None or args.target in DIALECTS_TO:
        _write_own(files, args.out, args.target)
    elif args.target == "hugging-face":
        from demitasse.interchange import hugging_face

        hugging_face.write(files, args.out)
    else:
        from demitasse.interchange import llava

        media_folder = llava.write(files, args.out, "think" if args.think else "answer")
        print(f"media paths count from {media_folder}")
    print(f"{args.out}: {sum(len(file.items) for file in files)} items from {len(files)} files")
    if left_out:
        print(f"{left_out} items were left out: {args.boxes} cannot write their boxes")
    return 3 if left_out else 0


def _refuse_vain(args: argparse.Namespace) -> None:
    """Options that would do nothing."""
    if args.target is None and args.boxes is None:
        raise DataError("say what to convert to: --to FORMAT, --boxes STYLE, or both")
    if args.think and args.target != "llava":
        raise DataError("--think says what a llava file's replies hold; it needs --to llava")
    if _bounds(args) and args.boxes != "qwen2_5_vl_px":
        raise DataError("--min-pixels and --max-pixels are bounds of a resized image; they need --boxes qwen2_5_vl_px")


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


def _apply_edits(args: argparse.Namespace) -> int:
    """Returns 3 if a decision could not be applied."""
    from demitasse.view.apply import UNUSED, write_applied
    from demitasse.view.apply_expressions import write_applied_expressions
    from demitasse.view.edits import EDITS, WORDS, merge, read_edits
    from demitasse.view.folders import dataset_parts
    from demitasse.view.pictures import is_picture_results

    folder = args.source if args.source.is_dir() else args.source.parent
    if not args.edits and not (folder / EDITS).is_file():
        raise DataError(
            f"{folder / EDITS} is not there: decide with `demitasse view {args.source}`, or name a file with --edits"
        )
    edits, overruled = merge([read_edits(path) for path in args.edits or [folder / EDITS]])
    if is_picture_results(args.source):
        applied = write_applied_expressions(args.source, edits, args.out, args.decided_only)
    else:
        applied = write_applied(dataset_parts(args.source), edits, args.out, args.decided_only)
    counts = ", ".join(f"{applied.counts[decision]} {word}" for decision, word in WORDS.items())
    print(f"{args.out}: {sum(len(file.items) for file in applied.files)} items written; of all, {counts}")
    if overruled:
        print(f"{len(overruled)} items were decided differently by two people: the later decision counts")
    for edit, why in applied.unused[:UNUSED_SHOWN]:
        print(f"not applied: {edit.decision} of the {edit.task} item about {edit.media}: {why}", file=sys.stderr)
    if applied.unused:
        print(f"{len(applied.unused)} decisions were not applied: {args.out / UNUSED} says which and why")
    return 3 if applied.unused else 0


def _export(args: argparse.Namespace) -> int:
    if args.target in IMAGE_FORMATS:
        return _export_images(args)
    from demitasse.interchange.media_folder import write
    from demitasse.view.folders import dataset_parts

    parts = dataset_parts(args.source)
    if "rejected" in parts:  # what `annotate quality` leaves beside kept/
        raise DataError(f"{args.source} holds rejected items too; export {args.source / 'kept'}")
    done = write(parts, args.out, args.target, args.media or "copy", args.title or args.out.name)
    print(f"{args.out}: {done.items} items of {done.media} media")
    if not done.licenses:
        print("the dataset names no licence, and so does the card: set metadata.license before you publish it")
    return 0


def _export_images(args: argparse.Namespace) -> int:
    from demitasse.interchange.annotated_images import write

    if args.title is not None:
        raise DataError(f"--title is a dataset card's, and {args.target} has none; leave it out")
    if args.media is not None and args.target != "fiftyone":
        raise DataError(f"--media has no meaning: {args.target} names the images and does not hold them; leave it out")
    print(f"{args.out}: {write(args.source, args.out, args.target, args.media or 'copy')}")
    return 0


def _read_from(origin: str, source: Path) -> list[TaskFile]:
    if origin == "hugging-face":
        from demitasse.interchange import hugging_face

        return hugging_face.read(source)
    if origin == "llava":
        from demitasse.interchange import llava

        return llava.read(source)
    return _files(source)


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


def _files(path: Path) -> list[TaskFile]:
    return read_folder(path) if path.is_dir() else [read(path)]
