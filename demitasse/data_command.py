"""`demitasse data`: look at, check, part, convert, correct and publish datasets, and what was said of images."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from demitasse.cotasks.agreement_command import add_agreement_arguments, run_agreement
from demitasse.cotasks.data_commands import (
    add_coverage_arguments,
    add_leaks_arguments,
    run_coverage,
    run_leaks,
)
from demitasse.data_cache import add_cache_arguments, run_cache
from demitasse.data_convert import add_convert_arguments, run_convert
from demitasse.data_stats import add_stats_arguments, run_stats
from demitasse.dataset import TaskFile, read_folder, validate
from demitasse.errors import DataError
from demitasse.interchange.recognise import OWN, recognise
from demitasse.labels.lint_command import add_lint_arguments, run_lint
from demitasse.subcommand import add_subcommand

IMAGE_FORMATS = ("coco", "refcoco", "label-studio", "fiftyone")
PUBLISHED = ("video-folder", "image-folder")
UNUSED_SHOWN = 20  # decisions that are told of on the terminal; the file holds all


Add = Callable[[argparse.ArgumentParser], None]
Do = Callable[[argparse.Namespace], int]


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands of `demitasse data`."""
    commands = parser.add_subparsers(dest="data_command", metavar="COMMAND", required=True)
    for name, (help_line, add_arguments, run) in _commands().items():
        command = add_subcommand(commands, name, help_line)
        add_arguments(command)
        command.set_defaults(run_data_command=run)


def _commands() -> dict[str, tuple[str, Add, Do]]:
    """What is done -> one line of help, its arguments, and the function that does it."""
    return {
        "validate": ("say everything that is wrong with a dataset", _add_validate_arguments, _validate),
        "stats": ("count what a dataset holds", add_stats_arguments, run_stats),
        "cache": ("decode videos ahead of time, for training and asking alike", add_cache_arguments, run_cache),
        "split": ("part a dataset into train and eval, by video or image", _add_split_arguments, _split),
        "convert": (
            "rewrite a dataset in another dialect or format, media staying where they are",
            add_convert_arguments,
            run_convert,
        ),
        "lint": ("every oddity of people's labels, and what convert makes of it", add_lint_arguments, run_lint),
        "apply-edits": ("put a person's decisions into a dataset", _add_edits_arguments, _apply_edits),
        "export": (
            "write a folder to publish, with a dataset card, or annotated images in a format of others",
            _add_export_arguments,
            _export,
        ),
        "coverage": (
            "how many questions no sampled frame meets, for any frame count",
            add_coverage_arguments,
            run_coverage,
        ),
        "leaks": ("how far answers can be had from CoTasks alone", add_leaks_arguments, run_leaks),
        "agreement": (
            "how far a teacher's CoTasks agree with annotation's",
            add_agreement_arguments,
            run_agreement,
        ),
        "merge": ("put the shards of a run of `annotate` or `predict` together", _add_merge_arguments, _merge),
    }


def _add_validate_arguments(add: argparse.ArgumentParser) -> None:
    add.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a dataset file or a folder")


def _add_split_arguments(add: argparse.ArgumentParser) -> None:
    add.add_argument("source", type=Path, help="a folder with dataset files")
    add.add_argument("out", type=Path, help="gets train/, eval/ and split.json")
    add.add_argument(
        "--eval",
        type=float,
        default=0.2,
        metavar="PART",
        dest="eval_part",
        help="a fraction of the videos or images if below 1, otherwise their number (default: %(default)s)",
    )
    add.add_argument("--seed", type=int, default=0, help="another seed, another split (default: %(default)s)")
    add.add_argument("--together", metavar="FIELD", help="keep media on one side whose items share this field's value")


def _add_edits_arguments(add: argparse.ArgumentParser) -> None:
    add.add_argument("source", type=Path, help="what was reviewed, or was made again since")
    add.add_argument("--edits", nargs="+", type=Path, metavar="FILE", help="edits.jsonl files (default: the source's)")
    add.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets the dataset with the decisions in it")
    add.add_argument("--decided-only", action="store_true", help="leave out what nobody accepted")


def _add_export_arguments(add: argparse.ArgumentParser) -> None:
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
    add.add_argument("--media", choices=("copy", "link"), help="copy the files, or link to them (default: copy)")
    add.add_argument("--title", help="the card's heading (default: the name of OUT)")


def _add_merge_arguments(add: argparse.ArgumentParser) -> None:
    add.add_argument("results_dir", type=Path, metavar="RESULTS_DIR", help="the run's results_dir, or --out")
    add.add_argument("--partial", action="store_true", help="though shards are missing or unfinished")


def run_data(args: argparse.Namespace) -> int:
    """Run one subcommand; returns the exit code."""
    run: Do = args.run_data_command
    return run(args)


def _merge(args: argparse.Namespace) -> int:
    """Put a run's shards together by the command that made them, with the settings that they were made with."""
    from demitasse import cli  # not above: the command line imports this module
    from demitasse.engine.merge import take_stock
    from demitasse.engine.shard import read_state

    stock = take_stock(args.results_dir)
    state = read_state(stock.folders[0])
    partial = ["--partial"] if args.partial else []
    if state is not None and state.command:
        return cli.main([*shlex.split(state.command)[1:], "--out", str(args.results_dir), "--merge", *partial])
    settings = ["--config", str(stock.folders[0] / "annotate.yaml"), f"results_dir={json.dumps(str(args.results_dir))}"]
    return cli.main(["annotate", stock.kind, *settings, "--merge", *partial])


def _validate(args: argparse.Namespace) -> int:
    count = 0
    for path in args.paths:
        found = validate(path)
        count += len(found)
        for problem in found:
            print(problem)
        print(f"{path}: {len(found) or 'no'} problem{'s' * (len(found) != 1)}")
        if found and (kind := recognise(path)) and kind.name != OWN:
            print(f"{path} is {kind.what}: {kind.advice}")
    return 2 if count else 0


def _split(args: argparse.Namespace) -> int:
    from demitasse.split import learnt_before, split_by_video, write_split

    split = split_by_video(read_folder(args.source), args.eval_part, args.seed, args.together)
    learnt = learnt_before(split, args.out)
    write_split(split, args.out)
    if learnt is not None:
        print(
            f"{args.out}: another split was here, and is replaced; {len(learnt)} of the {len(split.eval_ids)} "
            f"{_media_word(split.eval)} now in eval/ were in its train/: a student who learnt from that has seen them",
            file=sys.stderr,
        )
    for side, ids, files in (("train", split.train_ids, split.train), ("eval", split.eval_ids, split.eval)):
        items = sum(len(file.items) for file in files)
        print(f"{args.out / side}: {_media_word(files)} {len(ids)}, items {items}, files {len(files)}")
    return 0


def _media_word(files: list[TaskFile]) -> str:
    kinds = {"images" if item.video_id is None else "videos" for file in files for item in file.items}
    return " and ".join(sorted(kinds))


def _apply_edits(args: argparse.Namespace) -> int:
    """Returns 3 if a decision could not be applied."""
    from demitasse.view.apply import UNUSED, write_applied
    from demitasse.view.apply_expressions import write_applied_expressions
    from demitasse.view.edits import EDITS, WORDS, merge, read_edits
    from demitasse.view.folders import dataset_parts
    from demitasse.view.pictures import is_picture_results

    folder = args.source if args.source.is_dir() else args.source.parent
    given = args.edits or [path for path in [folder / EDITS] if path.is_file()]
    if args.decided_only and not given:
        raise DataError(
            f"{folder / EDITS} is not there, so nothing is decided and --decided-only would leave nothing: decide with "
            f"`demitasse view {args.source}`, or name a file with --edits"
        )
    edits, overruled = merge([read_edits(path) for path in given])
    if is_picture_results(args.source):
        applied = write_applied_expressions(args.source, edits, args.out, args.decided_only)
    else:
        applied = write_applied(dataset_parts(args.source), edits, args.out, args.decided_only)
    counts = ", ".join(f"{applied.counts[decision]} {word}" for decision, word in WORDS.items())
    if not given:
        print(f"0 decisions: {folder / EDITS} is not there (`demitasse view {args.source}` takes decisions)")
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
