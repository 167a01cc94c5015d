"""`demitasse score --profile`: a benchmark's own figures from its references and a file of predictions."""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.atomic import write_text
from demitasse.errors import ConfigError
from evaluate.official.units import SECONDS, UNITS

if TYPE_CHECKING:
    from demitasse.embedding import Embedder
    from evaluate.official.report import Report

PROFILES = (
    "nextqa", "nextqa_oe", "nextgqa", "star", "videoespresso", "videomme", "mvbench", "tempcompass", "cgbench", "tar"
)  # fmt: skip
INCOMPLETE = 3
_OPTIONS = {"stopwords": "nextqa_oe", "span_unit": "nextgqa", "embedding": "videoespresso", "bertscore": "tar"}


def add_profile_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that go with `--profile`."""
    group = parser.add_argument_group("a benchmark's own figures, without run folders")
    group.add_argument("--profile", choices=PROFILES, help="the benchmark")
    group.add_argument("--references", nargs="+", type=Path, metavar="FILE", help="the benchmark's own files")
    group.add_argument(
        "--predictions", nargs="+", type=Path, metavar="FILE", help="answers by question (JSON, JSONL), or a run folder"
    )
    group.add_argument("--stopwords", type=Path, metavar="FILE", help="nextqa_oe: NExT-OE's stopwords.txt")
    group.add_argument("--span-unit", choices=UNITS, help=f"nextgqa: what predicted spans count ({SECONDS})")
    group.add_argument(
        "--embedding",
        nargs="+",
        metavar="KEY=VALUE",
        help="videoespresso: score by likeness too (backend=sentence ...)",
    )
    group.add_argument("--bertscore", type=Path, metavar="FOLDER", help="tar: BERTScore's model (a roberta-large)")


def run_profile(args: argparse.Namespace) -> int:
    """Score, print, and write the `--json` file.

    Returns:
        0, or 3 if questions have no prediction.

    Raises:
        ConfigError: for arguments that do not go with the profile.
        DataError: for files that cannot be scored.
    """
    from evaluate.official.report import MISSING, write_report

    _check(args)
    report = _score(args)
    print(write_report(report))
    if args.json is not None:
        made_with = {"demitasse": version("demitasse"), "references": _names(args.references)}
        report_json = report.to_json() | made_with | {"predictions": _names(args.predictions)}
        write_text(args.json, json.dumps(report_json, indent=2, ensure_ascii=False) + "\n")
    return INCOMPLETE if any(kind in report.counts["faults"] for kind in MISSING) else 0


def refuse_without_profile(args: argparse.Namespace) -> None:
    """Raises ConfigError if an argument that only goes with `--profile` was given without it."""
    for name in ("references", "predictions", *_OPTIONS):
        if getattr(args, name) is not None:
            raise ConfigError(f"--{name.replace('_', '-')} needs --profile: one of {', '.join(PROFILES)}")


def _check(args: argparse.Namespace) -> None:
    if args.skip_gold_faults:
        raise ConfigError("--skip-gold-faults goes with run folders; a benchmark's figures are of all its questions")
    if args.runs:
        raise ConfigError("run folders are scored without --profile; with it, give --references and --predictions")
    for name in ("references", "predictions"):
        if not getattr(args, name):
            raise ConfigError(f"--profile {args.profile} needs --{name}")
        if len(set(getattr(args, name))) < len(getattr(args, name)):
            raise ConfigError(f"--{name} names a file twice; name each once")
    if args.json is not None and args.json.is_dir():
        raise ConfigError(f"--json {args.json} is a folder; name a file")
    scored = {path.resolve() for path in (*args.references, *args.predictions)}
    if args.json is not None and args.json.resolve() in scored:
        raise ConfigError(f"--json {args.json} would write over a file that is to be scored; name another")
    for name, profile in _OPTIONS.items():
        if getattr(args, name) is not None and args.profile != profile:
            raise ConfigError(f"--{name.replace('_', '-')} goes with --profile {profile}, not {args.profile}")


def _score(args: argparse.Namespace) -> Report:
    """A branch for each profile that takes more than files; only what it needs is loaded."""
    files = (args.references, args.predictions)
    if args.profile == "nextgqa":
        from evaluate.official import nextgqa

        return nextgqa.score(*files, args.span_unit or SECONDS)
    if args.profile == "nextqa_oe":
        from evaluate.official import nextqa_oe
        from evaluate.official.wordnet import WordNet

        return nextqa_oe.score(*files, WordNet(), args.stopwords)
    if args.profile == "videoespresso":
        from evaluate.official import videoespresso

        return videoespresso.score(*files, _embedder(args.embedding))
    if args.profile == "tar":
        from evaluate.official import tar
        from evaluate.score.overlap import BertScore

        return tar.score(*files, BertScore(args.bertscore) if args.bertscore else None)
    report: Report = import_module(f"evaluate.official.{args.profile}").score(*files)
    return report


def _embedder(settings: list[str] | None) -> Embedder | None:
    from demitasse.config import read_config
    from demitasse.embedding import EmbeddingConfig, open_embedder

    if settings is None:
        return None
    return open_embedder(read_config(EmbeddingConfig, None, settings))


def _names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]
