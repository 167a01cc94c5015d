"""`demitasse judge`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demitasse.chat.model import ChatModel
    from evaluate.judging.profile import JudgeProfile

SCRIPTED = "scripted"  # as a judge: the stand-in that knows only the toy world
INCOMPLETE = 3


def add_judge_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse judge`."""
    from evaluate.judging.judge import LIMITS
    from evaluate.judging.profile import LIKERT, PROFILES

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

    from evaluate.comparing.arm import load_arm
    from evaluate.judging.judge import LIMITS, judge_run, load_rubric
    from evaluate.judging.profile import LIKERT, PROFILES

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
    from evaluate.comparing.arm import load_arm
    from evaluate.judging.judgements import JUDGEMENTS
    from evaluate.judging.marks import marks_changes, marks_table, read_marked, summarise_marks

    judged = [(load_arm(folder), read_marked(folder / profile.named(JUDGEMENTS), profile)) for folder in folders]
    for (arm, rows), folder in zip(judged, folders, strict=True):
        print(f"{folder}: {profile.name}")
        print(marks_table(summarise_marks(arm, profile, rows)))
    for (arm, rows), folder in zip(judged[1:], folders[1:], strict=True):
        print(f"{folders[0]} \u2192 {folder}, paired:")
        for line in marks_changes(judged[0], (arm, rows), profile):
            print(line)


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
