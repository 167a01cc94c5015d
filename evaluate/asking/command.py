"""`demitasse predict`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.chat.kinds import OPENAI_KINDS
from demitasse.stages import CHECKOUT
from demitasse.visible import one_visible_line
from evaluate.asking.arguments import add_predict_arguments, check_predict_arguments
from evaluate.asking.spread_arguments import spread_of, whole
from evaluate.asking.student import StudentSettings
from evaluate.records import Json
from evaluate.seen import overlap_sentences
from evaluate.spelled import spelled

__all__ = ["add_predict_arguments", "check_predict_arguments", "run_predict"]

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
