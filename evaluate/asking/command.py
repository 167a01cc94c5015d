"""`demitasse predict`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from demitasse.chat.kinds import OPENAI_KINDS
from demitasse.errors import ConfigError
from demitasse.stages import CHECKOUT
from demitasse.student.modes import AskMode, CotaskSource, Frames, Positions
from demitasse.visible import one_visible_line
from evaluate.asking.shown import SentAs
from evaluate.asking.spread_arguments import add_spread_arguments, spread_of, whole
from evaluate.asking.student import Mcq, StudentSettings
from evaluate.records import Json
from evaluate.seen import overlap_sentences
from evaluate.spelled import spelled

if TYPE_CHECKING:
    from demitasse.dataset import TaskFile
    from demitasse.engine.budget import Ledger
    from demitasse.engine.shard import Shard
    from evaluate.asking.answering import Endpoint, Student
    from evaluate.asking.preparation import Asking
    from evaluate.asking.spread import Spread


@dataclass(frozen=True, slots=True)
class Opened:
    """Who is asked: what opens it, all that decides its answers, its name, and the money of a run folder's shard."""

    open: Callable[[], Student | Endpoint]
    record: Json
    name: str
    purse: Callable[[Path, Shard | None], Ledger | None] = lambda _, __: None


Opener = Callable[[StudentSettings], Opened]
PRICES = CHECKOUT / "annotate" / "prices.yaml"
INTERRUPTED = 130
_DEFAULTS = StudentSettings(model=Path())


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
        default=_DEFAULTS.mcq,
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
    parser.add_argument("--batch-size", type=int, default=8, help="items asked at once (default: %(default)s)")
    parser.add_argument(
        "--dtype",
        default=_DEFAULTS.dtype,
        choices=("auto", "float32", "bfloat16", "float16"),
        help="of the weights; auto: the checkpoint's own (default: %(default)s)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: %(default)s)")
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/cache"), help="folder of decoded frames (default: %(default)s)"
    )
    _add_endpoint_arguments(parser.add_argument_group("behind a chat endpoint, of the student or of any other model"))
    _add_asking_arguments(parser.add_argument_group("what is put beside the questions"))
    add_spread_arguments(parser.add_argument_group("in several processes (docs/scale.md)"))


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
    group.add_argument(
        "--api-key-env", default="OPENAI_API_KEY", help="environment variable that holds the key (default: %(default)s)"
    )
    group.add_argument("--timeout", type=float, default=300.0, help="seconds for one reply (default: %(default)s)")
    group.add_argument("--concurrency", type=int, default=8, help="requests in flight (default: %(default)s)")
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
    if args.batch_size < 1 or args.max_new_tokens < 1:
        raise ConfigError("--batch-size and --max-new-tokens must be 1 or more")
    _check_endpoint(args)
    _check_draws(args)


def run_predict(args: argparse.Namespace) -> int:
    """Ask the student; returns the exit code."""
    from demitasse.dataset import read, read_folder
    from evaluate.asking.as_trained import FLAGS, resolve
    from evaluate.asking.preparation import asking_of

    check_predict_arguments(args)
    spread = spread_of(args)
    folder = args.student if args.endpoint else Path(args.model)
    trained, told = resolve(folder, {name: getattr(args, name) for name in FLAGS})
    for line in told:
        print(line, file=sys.stderr if line.startswith("warning") else sys.stdout)
    args.mode = trained["mode"]
    own = {name: getattr(args, name) for name in ("frames", "max_new_tokens", "dtype", "mcq", "seed")}
    own["temperature"] = 0.0 if args.endpoint else args.temperature  # an endpoint is told by `EndpointSettings`
    settings = StudentSettings(folder or Path(), **own, **trained)
    files = [file for path in args.data for file in (read_folder(path) if path.is_dir() else [read(path)])]
    asking = asking_of(args)
    open_one = partial(_endpoint, args) if args.endpoint else _local(args, settings)
    run = partial(_run, args, files, asking, spread)
    return run(open_one(settings), args.out) if args.repeats is None else _run_repeats(args, run, open_one, settings)


def _run(
    args: argparse.Namespace,
    files: Sequence[TaskFile],
    asking: Asking,
    spread: Spread,
    opened: Opened,
    out: Path,
) -> int:
    """One run folder; returns the exit code."""
    from demitasse.student.trained_on import read_trained_on
    from evaluate.asking.predict import predict
    from evaluate.asking.preparation import Preparation

    folder = args.student if args.endpoint else Path(args.model)
    preparation = Preparation(asking, files)
    shuffle = args.seed if args.frames == "shuffled" else None
    done = predict(
        opened.open,
        files,
        out,
        opened.name,
        opened.record | asking.record() | ({} if shuffle is None else {"shuffle_seed": shuffle}),
        batch_size=1 if args.endpoint else args.batch_size,
        tasks=args.tasks,
        command=spelled("predict", whole(args)),
        prepare=preparation,
        shuffle=shuffle,
        seen=read_trained_on(folder) if folder else None,
        purse=partial(opened.purse, out),
        spread=spread,
    )
    failed = f", {done.failed} could not be asked (their rows say why)" if done.failed else ""
    left = f", {done.unasked} are left" if done.unasked else ""
    where = spread.shard.folder(out) if spread.shard else out
    print(f"{where}: {done.asked} items {'merged' if spread.merge else 'asked'}, {done.found} found done{failed}{left}")
    for kind, count in preparation.missing.items():
        print(f"{count} items were asked without {kind}: nobody had said it")
    for sentence in overlap_sentences(done.trained_on):
        print(f"warning: {sentence}", file=sys.stderr)
    if done.failed:
        print(f"the first: {one_visible_line(done.why)}", file=sys.stderr)
    if done.halted:
        print(f"stopped: {done.halted}", file=sys.stderr)
    if done.interrupted:
        print("interrupted: run the same command to go on", file=sys.stderr)
    return done.exit_code


def _run_repeats(
    args: argparse.Namespace, run: Callable[[Opened, Path], int], open_one: Opener, settings: StudentSettings
) -> int:
    """A run folder for each repeat, and how far they differ; returns the worst exit code."""
    from evaluate.asking.repeats import REPEATS, folder_of, repeats_table, write_repeats

    worst = 0
    for repeat in range(1, args.repeats + 1):
        out = folder_of(args.out, repeat)
        worst = max(worst, run(open_one(replace(settings, seed=args.seed + repeat)), out))
        if worst == INTERRUPTED:
            return worst
    print(f"{args.out / REPEATS}: {args.repeats} runs\n{repeats_table(write_repeats(args.out, args.repeats))}")
    return worst


def _check_endpoint(args: argparse.Namespace) -> None:
    """Refuse what says nothing with an endpoint, or without one."""
    if args.endpoint:
        if args.positions:
            raise ConfigError("--positions is said of a student in this process; an endpoint counts its own")
        if args.mcq == "letters":
            raise ConfigError("--mcq letters needs a student in this process: an endpoint tells only what it writes")
        if not args.timeout > 0:
            raise ConfigError(f"--timeout is {args.timeout:g}; it must be above 0 seconds")
        return
    for name in ("student", "kind", "send", "requests_per_minute", "budget_usd"):
        if getattr(args, name) is not None:
            raise ConfigError(f"--{name.replace('_', '-')} is said of an endpoint; name it with --endpoint")
    if args.temperature is None:
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


def _local(args: argparse.Namespace, settings: StudentSettings) -> Opener:
    """How to open the student of a folder, loaded once however often it is opened; on a cluster by each worker."""
    from evaluate.asking.student import open_student

    def opener(asked: StudentSettings) -> Opened:
        anew = partial(open_student, asked, args.cache, args.device)
        again = lambda: loaded().with_seed(asked.seed)  # noqa: E731
        return Opened(anew if args.executor == "ray" else again, asked.record(), args.model)

    loaded = cache(partial(open_student, settings, args.cache, args.device))
    return opener


def _endpoint(args: argparse.Namespace, settings: StudentSettings) -> Opened:
    """How to open the model behind an endpoint, what decides its answers, and its name."""
    from demitasse.chat.openai import OpenAIChat
    from demitasse.engine.budget import open_purse
    from demitasse.engine.limits import Limits
    from demitasse.prices import load_prices
    from evaluate.asking.endpoint import EndpointSettings, endpoint_record, open_endpoint, open_eyes, served_otherwise
    from evaluate.asking.shown import sent_as

    capability = OPENAI_KINDS[args.kind] if args.kind else None
    open_chat = partial(
        OpenAIChat, args.model, args.endpoint, args.api_key_env, args.timeout, capability, args.concurrency
    )
    chat = open_chat()
    _, style = open_eyes(settings, args.student, args.cache)
    how = EndpointSettings(
        args.send or sent_as(chat.capability),
        style or chat.capability.boxes or None,
        args.temperature,
        settings.max_new_tokens,
        settings.mode,
        settings.system_prompt,
        settings.seed,
    )
    if args.kind == "vllm" and args.student and (note := served_otherwise(args.student)):
        print(note, file=sys.stderr)
    if not args.kind:
        print(f"{chat.name}: videos go out as {how.sent_as}; if it is vLLM or SGLang, say so with --kind")
    limits = Limits(concurrency=args.concurrency, requests_per_minute=args.requests_per_minute)
    prices = load_prices(args.prices or PRICES)
    return Opened(
        partial(open_endpoint, open_chat, settings, args.student, args.cache, how, limits, prices),
        endpoint_record(settings, args.student, chat, how),
        chat.name,
        lambda out, shard: open_purse(prices, args.budget_usd, out, [chat.name], shard),
    )
