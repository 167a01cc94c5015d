"""`demitasse results`: a run's results in another tool's files, and back."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.errors import ConfigError, is_disk_full
from evaluate.spelled import spelled

if TYPE_CHECKING:
    from evaluate.comparing.arm import Arm
    from evaluate.records import Scored

INCOMPLETE = 3
_SHOWN = 5  # ids of missing items that are printed
_MODES = ("answer", "explain")  # ways that need nothing but the question; "think" asks as "answer" does
_NEEDS_DATA = ("tar",)  # --to these: what they say of an item is not in a run's rows
_USUAL = {"mode": "answer", "system_prompt": "", "max_new_tokens": 512, "project": "demitasse", "data": []}
_FOR = {"mode": "lmms-task", "system_prompt": "lmms-task", "max_new_tokens": "lmms-task", "project": "wandb"}


def add_results_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse results`."""
    parser.add_argument(
        "sources", nargs="+", type=Path, metavar="SOURCE", help="a run; for lmms-task dataset files; for --from samples"
    )
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--to", choices=(*_WRITERS, "lmms-task", *_NEEDS_DATA), help="write for this tool")
    way.add_argument("--from", dest="from_", choices=("lmms",), help="make a run of this tool's files")
    parser.add_argument("--out", type=Path, required=True, help="folder, or for inspect a file: .eval or .json")
    parser.add_argument("--data", nargs="+", type=Path, default=[], help="of --from and --to tar: what was asked")
    parser.add_argument("--skip-gold-faults", action="store_true", help="leave out items whose reference is at fault")
    group = parser.add_argument_group("of --to lmms-task")
    group.add_argument(
        "--mode", choices=_MODES, default=_USUAL["mode"], help="the way of asking (default: %(default)s)"
    )
    group.add_argument(
        "--system-prompt", default=_USUAL["system_prompt"], help="put before every question (default: none)"
    )
    group.add_argument(
        "--max-new-tokens", type=int, default=_USUAL["max_new_tokens"], help="longest answer (default: %(default)s)"
    )
    group = parser.add_argument_group("of --to wandb; WANDB_MODE=offline keeps it here")
    group.add_argument(
        "--project", default=_USUAL["project"], help="the project that the run is put into (default: %(default)s)"
    )


def run_results(args: argparse.Namespace) -> int:
    """Write or read another tool's files; 3 if something is missing or was left out."""
    _check(args)
    work = _import if args.from_ else {"lmms-task": _write_task, "tar": _write_submission}.get(args.to, _write)
    try:
        return work(args)
    except OSError as fault:
        if is_disk_full(fault):
            raise
        raise ConfigError(f"{fault.filename or args.out}: {fault.strerror}; mend that, or give another path") from fault


def _check(args: argparse.Namespace) -> None:
    """Refuse what says nothing here."""
    for name, of in _FOR.items():
        if getattr(args, name) != _USUAL[name] and args.to != of:
            raise ConfigError(f"--{name.replace('_', '-')} is said of --to {of}")
    if bool(args.data) != bool(args.from_ or args.to in _NEEDS_DATA):
        name = f"--to {args.to}" if args.to in _NEEDS_DATA else "--from"
        raise ConfigError(f"{name} and --data need one another: replies are joined to the dataset's items by id")
    folders = {(path if path.is_dir() else path.parent).resolve() for path in args.data}
    if args.out.resolve() in folders:
        raise ConfigError(f"--out {args.out} holds the dataset of --data, which would no longer be one; name another")
    if args.to not in (None, "lmms-task") and len(args.sources) > 1:
        raise ConfigError(f"--to {args.to} takes one run, not {len(args.sources)}")
    if args.max_new_tokens < 1:
        raise ConfigError("--max-new-tokens must be 1 or more")
    if args.skip_gold_faults and (args.from_ or args.to in _NEEDS_DATA):
        raise ConfigError("--skip-gold-faults is said of --to lmms and others that carry scores")


def _import(args: argparse.Namespace) -> int:
    from evaluate.interop.dataset_items import read_dataset
    from evaluate.interop.lmms_import import import_samples

    done = import_samples(args.sources, read_dataset(args.data), args.out, _spelled(args))
    print(f"{args.out}: {done.predictions} predictions of {done.predictions + len(done.missing)} items")
    if done.missing:
        more = f", and {len(done.missing) - _SHOWN} more" if len(done.missing) > _SHOWN else ""
        print(f"without a sample, and counted as missing: {', '.join(done.missing[:_SHOWN])}{more}")
    return INCOMPLETE if done.missing else 0


def _spelled(args: argparse.Namespace) -> str:
    named = {("from" if name == "from_" else name): value for name, value in vars(args).items() if name != "sources"}
    usual = {name: value for name, value in named.items() if value != _USUAL.get(name)}
    return spelled("results", argparse.Namespace(runs=args.sources, **usual))


def _write_task(args: argparse.Namespace) -> int:
    from evaluate.comparing.arm import check_gold
    from evaluate.interop.dataset_items import read_dataset
    from evaluate.interop.lmms_task import TaskSettings, write_tasks

    placed = read_dataset(args.sources)
    skipped = check_gold({key: one.asked for key, one in placed.items()}, args.skip_gold_faults)
    kept = {key: one for key, one in placed.items() if key not in skipped}
    if not kept:
        raise ConfigError("every item's reference is at fault, so no task is left")
    names = write_tasks(kept, args.out, TaskSettings(args.mode, args.system_prompt, args.max_new_tokens))
    print(f"{args.out}: {len(kept)} items as {', '.join(names)}")
    print(f"lmms-eval --include_path {args.out} --tasks {','.join(names)} --log_samples --output_path OUT --model ...")
    return _told(skipped.values())


def _write_submission(args: argparse.Namespace) -> int:
    from evaluate.comparing.arm import load_arm
    from evaluate.interop.dataset_items import read_dataset
    from evaluate.interop.tar_submission import write_submission

    written = write_submission(read_dataset(args.data), load_arm(args.sources[0]).predictions, args.out)
    for path in written.paths:
        print(path)
    if written.missing:
        more = f", and {len(written.missing) - _SHOWN} more" if len(written.missing) > _SHOWN else ""
        print(f"without a reply, and empty in the table: {', '.join(written.missing[:_SHOWN])}{more}")
    if written.empty:
        print(f"{written.empty} predictions are empty, and TAR's evaluator stops at an empty one to an open question")
    return INCOMPLETE if written.missing else 0


def _write(args: argparse.Namespace) -> int:
    from evaluate.comparing.arm import check_gold, load_arm

    arm = load_arm(args.sources[0])
    skipped = check_gold(arm.items, args.skip_gold_faults)
    rows = list(arm.scores(without=skipped).values())
    if not rows:
        raise ConfigError(f"{args.sources[0]}: there is no item to write")
    _WRITERS[args.to](args, arm, rows)
    unscored = sum(row.score is None for row in rows)
    if unscored:
        print(f"{unscored} of {len(rows)} items have no score (`demitasse judge` gives free text one)")
    return _told(skipped.values())


def _told(skipped: Collection[str]) -> int:
    for sentence in skipped:
        print(f"left out: {sentence}")
    return INCOMPLETE if skipped else 0


def _to_lmms(args: argparse.Namespace, arm: Arm, rows: Sequence[Scored]) -> None:
    from evaluate.interop.lmms_samples import write_samples

    for path in write_samples(arm, rows, args.out):
        print(path)


def _to_inspect(args: argparse.Namespace, arm: Arm, rows: Sequence[Scored]) -> None:
    from evaluate.interop.inspect_log import write_log

    write_log(arm, rows, args.out)
    print(args.out)


def _to_inspect_scores(args: argparse.Namespace, arm: Arm, rows: Sequence[Scored]) -> None:
    from evaluate.interop.inspect_scores import write_score_records

    for path in write_score_records(rows, args.out):
        print(path)


def _to_vlmevalkit(args: argparse.Namespace, arm: Arm, rows: Sequence[Scored]) -> None:
    from evaluate.interop.vlmevalkit import write_tables

    for path in write_tables(rows, arm.predictions, str(arm.run.get("student") or arm.name), args.out):
        print(path)


def _to_wandb(args: argparse.Namespace, arm: Arm, rows: Sequence[Scored]) -> None:
    from evaluate.interop.wandb_table import send

    print(send(arm, rows, args.project, args.out))


_WRITERS: dict[str, Callable[[argparse.Namespace, Arm, Sequence[Scored]], None]] = {
    "lmms": _to_lmms,
    "inspect": _to_inspect,
    "inspect-scores": _to_inspect_scores,
    "vlmevalkit": _to_vlmevalkit,
    "wandb": _to_wandb,
}
