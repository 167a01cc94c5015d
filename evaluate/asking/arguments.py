"""The arguments of `demitasse predict`, and what is refused of them before anything is loaded."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from demitasse.chat.kinds import OPENAI_KINDS
from demitasse.errors import ConfigError
from demitasse.extras import need
from demitasse.student.modes import AskMode, CotaskSource, Frames, Positions
from evaluate.asking.shown import SentAs
from evaluate.asking.spread_arguments import add_spread_arguments
from evaluate.asking.student import Mcq, StudentSettings

_DEFAULTS = StudentSettings(model=Path())

# What changes something only with `--endpoint`, or only without: its default.
_OF_AN_ENDPOINT: dict[str, object] = {
    "student": None,
    "kind": None,
    "send": None,
    "api_key_env": "OPENAI_API_KEY",
    "timeout": 300.0,
    "concurrency": 8,
    "requests_per_minute": None,
    "budget_usd": None,
    "prices": None,
}
_OF_THIS_PROCESS: dict[str, object] = {
    "positions": None,
    "mcq": _DEFAULTS.mcq,
    "batch_size": 8,
    "dtype": _DEFAULTS.dtype,
    "device": "auto",
}


def add_predict_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse predict`."""
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="dataset files, or folders of them")
    parser.add_argument("--model", required=True, help="folder of a student or of a LoRA adapter; its name there")
    parser.add_argument("--out", type=Path, required=True, help="run folder to write; an unfinished run goes on")
    parser.add_argument("--tasks", nargs="+", default=[], help="ask only these tasks")
    _add_trained_arguments(parser.add_argument_group("as in training, which a student of `demitasse train` remembers"))
    parser.add_argument(
        "--frames",
        choices=get_args(Frames),
        default=_DEFAULTS.frames,
        help="all but video: controls (default: %(default)s)",
    )
    parser.add_argument(
        "--max-new-tokens", type=int, default=_DEFAULTS.max_new_tokens, help="longest answer (default: %(default)s)"
    )
    parser.add_argument(
        "--mcq",
        choices=get_args(Mcq),
        help="letters: one pass, no writing (default: %(default)s)",
    )
    parser.add_argument(
        "--temperature",
        type=_temperature,
        default=0.0,
        help="0: greedy; none: the endpoint's own (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of words that are drawn, and of shuffled videos (default: %(default)s)"
    )
    parser.add_argument("--repeats", type=int, metavar="K", help="ask K times, with seed + 1 … seed + K")
    parser.add_argument("--batch-size", type=int, help="items asked at once (default: %(default)s)")
    parser.add_argument(
        "--dtype",
        choices=("auto", "float32", "bfloat16", "float16"),
        help="of the weights; auto: the checkpoint's own (default: %(default)s)",
    )
    parser.add_argument("--device", help="auto, cpu, cuda, cuda:1, mps (default: %(default)s)")
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/cache"), help="folder of decoded frames (default: %(default)s)"
    )
    _add_endpoint_arguments(parser.add_argument_group("behind a chat endpoint, of the student or of any other model"))
    _add_asking_arguments(parser.add_argument_group("what is put beside the questions"))
    add_spread_arguments(parser.add_argument_group("in several processes (docs/scale.md)"))
    parser.set_defaults(**_OF_AN_ENDPOINT, **_OF_THIS_PROCESS)


def _add_trained_arguments(group: argparse._ArgumentGroup) -> None:
    """None stands for what the student remembers; for one that remembers nothing, for the default."""
    usual = _DEFAULTS
    group.add_argument("--mode", choices=get_args(AskMode), help=f"the way of asking (default: {usual.mode})")
    group.add_argument("--fps", type=float, help=f"frames a second (default: {usual.fps:g})")
    group.add_argument("--max-frames", type=int, help=f"most frames of a video (default: {usual.max_frames})")
    group.add_argument("--min-frames", type=int, help=f"fewest frames of a video (default: {usual.min_frames})")
    group.add_argument("--max-pixels", type=int, help="most pixels of a frame or image (default: the model's)")
    group.add_argument("--min-pixels", type=int, help="fewest pixels of a frame or image (default: the model's)")
    group.add_argument(
        "--video-pixels", type=int, help="most pixels of all frames of a video together (default: no bound)"
    )
    group.add_argument("--system-prompt", help="put before every question (default: none)")
    group.add_argument(
        "--positions", choices=get_args(Positions), help="behind a video (default: as its weights learnt)"
    )


def _add_endpoint_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--endpoint", metavar="URL", help="an OpenAI-compatible one, such as http://127.0.0.1:8000/v1")
    group.add_argument("--student", type=Path, metavar="DIR", help="folder of what is served: it is asked as trained")
    group.add_argument(
        "--kind", choices=sorted(OPENAI_KINDS), help="what serves it (default: as the host's name tells)"
    )
    group.add_argument("--send", choices=get_args(SentAs), help="how a video goes out (default: as its kind keeps it)")
    group.add_argument("--api-key-env", help="environment variable that holds the key (default: %(default)s)")
    group.add_argument("--timeout", type=float, help="seconds for one reply (default: %(default)s)")
    group.add_argument("--concurrency", type=int, help="requests in flight (default: %(default)s)")
    group.add_argument("--requests-per-minute", type=float, help="most requests a minute")
    group.add_argument("--budget-usd", type=float, help="never spend more, earlier runs in the folder included")
    group.add_argument("--prices", type=Path, help="price table (default: annotate/prices.yaml)")


def _temperature(word: str) -> float | None:
    return None if word == "none" else float(word)


def _add_asking_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--cotasks", default="", metavar="1234", help="put these CoTasks before each question")
    group.add_argument(
        "--cotasks-source",
        choices=get_args(CotaskSource),
        default="oracle",
        help="where they come from (default: %(default)s)",
    )
    group.add_argument(
        "--cotasks-from", nargs="+", type=Path, default=[], metavar="RUN", help="runs that predicted them"
    )
    group.add_argument("--cotasks-seed", type=int, default=0, help="of shuffled and noisy ones (default: %(default)s)")
    group.add_argument("--noise", nargs="+", default=[], metavar="t1=0.25", help="mistakes in each CoTask, from 0 to 1")
    group.add_argument("--leak-guard", choices=("mask",), help="take the words of the answer out of them")
    group.add_argument("--evidence-from", type=Path, metavar="RUN", help="answer from the evidence that a run wrote")
    group.add_argument("--selected", type=Path, metavar="RUN", help="show the frames that `demitasse select` chose")


def check_predict_arguments(args: argparse.Namespace) -> None:
    """Refuse what contradicts itself.

    Raises:
        ConfigError: naming the argument.
    """
    if not args.merge:
        need("train")  # whoever is asked, the frames are chosen as for a student
    if args.batch_size < 1 or args.max_new_tokens < 1:
        raise ConfigError("--batch-size and --max-new-tokens must be 1 or more")
    _check_endpoint(args)
    _check_draws(args)


def _check_endpoint(args: argparse.Namespace) -> None:
    """Refuse what would do nothing with an endpoint, or without one."""
    if args.endpoint and args.mcq == "letters":
        raise ConfigError("--mcq letters needs a student in this process: an endpoint tells only what it writes")
    for name, usual in (_OF_THIS_PROCESS if args.endpoint else _OF_AN_ENDPOINT).items():
        if getattr(args, name) != usual:
            option = f"--{name.replace('_', '-')}"
            if args.endpoint:
                raise ConfigError(f"{option} is said of a student in this process, not of one behind an --endpoint")
            raise ConfigError(f"{option} is said of an endpoint; name it with --endpoint")
    if not args.timeout > 0:
        raise ConfigError(f"--timeout is {args.timeout:g}; it must be above 0 seconds")
    if not args.endpoint and args.temperature is None:
        raise ConfigError("--temperature none leaves it to an endpoint; name it with --endpoint, or give a number")


def _check_draws(args: argparse.Namespace) -> None:
    """Refuse repeats that would be equal, and a seed of nothing."""
    if args.temperature is not None and not 0 <= args.temperature <= 100:
        raise ConfigError(f"--temperature is {args.temperature}; it must be from 0 to 100")
    if args.repeats is not None and args.repeats < 2:
        raise ConfigError(f"--repeats is {args.repeats}; a spread needs 2 or more")
    if args.repeats and args.temperature == 0:
        raise ConfigError("--repeats of greedy answers are equal; give a --temperature above 0, such as 0.7")
    # With --temperature none the endpoint is left to itself, and no seed is sent.
    if args.seed and not args.temperature and args.frames != "shuffled":
        raise ConfigError("--seed changes nothing without a --temperature above 0 or --frames shuffled")
