"""`demitasse judge`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from demitasse.errors import ConfigError
from demitasse.visible import visible
from evaluate.spelled import spelled

if TYPE_CHECKING:
    from demitasse.engine.limits import Limits
    from demitasse.prices import Prices
    from evaluate.comparing.arm import Arm
    from evaluate.judging.gather import Money
    from evaluate.judging.jury import JudgeSettings
    from evaluate.judging.protocol import Protocol

INCOMPLETE = 3
EXIT_INTERRUPTED = 130


def add_judge_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse judge`."""
    from evaluate.judging.gather import LIMITS

    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders that `demitasse predict` wrote")
    _add_judges(parser.add_argument_group("who judges"))
    _add_rules(parser.add_argument_group("by which rules"))
    _add_controls(parser.add_argument_group("what the judge is worth"))
    parser.add_argument("--plan", action="store_true", help="print requests, tokens and money, and ask nobody")
    parser.add_argument("--budget", type=float, metavar="DOLLARS", help="stop before this is passed, over all runs")
    parser.add_argument("--prices", type=Path, help="a price table (default: annotate/prices.yaml)")
    parser.add_argument(
        "--concurrency",
        type=int,
        default=LIMITS.concurrency,
        help="requests in flight, of each judge (default: %(default)s)",
    )
    parser.add_argument("--requests-per-minute", type=float, help="most requests a minute, to each judge")


def _add_judges(group: argparse._ArgumentGroup) -> None:
    from evaluate.judging.protocol import MAX_TOKENS

    group.add_argument(
        "--model", action="append", default=[], help="a judge's name at its endpoint; again for another judge there; "
        "'scripted' is the demo's"
    )  # fmt: skip
    group.add_argument("--judges", type=Path, metavar="FILE", help="a YAML file of judges, each with its endpoint")
    group.add_argument(
        "--base-url", "--endpoint", metavar="URL", help="an OpenAI-compatible endpoint; OpenAI's own if not given"
    )
    group.add_argument(
        "--api-key-env", default="OPENAI_API_KEY", help="environment variable that holds the key (default: %(default)s)"
    )
    group.add_argument(
        "--temperature", default="0", help="none: not sent, for models that refuse it (default: %(default)s)"
    )
    group.add_argument(
        "--max-tokens", type=int, default=MAX_TOKENS, help="of a reply, thoughts included (default: %(default)s)"
    )
    group.add_argument("--timeout", type=float, default=120.0, help="seconds for one reply (default: %(default)s)")
    group.add_argument("--no-schema", action="store_true", help="the endpoint takes no JSON schema")
    group.add_argument("--allow-self-judge", action="store_true", help="let a model judge its own answers")


def _temperature(text: str) -> float | None:
    try:
        value = None if text == "none" else float(text)
    except ValueError:
        value = -1.0
    if value is not None and not 0 <= value <= 2:
        raise ConfigError(f"--temperature is '{text}'; it must be a number from 0 to 2, or none")
    return value


def _add_rules(group: argparse._ArgumentGroup) -> None:
    from evaluate.judging.profile import LIKERT, PROFILES
    from evaluate.judging.protocol import Pooling

    group.add_argument(
        "--profile",
        default=LIKERT.name,
        help=f"what is asked for: {', '.join(PROFILES)}, or a .yaml file with marks (default: %(default)s)",
    )
    group.add_argument("--rubric", help="a pack of prompts/, or a .yaml file of your own (default: the profile's)")
    group.add_argument("--questions", type=Path, metavar="FILE", help="a question for each key, where items are keys")
    group.add_argument(
        "--repeats", type=int, default=1, help="times that each judge is asked about each item (default: %(default)s)"
    )
    group.add_argument(
        "--pooling", choices=get_args(Pooling), default="median", help="over judges (default: %(default)s)"
    )
    group.add_argument(
        "--frames",
        type=int,
        default=0,
        metavar="N",
        help="show N frames of each video; 0: text alone (default: %(default)s)",
    )
    group.add_argument("--media", type=Path, help="folder of the videos, for --frames")


def _add_controls(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--controls", action="store_true", help="ask controls and probes too, apart from the result")
    group.add_argument(
        "--controls-items", type=int, default=50, metavar="N", help="of so many items, drawn (default: %(default)s)"
    )
    group.add_argument("--seed", type=int, default=0, help="of that drawing (default: %(default)s)")


def check_judge_arguments(args: argparse.Namespace) -> None:
    """Refuse judges, rules and limits that cannot be used.

    Raises:
        ConfigError: naming the argument.
    """
    _settings(args)
    _protocol(args)
    _limits(args)


def run_judge(args: argparse.Namespace) -> int:
    """Judge the free-text items of runs; returns the exit code of the worst."""
    from evaluate.comparing.arm import load_arm
    from evaluate.judging.tell import print_marks

    settings, protocol, prices = _settings(args), _protocol(args), _prices(args)
    limits = _limits(args)  # a plan is of a run that these let begin
    arms = [load_arm(folder) for folder in args.runs]
    if args.plan:
        _plan(args, arms, settings, protocol, prices)
        return 0
    if args.budget is not None:
        _check_prices(args.budget, settings, prices)
    worst = 0
    for arm in arms:
        worst = max(worst, _judge(args, arm, settings, protocol, prices, limits))
    if protocol.profile.figured:
        print_marks(args.runs, protocol.profile)
    return worst


def _judge(
    args: argparse.Namespace,
    arm: Arm,
    settings: list[JudgeSettings],
    protocol: Protocol,
    prices: Prices,
    limits: Limits,
) -> int:
    """Judge one run, and ask its controls; returns the exit code."""
    from evaluate.judging.controls import FOLDER, Sample, run_controls
    from evaluate.judging.judge import WORK_FOLDER, judge_run
    from evaluate.judging.tell import control_lines, lines

    work = arm.folder / protocol.profile.named(WORK_FOLDER)
    judges = [one.open() for one in settings]
    money = _money(args, protocol, prices, work)
    told = spelled("judge", args)
    done = judge_run(arm, judges, protocol, limits, args.allow_self_judge, money=money, command=told)
    _print(lines(arm.folder, done, protocol.profile))
    if not args.controls or done.interrupted or done.halted:
        return done.exit_code
    judges = [one.open() for one in settings]  # an endpoint's connections end with the run
    money = _money(args, protocol, prices, work / FOLDER)
    found = run_controls(arm, judges, protocol, done, Sample(args.controls_items, args.seed), limits, money=money)
    _print(control_lines(found))
    if found["controls"]["interrupted"]:
        return EXIT_INTERRUPTED
    return INCOMPLETE if found["controls"]["halted"] else done.exit_code


def _print(told: Iterator[tuple[str, bool]]) -> None:
    for line, warns in told:
        print(visible(line), file=sys.stderr if warns else sys.stdout)  # the models' names are the endpoint's


def _limits(args: argparse.Namespace) -> Limits:
    from dataclasses import replace

    from evaluate.judging.gather import LIMITS

    return replace(LIMITS, concurrency=args.concurrency, requests_per_minute=args.requests_per_minute)


def _settings(args: argparse.Namespace) -> list[JudgeSettings]:
    from evaluate.judging.jury import JudgeSettings, check_jury, read_jury

    if args.model and args.judges:
        raise ConfigError("--model and --judges both say who judges; leave one of them out")
    if not args.model and not args.judges:
        raise ConfigError("name a judge with --model, or several in a file with --judges; there is no default judge")
    if args.judges:
        return read_jury(args.judges)
    for name, value in (("--max-tokens", args.max_tokens), ("--timeout", args.timeout)):
        if value <= 0:
            raise ConfigError(f"{name} is {value:g}; it must be above 0")
    named = [
        JudgeSettings(
            name,
            args.base_url or "",
            args.api_key_env,
            _temperature(args.temperature),
            args.max_tokens,
            args.timeout,
            json_schema=False if args.no_schema else None,
        )
        for name in args.model
    ]
    check_jury(named, "--model")
    return named


def _protocol(args: argparse.Namespace) -> Protocol:
    from demitasse.prompts.rubric import load_rubric
    from evaluate.judging.profile import PROFILES
    from evaluate.judging.profile_file import read_profile
    from evaluate.judging.protocol import Protocol
    from evaluate.judging.questions import read_questions
    from evaluate.judging.sight import Sight

    if args.repeats < 1:
        raise ConfigError(f"--repeats is {args.repeats}; it must be 1 or more")
    if args.profile.endswith((".yaml", ".yml")):
        profile, rubric = read_profile(Path(args.profile))
    elif args.profile in PROFILES:
        profile = PROFILES[args.profile]
        rubric = load_rubric(args.rubric or profile.rubric)
    else:
        known = ", ".join(PROFILES)
        raise ConfigError(f"--profile is '{args.profile}'; it must be one of {known}, or a .yaml file that has marks")
    if args.rubric and args.profile not in PROFILES:
        raise ConfigError(f"--rubric is for the profiles that come along; {args.profile} has its own words")
    if args.frames and args.media is None:
        raise ConfigError("--frames needs --media, the folder that the items' video ids count from")
    sight = Sight(args.media, args.frames) if args.frames else None
    questions = read_questions(args.questions, profile, rubric) if args.questions else None
    return Protocol(profile, rubric, questions, args.repeats, args.pooling, sight)


def _prices(args: argparse.Namespace) -> Prices:
    from demitasse.prices import load_prices
    from demitasse.stages import CHECKOUT

    return load_prices(args.prices or CHECKOUT / "annotate" / "prices.yaml")


def _check_prices(budget: float, settings: list[JudgeSettings], prices: Prices) -> None:
    if budget <= 0:
        raise ConfigError(f"--budget is {budget:g}; it must be above 0")
    for one in settings:
        if prices.find(one.name) is None:
            raise ConfigError(
                f"--budget is {budget:g}, but {prices.source} has no price for {one.name}: name a table that has one "
                "with --prices, or leave the budget out"
            )


def _money(args: argparse.Namespace, protocol: Protocol, prices: Prices, work: Path) -> Money:
    """The prices and what is left for a folder, after what all the runs of this command have spent elsewhere."""
    from demitasse.engine.budget import spent_in
    from evaluate.judging.controls import FOLDER
    from evaluate.judging.gather import Money
    from evaluate.judging.judge import WORK_FOLDER

    folders = [folder / protocol.profile.named(WORK_FOLDER) for folder in args.runs]
    others = {one for folder in folders for one in (folder, folder / FOLDER)} - {work}
    return Money(prices, args.budget, sum(spent_in(one, prices) for one in others))


def _plan(
    args: argparse.Namespace, arms: list[Arm], settings: list[JudgeSettings], protocol: Protocol, prices: Prices
) -> None:
    from dataclasses import replace

    from evaluate.judging.controls import FOLDER, Sample
    from evaluate.judging.judge import WORK_FOLDER
    from evaluate.judging.plan import Seat, plan_votes
    from evaluate.judging.protocol import exchanges
    from evaluate.judging.tell import plan_lines

    seats = [Seat(one.name, one.sampling) for one in settings]
    plans = []
    for arm in arms:
        work = arm.folder / protocol.profile.named(WORK_FOLDER)
        plans += plan_votes(list(exchanges(arm.items, arm.predictions)), seats, protocol, work, prices)
        if args.controls:
            given = Sample(args.controls_items, args.seed).exchanges(arm)
            plans += plan_votes(given, seats, replace(protocol, repeats=1), work / FOLDER, prices)
    for line in plan_lines(plans, args.budget):
        print(line)
