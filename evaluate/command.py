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
from demitasse.student.modes import AskMode, CotaskSource, Frames
from evaluate.student import StudentSettings

if TYPE_CHECKING:
    from demitasse.chat.model import ChatModel
    from evaluate.judge_profile import JudgeProfile

SCRIPTED = "scripted"  # as a judge: the stand-in that knows only the toy world
INCOMPLETE = 3
_DEFAULTS = StudentSettings(model=Path())


def add_predict_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse predict`."""
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="dataset files, or folders of them")
    parser.add_argument("--model", type=Path, required=True, help="folder of a student, or of a LoRA adapter")
    parser.add_argument("--out", type=Path, required=True, help="run folder to write; an unfinished run goes on")
    parser.add_argument("--tasks", nargs="+", default=[], help="ask only these tasks")
    _add_trained_arguments(parser.add_argument_group("as in training, which a student of `demitasse train` remembers"))
    parser.add_argument("--frames", choices=get_args(Frames), default=_DEFAULTS.frames, help="blank, none: controls")
    parser.add_argument("--max-new-tokens", type=int, default=_DEFAULTS.max_new_tokens, help="longest answer")
    parser.add_argument("--batch-size", type=int, default=8, help="items asked at once")
    parser.add_argument("--dtype", default=_DEFAULTS.dtype, choices=("auto", "float32", "bfloat16", "float16"))
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="folder of decoded frames")
    _add_asking_arguments(parser.add_argument_group("what is put beside the questions"))


def _add_trained_arguments(group: argparse._ArgumentGroup) -> None:
    """None stands for what the student remembers; for one that remembers nothing, for the default."""
    usual = _DEFAULTS
    group.add_argument("--mode", choices=get_args(AskMode), help=f"the way of asking (else {usual.mode})")
    group.add_argument("--fps", type=float, help=f"frames a second (else {usual.fps:g})")
    group.add_argument("--max-frames", type=int, help=f"most frames of a video (else {usual.max_frames})")
    group.add_argument("--min-frames", type=int, help=f"fewest frames of a video (else {usual.min_frames})")
    group.add_argument("--max-pixels", type=int, help="most pixels of a frame or image (else the model's)")
    group.add_argument("--min-pixels", type=int, help="fewest pixels of a frame or image (else the model's)")
    group.add_argument("--video-pixels", type=int, help="most pixels of all frames of a video together (else no bound)")
    group.add_argument("--system-prompt", help="put before every question (else none)")


def _add_asking_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--cotasks", default="", metavar="1234", help="put these CoTasks before each question")
    group.add_argument(
        "--cotasks-source", choices=get_args(CotaskSource), default="oracle", help="where they come from"
    )
    group.add_argument(
        "--cotasks-from", nargs="+", type=Path, default=[], metavar="RUN", help="runs that predicted them"
    )
    group.add_argument("--cotasks-seed", type=int, default=0, help="of shuffled and noisy ones")
    group.add_argument("--noise", nargs="+", default=[], metavar="t1=0.25", help="mistakes in each CoTask, from 0 to 1")
    group.add_argument("--leak-guard", choices=("mask",), help="take the words of the answer out of them")
    group.add_argument("--evidence-from", type=Path, metavar="RUN", help="answer from the evidence that a run wrote")
    group.add_argument("--selected", type=Path, metavar="RUN", help="show the frames that `demitasse select` chose")


def run_predict(args: argparse.Namespace) -> int:
    """Ask the student; returns the exit code."""
    from demitasse.dataset import read, read_folder
    from evaluate.as_trained import FLAGS, resolve
    from evaluate.asking import Preparation, asking_of
    from evaluate.predict import predict
    from evaluate.student import open_student

    if args.batch_size < 1 or args.max_new_tokens < 1:
        raise ConfigError("--batch-size and --max-new-tokens must be 1 or more")
    trained, told = resolve(args.model, {name: getattr(args, name) for name in FLAGS})
    for line in told:
        print(line, file=sys.stderr if line.startswith("warning") else sys.stdout)
    args.mode = trained["mode"]
    settings = StudentSettings(
        args.model, frames=args.frames, max_new_tokens=args.max_new_tokens, dtype=args.dtype, **trained
    )
    files = [file for path in args.data for file in (read_folder(path) if path.is_dir() else [read(path)])]
    asking = asking_of(args)
    preparation = Preparation(asking, files)
    done = predict(
        partial(open_student, settings, args.cache, args.device),
        files,
        args.out,
        str(args.model),
        settings.record() | asking.record(),
        batch_size=args.batch_size,
        tasks=args.tasks,
        command=_spelled("predict", args),
        prepare=preparation,
    )
    failed = f", {done.failed} could not be asked (their rows say why)" if done.failed else ""
    print(f"{args.out}: {done.asked} items asked, {done.found} found done{failed}")
    for kind, count in preparation.missing.items():
        print(f"{count} items were asked without {kind}: nobody had said it")
    if done.failed:
        print(f"the first: {done.why}", file=sys.stderr)
    return done.exit_code


def add_score_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse score`."""
    from evaluate.official.command import add_profile_arguments

    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="folders that `demitasse predict` wrote")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table's figures there, by run and task")
    _add_skip(parser)
    add_profile_arguments(parser)


def run_score(args: argparse.Namespace) -> int:
    """Score runs, write `scores.jsonl` into each, and print a table."""
    from evaluate.arm import check_gold, load_arm
    from evaluate.official.command import refuse_without_profile, run_profile
    from evaluate.records import write_rows
    from evaluate.table import by_task, score_table
    from evaluate.wording import media

    if args.profile:
        return run_profile(args)
    refuse_without_profile(args)
    if not args.runs:
        raise ConfigError("give run folders, or a benchmark's --profile with its --references and --predictions")
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
    from evaluate.judge import LIMITS
    from evaluate.judge_profile import LIKERT, PROFILES

    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders that `demitasse predict` wrote")
    parser.add_argument("--model", required=True, help="the judge's name at its endpoint; 'scripted' is the demo's")
    parser.add_argument("--base-url", help="an OpenAI-compatible endpoint; OpenAI's own if not given")
    parser.add_argument("--api-key-env", default="OPENAI_API_KEY", help="environment variable that holds the key")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for one reply")
    parser.add_argument("--profile", choices=PROFILES, default=LIKERT.name, help="what is asked for: 1 to 5, or marks")
    parser.add_argument("--rubric", help="a pack of prompts/, or a .yaml file of your own (default: the profile's)")
    parser.add_argument("--concurrency", type=int, default=LIMITS.concurrency, help="requests in flight")
    parser.add_argument("--requests-per-minute", type=float, help="most requests a minute")
    parser.add_argument("--no-schema", action="store_true", help="the endpoint takes no JSON schema")
    parser.add_argument("--allow-self-judge", action="store_true", help="let a model judge its own answers")


def run_judge(args: argparse.Namespace) -> int:
    """Judge the free-text items of runs; returns the exit code of the worst."""
    from dataclasses import replace

    from evaluate.arm import load_arm
    from evaluate.judge import LIMITS, judge_run, load_rubric
    from evaluate.judge_profile import LIKERT, PROFILES

    profile = PROFILES[args.profile]
    limits = replace(LIMITS, concurrency=args.concurrency, requests_per_minute=args.requests_per_minute)
    rubric = load_rubric(args.rubric or profile.rubric)
    worst = 0
    for folder in args.runs:
        arm = load_arm(folder)
        done = judge_run(arm, _judge(args), rubric, limits, allow_self=args.allow_self_judge, profile=profile)
        print(
            f"{folder}: {done.items} free-text items, {done.scored} scored, {done.needed_no_judge} faulty without a "
            f"judge, {done.unscored} unscored ({done.unscored / done.items:.1%})"
        )
        if done.exit_code == INCOMPLETE:
            why = folder / profile.named("judge") / "quarantine.jsonl"
            print(f"{folder}: too many are unscored; {why} says why. Run it again.")
        worst = max(worst, done.exit_code)
    if profile is not LIKERT:
        _print_marks(args.runs, profile)
    return worst


def _print_marks(folders: Sequence[Path], profile: JudgeProfile) -> None:
    """Each run's marks, and from the second run on their paired change from the first."""
    from evaluate.arm import load_arm
    from evaluate.judgements import JUDGEMENTS
    from evaluate.marks import marks_changes, marks_table, read_marked, summarise_marks

    judged = [(load_arm(folder), read_marked(folder / profile.named(JUDGEMENTS), profile)) for folder in folders]
    for (arm, rows), folder in zip(judged, folders, strict=True):
        print(f"{folder}: {profile.name}")
        print(marks_table(summarise_marks(arm, profile, rows)))
    for (arm, rows), folder in zip(judged[1:], folders[1:], strict=True):
        print(f"{folders[0]} \u2192 {folder}, paired:")
        for line in marks_changes(judged[0], (arm, rows), profile):
            print(line)


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
        elif value not in (None, False, "", []) or (value == "" and name == "system_prompt"):
            words += [flag, *map(str, values)]
    return shlex.join(words)
