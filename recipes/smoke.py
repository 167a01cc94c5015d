"""Runs the smoke.yaml of every recipe, one after another, each from nothing, and prints what each took.

    python recipes/smoke.py [NAME …]

A recipe runs in a process of its own, forked from one that has imported what all need: torch and its like take longer
to import than some recipes to run. What it prints goes to runs/smoke/NAME.log; of one that fails the end is shown.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import shutil
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUNS = Path("runs/smoke")
IMPORTED_ONCE = [
    "torch",
    "torch._dynamo",
    "peft",
    "accelerate",
    "transformers.models.qwen2_5_vl.modeling_qwen2_5_vl",
    "transformers.models.qwen3_vl.modeling_qwen3_vl",
    "scipy.stats",
    "matplotlib.figure",
    "openai",
    "av",
]
ENDS = {0: "passed", 3: "passed, and left something out"}
SHOWN = 25  # lines of the log of one that failed
ROW = "{:28}{:>9}{:>9}  {}"


def main() -> int:
    """Run them; returns 1 if any failed."""
    parser = argparse.ArgumentParser(description="Run the smoke.yaml of every recipe, from nothing.")
    known = sorted(path.parent.name for path in HERE.glob("*/smoke.yaml"))
    parser.add_argument("names", nargs="*", choices=[*known, []], metavar="NAME", help=f"only these of {known}")
    names = parser.parse_args().names or known
    # A tiny model gains nothing from a second thread, and loses much where others compete for the cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(IMPORTED_ONCE)
    if names == known:
        shutil.rmtree(RUNS, ignore_errors=True)
    print(ROW.format("recipe", "seconds", "CPU", ""))
    failed, began = [], time.monotonic()
    for name in names:
        if _failed(processes, name):
            failed.append(name)
    print(
        ROW.format("all", f"{time.monotonic() - began:.1f}", "", f"{len(names) - len(failed)} of {len(names)} passed")
    )
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _failed(processes: multiprocessing.context.ForkServerContext, name: str) -> bool:
    """Run one recipe and print its row; returns whether it failed."""
    RUNS.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(RUNS / name, ignore_errors=True)
    log, began = RUNS / f"{name}.log", time.monotonic()
    log.write_text("", encoding="utf-8")
    here, there = processes.Pipe(duplex=False)
    process = processes.Process(target=_recipe, args=(name, log, there))
    process.start()
    there.close()
    process.join()
    said = ENDS.get(process.exitcode or 0, f"FAILED with exit code {process.exitcode}: {log}")
    print(ROW.format(name, f"{time.monotonic() - began:.1f}", _cpu(here), said), flush=True)
    if process.exitcode in ENDS:
        return False
    print("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-SHOWN:]), file=sys.stderr)
    return True


def _cpu(here: Connection) -> str:
    """What the recipe told of its CPU seconds; nothing if it ended before it could."""
    try:
        return f"{here.recv():.1f}"
    except EOFError:
        return ""


def _recipe(name: str, log: Path, told: Connection) -> None:
    """Run one recipe in this process, and tell how many seconds of CPU it took."""
    from demitasse import cli

    with open(log, "w", encoding="utf-8", buffering=1) as file:
        # Processes that a stage starts write there as well.
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
            code = cli.main(["run", str(HERE / name / "smoke.yaml"), f"run={RUNS / name}"])
    told.send(sum(os.times()[:4]))
    sys.exit(code)


if __name__ == "__main__":
    sys.exit(main())
