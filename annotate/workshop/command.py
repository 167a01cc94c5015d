"""`demitasse annotate workshop`: walks a person through a new domain and writes a prompt pack for it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.errors import DemitasseError

if TYPE_CHECKING:
    from annotate.workshop.answers import Answers
    from demitasse.prompts import PackText

EXIT_INCOMPLETE = 3
EXIT_INTERRUPTED = 130


def add_workshop_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse annotate workshop`."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", type=Path, metavar="PACK.yaml", help="ask, and write the pack there")
    what.add_argument("--check", metavar="PACK", help="list what a pack lacks")
    what.add_argument("--show", metavar="PACK", help="print a pack's prompts as they are asked, blanks filled")
    parser.add_argument(
        "--answers",
        type=Path,
        metavar="FILE",
        help="with --out: ask nothing, take the answers from it, as an earlier talk has kept them in PACK.answers.yaml",
    )
    parser.add_argument("--overwrite", action="store_true", help="with --out: though the pack is there already")
    parser.add_argument("--qa-types", nargs="+", metavar="TYPE", help="only what these question types need")


def run_workshop(args: argparse.Namespace) -> int:
    """Hold a workshop, or look at a pack.

    Returns:
        0 if the pack is complete, 3 if something is left to be filled in, 130 if interrupted.
    """
    from annotate.workshop.look import check, show

    if not args.out and (args.answers or args.overwrite):
        raise DemitasseError("--answers and --overwrite go with --out alone")
    if args.check:
        return check(args.check, args.qa_types)
    if args.show:
        return show(args.show, args.qa_types)
    try:
        return _hold(args.out, args.answers, args.overwrite, args.qa_types)
    except BrokenPipeError:  # the reader of our output went away, which is no fault of the pack's
        raise
    except OSError as fault:
        raise DemitasseError(f"{fault.filename or args.out} cannot be written: {fault.strerror}") from fault


def _hold(out: Path, answers_file: Path | None, overwrite: bool, qa_types: list[str] | None) -> int:
    from annotate.workshop.answers import TEMPLATE, Answers, missing, read_answers, save_answers
    from annotate.workshop.look import known_types
    from annotate.workshop.talk import Talk
    from demitasse.prompts import read_pack_text

    template = read_pack_text(TEMPLATE)
    if out.suffix not in (".yaml", ".yml"):
        raise DemitasseError(f"--out is {out}: a pack's file ends in .yaml, so that a spec can name it")
    if out.exists() and not overwrite:
        raise DemitasseError(
            f"{out} is there already: edit it (`demitasse annotate workshop --check {out}` lists what it lacks), name "
            "another file, or give --overwrite to write it anew from the answers"
        )
    known_types(qa_types)
    if answers_file is not None:
        answers = read_answers(answers_file, template)
        answers.leave_out_the_optional(template)
        answers.qa_types = qa_types or answers.qa_types
        if not answers.about:
            raise DemitasseError(f"{answers_file}: 'about' is missing: the domain in one line, which names the pack")
        return _finish(out, answers, template, missing(answers, template))
    progress = out.with_suffix(".answers.yaml")
    answers = Answers()
    if progress.exists():
        answers = read_answers(progress, template)
        print(f"Going on with the answers in {progress}.")
    answers.qa_types = qa_types or answers.qa_types
    try:
        Talk(answers, template, lambda: save_answers(answers, progress)).hold()
    except (KeyboardInterrupt, EOFError):
        kept = f"Your answers are kept in {progress}; the same command goes on from there."
        print(f"\n{kept if progress.exists() else 'Nothing was answered, and nothing is written.'}", file=sys.stderr)
        return EXIT_INTERRUPTED
    return _finish(out, answers, template, missing(answers, template))


def _finish(out: Path, answers: Answers, template: PackText, left: list[str]) -> int:
    """Write the pack, warn of what it lacks, and say how to try it."""
    from annotate.video_reasoning.prompt_keys import QA_TYPES
    from annotate.workshop.pack import pack_yaml, pilot
    from demitasse.atomic import write_text

    write_text(out, pack_yaml(answers, template))
    print(f"\n{out} is written.\n")
    for name in left:
        print(f"annotate: [{name}] is not filled in: {template.placeholders[name]}", file=sys.stderr)
    if left:
        print(f"annotate: no run starts before these {len(left)} are written into {out}", file=sys.stderr)
    print(pilot(str(out), answers.qa_types or list(QA_TYPES)))
    return EXIT_INCOMPLETE if left else 0
