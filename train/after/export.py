"""`demitasse export`: a trained student for everybody else: merged, verified, described, and pushed if asked.

    demitasse export runs/train/student --out exports/student --dtype bfloat16

Adapters are merged in float32 and compared with the adapter beside its base; what was written is read back by plain
transformers and compared again. A mismatch is an error, and then nothing is left in the folder.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.atomic import write_text
from demitasse.errors import ConfigError, DemitasseError, DiskFullError, OtherRunError, is_disk_full
from demitasse.student.positions import learnt_positions, servers
from demitasse.student.record import RECORD, read_record
from demitasse.student.trained_on import TRAINED_ON
from demitasse.student.weights import ADAPTER_CONFIG, base_of, model_hash
from train.after import card, push, servable

if TYPE_CHECKING:
    from demitasse.student.encode import Encoder

EXPORT = "export.json"
README = "README.md"
DTYPES = ("auto", "float32", "bfloat16", "float16")
SIZE = re.compile(r"[1-9]\d*(KB|MB|GB)")

Say = Callable[[str], None]


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse export`."""
    parser.add_argument("student", type=Path, help="folder of a trained student, or of its LoRA adapter")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; new")
    parser.add_argument("--dtype", choices=DTYPES, default="auto", help="of the weights (default: the base's own)")
    parser.add_argument(
        "--shard-size", default="5GB", metavar="5GB", help="largest file of weights (default: %(default)s)"
    )
    parser.add_argument("--report", type=Path, help="folder of `demitasse compare`: its figures go into the card")
    parser.add_argument(
        "--device", default="auto", help="where it is merged and compared: auto, cpu, cuda (default: %(default)s)"
    )
    parser.add_argument("--push", metavar="REPO", help="and push it to the Hub; the token is taken from HF_TOKEN")
    parser.add_argument("--private", action="store_true", help="a new repository there is private")


def run_export(args: argparse.Namespace) -> int:
    """Export, and push if asked."""
    if args.private and not args.push:
        raise ConfigError("--private is said of a repository; name it with --push")
    if args.push:
        push.hub_token()  # before the work, not after it
    export(args.student, args.out, args.dtype, args.shard_size, args.report, args.device, print)
    if args.push:
        print(push.push(args.out, args.push, args.private))
    return 0


def export(
    student: Path,
    out: Path,
    dtype: str = "auto",
    shard_size: str = "5GB",
    report: Path | None = None,
    device: str = "auto",
    say: Say = print,
) -> None:
    """Write a student to `out` whole or not at all; an export of the same to the same folder is left as it is.

    Args:
        student: folder of a trained student, or of its adapter.
        out: folder to write.
        dtype: of the weights; "auto" is the base's own.
        shard_size: largest file of weights, as "5GB".
        report: a comparison whose figures go into the card.
        device: where the weights are merged and compared.
        say: takes a line of progress.

    Raises:
        DemitasseError: if something is missing, does not fit, or does not compare equal.
    """
    from train.after.merge import write_weights

    _check(student, out, shard_size)
    made = {"student_sha256": model_hash(student), "dtype": dtype, "shard_size": shard_size}
    if _is_done(out, made):
        say(f"{out}: exported already")
        return
    found = card.read_report(report)
    training, rounds = card.read_run(student.resolve().parent)
    with _folder(out) as partial:
        encoder, family = _furnish(student, partial)
        lacking = [what for what in servable.missing(partial) if not what.endswith(".safetensors")]
        if lacking:
            raise ConfigError(f"{student}: cannot be served without {'; '.join(lacking)}; take them from its base")
        written, checks = write_weights(student, partial, encoder, dtype, shard_size, device)
        asked = read_record(student)
        described = card.Facts(out.resolve().name, family, written, asked, training, rounds, found, checks)
        write_text(partial / README, card.card(described))
        write_text(partial / EXPORT, json.dumps({**made, "checked": list(checks)}, indent=2, ensure_ascii=False) + "\n")
        if lacking := servable.missing(partial):
            raise DemitasseError(f"{out}: not written, because it would lack {'; '.join(lacking)}")
    for sentence in checks:
        say(f"  {sentence}")
    say(f"{out}: written")
    commands, others = servers(family, asked.positions if asked else learnt_positions(student))
    for sentence in (f"to serve it: {' or '.join(commands)}", *([f"note: {others}"] if others else [])):
        say(f"  {sentence.replace('MODEL', str(out))}")


def _check(student: Path, out: Path, shard_size: str) -> None:
    if (student / "student").is_dir():
        raise ConfigError(f"{student}: this is a run; its student is {student / 'student'}")
    if not ((student / ADAPTER_CONFIG).is_file() or (student / "config.json").is_file()):
        raise ConfigError(f"{student}: no trained student; give the folder `student` of a run")
    if student.resolve() in out.resolve().parents:
        raise ConfigError(f"{out}: lies in the student's own folder; give another --out")
    if not SIZE.fullmatch(shard_size):
        raise ConfigError(f"--shard-size {shard_size}: write a number and a unit, such as 5GB or 500MB")


def _is_done(out: Path, made: dict[str, str]) -> bool:
    """Whether `out` is this very export; anything else in it is refused."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        content = json.loads((out / EXPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = None
    if isinstance(content, dict) and content.items() >= made.items():
        return True
    raise OtherRunError(f"{out}: holds something else; give another --out, or delete it")


@contextmanager
def _folder(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` if all goes well; otherwise nothing of it stays."""
    partial = out.resolve().with_name(f".{out.resolve().name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        if out.exists():
            out.rmdir()  # empty, or `_is_done` would have refused it
        partial.rename(out)
    except OSError as fault:
        if is_disk_full(fault):
            raise DiskFullError(f"{out} could not be written ({fault.strerror}): make room and run again") from None
        raise ConfigError(f"{out} cannot be written ({fault.strerror or fault}); give another --out") from fault
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _furnish(student: Path, folder: Path) -> tuple[Encoder, str]:
    """Everything but the weights; returns the student's encoder and its family's name."""
    from transformers import AutoConfig, GenerationConfig

    from demitasse.student.load import build_encoder, readable
    from train.after.result import CARRIED

    base = base_of(student) if (student / ADAPTER_CONFIG).is_file() else student
    for name in (*CARRIED, RECORD, TRAINED_ON):
        source = next((place / name for place in (student, base) if (place / name).is_file()), None)
        if source:
            shutil.copyfile(source, folder / name)
    with readable(base):
        config = AutoConfig.from_pretrained(base)
    config.save_pretrained(folder)
    asked = read_record(student)
    if asked:
        servable.fit_processors(folder, asked.frames)
    encoder = build_encoder(base, config)
    encoder.tokenizer.save_pretrained(folder)
    if not (folder / "generation_config.json").is_file():
        GenerationConfig.from_model_config(config).save_pretrained(folder)
    return encoder, str(config.model_type)
