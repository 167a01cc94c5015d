"""`demitasse calibrate`: a sample of judged answers for people to label, and what their labels say of the judge."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from demitasse.atomic import write_text
from demitasse.errors import ConfigError, DataError
from demitasse.subcommand import add_subcommand
from evaluate.comparing.arm import Arm, load_arm
from evaluate.spelled import named_run

FEWEST = 10  # items: fewer say nothing about a judge


def add_calibrate_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse calibrate`."""
    commands = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    sample = add_subcommand(commands, "sample", "draw answers, and write the page to label them on")
    sample.add_argument("runs", nargs="+", metavar="[NAME=]RUN", help="judged runs of the same items")
    sample.add_argument("--out", type=Path, required=True, help="folder for sample.json and label.html")
    sample.add_argument(
        "--items",
        type=int,
        default=150,
        metavar="N",
        help="items; each run's answer is labelled (default: %(default)s)",
    )
    sample.add_argument("--seed", type=int, default=0, help="of the lot (default: %(default)s)")
    sample.add_argument("--media", type=Path, help="folder of the videos, for the page")
    score = add_subcommand(commands, "score", "agreement, and means corrected by what people found")
    score.add_argument("folder", type=Path, metavar="DIR", help="the sample's folder")
    score.add_argument("--labels", nargs="+", type=Path, required=True, help="labels_NAME.json, or card,score as CSV")


def run_calibrate(args: argparse.Namespace) -> int:
    """Draw a sample or score its labels; 3 if some cards have no label."""
    return _sample(args) if args.step == "sample" else _score(args)


def _sample(args: argparse.Namespace) -> int:
    from evaluate.calibrating.page import write_page
    from evaluate.calibrating.sample import SAMPLE, draw, write_sample
    from evaluate.comparing.alike import check_alike
    from evaluate.media_folder import check_media_folder

    check_media_folder(args.media)
    if args.items < FEWEST:
        raise ConfigError(f"--items {args.items}: fewer than {FEWEST} labelled items say nothing about a judge")
    if (args.out / SAMPLE).exists():
        raise ConfigError(f"{args.out / SAMPLE} is there already, and labels may be of it; give another --out")
    arms = [load_arm(folder, name) for name, folder in map(named_run, args.runs)]
    if len(arms) > 1:
        check_alike(arms)
    cards = draw(arms, args.items, args.seed)
    write_sample(args.out, cards, arms)
    page = write_page(args.out, cards, _scale(arms[0]), args.media)
    print(f"{page}: {len(cards)} answers to label, of {len({card.item_id for card in cards})} items")
    print(f"then: demitasse calibrate score {args.out} --labels labels_NAME.json ...")
    return 0


def _score(args: argparse.Namespace) -> int:
    from evaluate.calibrating.calibrate import calibrate
    from evaluate.calibrating.labels import read_labels
    from evaluate.calibrating.sample import read_sample
    from evaluate.calibrating.tell import CALIBRATION, told

    sample, runs, cards = read_sample(args.folder)
    people = [read_labels(path, sample, {card.card for card in cards}) for path in args.labels]
    names = [one.annotator for one in people]
    if len(set(names)) < len(names):
        raise DataError(f"two files have labels of the same annotator: {', '.join(sorted(names))}")
    result = calibrate(cards, people, [load_arm(Path(folder), name) for name, folder in runs.items()])
    write_text(args.folder / CALIBRATION, json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    for line in told(result):
        print(line)
    missing = len(cards) - result["cards"]
    if missing:
        print(f"{missing} of {len(cards)} cards have no label")
    return 3 if missing else 0


def _scale(arm: Arm) -> str:
    """The scale that the judge was given; the usual one for judgements of elsewhere."""
    from demitasse.prompts import read_pack_text
    from evaluate.judging.profile import LIKERT

    prompts = arm.judge.get("prompts") or {}
    return str(prompts.get("scale") or read_pack_text(LIKERT.rubric).prompts["scale"])
