"""`demitasse predict`, `score`, `judge` and `compare`."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from demitasse.atomic import write_text
from demitasse.errors import ConfigError
from evaluate.student import Frames, StudentSettings

if TYPE_CHECKING:
    from demitasse.chat.model import ChatModel

SCRIPTED = "scripted"  # as a judge: the stand-in that knows only the toy world
INCOMPLETE = 3
_DEFAULTS = StudentSettings(model=Path())


def add_predict_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse predict`."""
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="dataset files, or folders of them")
    parser.add_argument("--model", type=Path, required=True, help="folder of a student, or of a LoRA adapter")
    parser.add_argument("--out", type=Path, required=True, help="run folder to write; an unfinished run goes on")
    parser.add_argument("--tasks", nargs="+", default=[], help="ask only these tasks")
    parser.add_argument("--frames", choices=get_args(Frames), default=_DEFAULTS.frames, help="blank: a control")
    parser.add_argument("--fps", type=float, default=_DEFAULTS.fps, help="frames a second, as in training")
    parser.add_argument("--max-frames", type=int, default=_DEFAULTS.max_frames, help="most frames of a video")
    parser.add_argument("--min-pixels", type=int, help="fewest pixels of a frame or image (default: the model's)")
    parser.add_argument("--max-pixels", type=int, help="most pixels of a frame or image (default: the model's)")
    parser.add_argument("--max-new-tokens", type=int, default=_DEFAULTS.max_new_tokens, help="longest answer")
    parser.add_argument("--system-prompt", default="", help="put before every question, as in training")
    parser.add_argument("--batch-size", type=int, default=8, help="items asked at once")
    parser.add_argument("--dtype", default=_DEFAULTS.dtype, choices=("auto", "float32", "bfloat16", "float16"))
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="folder of decoded frames")


def run_predict(args: argparse.Namespace) -> int:
    """Ask the student; returns the exit code."""
    from demitasse.dataset import read, read_folder
    from evaluate.predict import predict
    from evaluate.student import open_student

    if args.batch_size < 1 or args.max_new_tokens < 1:
        raise ConfigError("--batch-size and --max-new-tokens must be 1 or more")
    names = ("model", "frames", "fps", "max_frames", "min_pixels", "max_pixels", "max_new_tokens", "system_prompt")
    settings = StudentSettings(**{name: getattr(args, name) for name in (*names, "dtype")})
    files = [file for path in args.data for file in (read_folder(path) if path.is_dir() else [read(path)])]
    done = predict(
        partial(open_student, settings, args.cache, args.device),
        files,
        args.out,
        str(args.model),
        settings.record(),
        batch_size=args.batch_size,
        tasks=args.tasks,
        command=_spelled("predict", args),
    )
    failed = f", {done.failed} could not be asked (their rows say why)" if done.failed else ""
    print(f"{args.out}: {done.asked} items asked, {done.found} found done{failed}")
    if done.failed:
        print(f"the first: {done.why}", file=sys.stderr)
    return done.exit_code


def add_score_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse score`."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders that `demitasse predict` wrote")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table's figures there, by run and task")
    _add_skip(parser)


def run_score(args: argparse.Namespace) -> int:
    """Score runs, write `scores.jsonl` into each, and print a table."""
    from evaluate.arm import check_gold, load_arm
    from evaluate.records import write_rows
    from evaluate.table import by_task, score_table
    from evaluate.wording import media

    incomplete = False
    figures = {}
    for folder in args.runs:
        arm = load_arm(folder)
        skipped = check_gold(arm.items, args.skip_gold_faults)
        rows = list(arm.scores(without=skipped).values())
        write_rows(folder / "scores.jsonl", [row.to_json() for row in rows])
        count = len({row.asked.video_id for row in rows})
        print(f"{folder}: {len(rows)} items of {count} {media(row.metric for row in rows)}")
        print(score_table(rows))
        figures[str(folder)] = by_task(rows)
        for sentence in skipped.values():
            print(f"left out: {sentence}")
        incomplete = incomplete or bool(skipped) or len(arm.predictions) < len(arm.items)
    if args.json is not None:
        write_text(args.json, json.dumps(figures, indent=2) + "\n")
    return INCOMPLETE if incomplete else 0


def add_judge_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse judge`."""
    from evaluate.judge import LIMITS, RUBRIC

    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders that `demitasse predict` wrote")
    parser.add_argument("--model", required=True, help="the judge's name at its endpoint; 'scripted' is the demo's")
    parser.add_argument("--base-url", help="an OpenAI-compatible endpoint; OpenAI's own if not given")
    parser.add_argument("--api-key-env", default="OPENAI_API_KEY", help="environment variable that holds the key")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for one reply")
    parser.add_argument("--rubric", default=RUBRIC, help="a pack of prompts/, or a .yaml file of your own")
    parser.add_argument("--concurrency", type=int, default=LIMITS.concurrency, help="requests in flight")
    parser.add_argument("--requests-per-minute", type=float, help="most requests a minute")
    parser.add_argument("--no-schema", action="store_true", help="the endpoint takes no JSON schema")
    parser.add_argument("--allow-self-judge", action="store_true", help="let a model judge its own answers")


def run_judge(args: argparse.Namespace) -> int:
    """Judge the free-text items of runs; returns the exit code of the worst."""
    from dataclasses import replace

    from evaluate.arm import load_arm
    from evaluate.judge import LIMITS, judge_run, load_rubric

    limits = replace(LIMITS, concurrency=args.concurrency, requests_per_minute=args.requests_per_minute)
    rubric = load_rubric(args.rubric)
    worst = 0
    for folder in args.runs:
        done = judge_run(load_arm(folder), _judge(args), rubric, limits, allow_self=args.allow_self_judge)
        print(
            f"{folder}: {done.items} free-text items, {done.scored} scored, {done.needed_no_judge} faulty without a "
            f"judge, {done.unscored} unscored ({done.unscored / done.items:.1%})"
        )
        if done.exit_code == INCOMPLETE:
            print(f"{folder}: too many are unscored; {folder / 'judge' / 'quarantine.jsonl'} says why. Run it again.")
        worst = max(worst, done.exit_code)
    return worst


def add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse compare`."""
    parser.add_argument("--before", required=True, metavar="[NAME=]RUN", help="the run to compare with")
    parser.add_argument("--after", required=True, metavar="[NAME=]RUN", help="the run that is to be better")
    parser.add_argument("--arm", action="append", default=[], metavar="NAME=RUN", help="a run to show beside them")
    parser.add_argument("--out", type=Path, required=True, help="folder for index.html, report.md and report.json")
    parser.add_argument("--media", type=Path, help="folder of the videos or images, for the page")
    parser.add_argument("--note", action="append", default=[], help="a sentence that readers must know")
    _add_skip(parser)


def run_compare(args: argparse.Namespace) -> int:
    """Compare runs and write the report; returns the exit code."""
    from evaluate.arm import load_arm
    from evaluate.compare import compare
    from evaluate.report.page import write_report
    from evaluate.wording import change

    named = [_named(args.before), _named(args.after), *(_named(text) for text in args.arm)]
    comparison = compare([load_arm(folder, name) for name, folder in named], args.skip_gold_faults)
    page = write_report(comparison, args.out, args.note, args.media, _spelled("compare", args))
    print(comparison.result["verdict"]["sentence"])
    for entry in comparison.result["metrics"].values():
        print(f"  {change(entry)}")
    for complaint in comparison.result["complaints"]:
        print(f"incomplete: {complaint}")
    print(page)
    return INCOMPLETE if comparison.result["complaints"] else 0


def _add_skip(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--skip-gold-faults", action="store_true", help="leave out items whose reference is at fault, and say so"
    )


def _judge(args: argparse.Namespace) -> ChatModel:
    """The judge that the arguments name. Each run gets its own: an endpoint's connections end with the run."""
    if args.model == SCRIPTED and args.base_url is None:
        from demitasse.chat.scripted import ScriptedModel

        return ScriptedModel()
    from demitasse.chat.model import Capability
    from demitasse.chat.openai import OpenAIChat

    where = {"base_url": args.base_url} if args.base_url else {}
    capability = Capability(json_schema=not args.no_schema)
    return OpenAIChat(args.model, **where, api_key_env=args.api_key_env, timeout=args.timeout, capability=capability)


def _named(text: str) -> tuple[str, Path]:
    """`NAME=DIR`, or `DIR` with the folder's own name."""
    name, equals, folder = text.partition("=")
    if equals and not name:
        raise ConfigError(f"'{text}' names no arm; write NAME=DIR")
    return (name, Path(folder)) if equals else (Path(text).name, Path(text))


def _spelled(command: str, args: argparse.Namespace) -> str:
    """The command line that does the same again, with every value in it that is not empty."""
    words = ["demitasse", command]
    for name, value in vars(args).items():
        values: Sequence[object] = value if isinstance(value, list) else [value]
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif name in ("arm", "note"):
            words += [word for one in values for word in (flag, str(one))]
        elif value not in (None, False, "", []):
            words += [flag, *map(str, values)]
    return shlex.join(words)
