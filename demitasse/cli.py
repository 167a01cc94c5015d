"""The one console command. It knows which module holds each subcommand and imports that module only.

`demitasse --help` must answer in under 0.3 s, so nothing heavy is imported here, and the table is static.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from demitasse.errors import DemitasseError, is_bad_place, is_disk_full
from demitasse.stages import STAGES, use_checkout
from demitasse.visible import one_visible_line

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141  # what a shell reports of a command that SIGPIPE ended


class Command(NamedTuple):
    """Where a subcommand lives: `module` offers `add_NAME_arguments(parser)` and `run_NAME(args) -> int`.

    It may also offer `check_NAME_arguments(args)`, which refuses what no input could mend and reads no data: a recipe
    calls it for all its stages before the first of them runs.
    """

    help: str
    module: str
    extra: str = ""  # of pyproject.toml: the command is refused at once without it


COMMANDS = {
    "demo": Command("the whole loop on toy videos, offline, in minutes", "demitasse.demo"),
    "run": Command("a recipe's stages in order, resumable", "demitasse.recipe.command"),
    "toyworld": Command("write small videos and pictures whose truth is known", "demitasse.toyworld.command"),
    "plan": Command(
        "what a run will cost before it starts: requests and money, or tokens, memory and time",
        "demitasse.plan_command",
    ),
    "annotate": Command("teachers write data about your videos and images", "annotate.command"),
    "check": Command("one tiny request to each endpoint before anything is spent", "annotate.check"),
    "data": Command("validate, count, split, convert, correct and publish datasets", "demitasse.data_command"),
    "train": Command("train a student, in one process", "train.command", "train"),
    "export": Command("merge, verify and publish a trained student", "train.after.export", "train"),
    "predict": Command("ask a student every question of a dataset", "evaluate.asking.command"),
    "score": Command("score predictions against a dataset", "evaluate.comparing.command"),
    "judge": Command("have a model grade free-text predictions from 1 to 5", "evaluate.judging.command"),
    "calibrate": Command(
        "people's labels: how far the judge is right, and means corrected", "evaluate.calibrating.command"
    ),
    "compare": Command("a report of before and after", "evaluate.comparing.command", "evaluate"),
    "gaps": Command("what a student still gets wrong, as the next annotation run", "evaluate.gaps.command"),
    "results": Command("a run's results in another tool's files, and back", "evaluate.interop.command"),
    "power": Command("how many videos a wished difference needs, and what a study can see", "evaluate.stats.command"),
    "bias": Command("where CoTasks help by telling the answer, by question type", "evaluate.comparing.bias_command"),
    "select": Command(
        "choose the frames that a question needs, and count what that costs", "demitasse.selector.command"
    ),
    "view": Command("watch, read and decide: annotations and predictions in the browser", "demitasse.view.command"),
    "serve": Command("serve the scripted model on this machine, over the OpenAI protocol", "demitasse.chat.server"),
}


def main(argv: Sequence[str] | None = None, passed_on: tuple[type[DemitasseError], ...] = ()) -> int:
    """Run a subcommand.

    Args:
        argv: its words; those of the process if none are given.
        passed_on: errors that the caller tells of, and that are raised.

    Returns:
        The exit code: 0 fine; 2 bad arguments, configuration or input; 3 finished, but something was skipped or
        quarantined; 130 interrupted; 141 if the reader of our output went away.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except DemitasseError as fault:
        if isinstance(fault, passed_on):
            raise
        print(f"demitasse: {one_visible_line(str(fault))}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except ModuleNotFoundError as fault:
        from demitasse.extras import told_of

        told = told_of(fault)
        if not told:
            raise
        print(f"demitasse: {told}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("demitasse: interrupted; start it again to go on", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more as it exits, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE_CLOSED
    except OSError as fault:
        if not (is_disk_full(fault) or is_bad_place(fault)):
            raise
        advice = "make room and run again" if is_disk_full(fault) else "mend that, or name another path"
        told = f"demitasse: {fault.filename or 'a file'}: {fault.strerror}; {advice}"
        print(one_visible_line(told), file=sys.stderr)
        return EXIT_BAD_INPUT


def _run(words: list[str]) -> int:
    if not words or words[0].startswith("-"):
        parser = _overview()
        parser.parse_args(words)
        parser.print_help()
        return 0 if words else EXIT_BAD_INPUT
    name, *rest = words
    check_command(name)
    add_arguments, run = _functions(name)
    parser = argparse.ArgumentParser(prog=f"demitasse {name}", description=COMMANDS[name].help)
    add_arguments(parser)
    args = parser.parse_args(rest)
    _check_installed(name)
    return run(args)


def check_command(name: str) -> None:
    """Refuse what is no command.

    Raises:
        DemitasseError: with the nearest one.
    """
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(COMMANDS)}"
        raise DemitasseError(f"there is no command '{name}'; {hint}")


def _functions(
    name: str,
) -> tuple[Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int]]:
    """Import a subcommand's module and take its two functions."""
    module = COMMANDS[name].module
    if module.split(".")[0] in STAGES:
        use_checkout()
    loaded = import_module(module)
    return getattr(loaded, f"add_{name}_arguments"), getattr(loaded, f"run_{name}")


def arguments_of(name: str, parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], None]:
    """Declare a subcommand's arguments; returns its check of them, and of what must be installed.

    Raises:
        DemitasseError: if there is no such command.
    """
    check_command(name)
    add_arguments, run = _functions(name)
    add_arguments(parser)
    check = getattr(sys.modules[run.__module__], f"check_{name}_arguments", lambda _: None)

    def checked(args: argparse.Namespace) -> None:
        _check_installed(name)
        check(args)

    return checked


def _check_installed(name: str) -> None:
    """Refuse a command that cannot end well: a run of it may have cost hours, or money, when the library is missed."""
    if COMMANDS[name].extra:
        from demitasse.extras import need

        need(COMMANDS[name].extra)


def of_stage(module: str) -> ModuleType:
    """A module of a stage, for a command that serves more than one of them."""
    use_checkout()
    return import_module(module)


class _Version(argparse.Action):
    """Looks the version up only when asked: importlib.metadata is slow to load."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        from importlib.metadata import version

        print(f"demitasse {version('demitasse')}")
        parser.exit()


def _overview() -> argparse.ArgumentParser:
    table = "\n".join(f"  {name:10}{command.help}" for name, command in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="demitasse",
        usage="demitasse COMMAND [arguments]",
        description="Distil the video reasoning of large teachers into small students.",
        epilog=f"commands:\n{table}\n\n`demitasse COMMAND --help` tells more of one.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    return parser
