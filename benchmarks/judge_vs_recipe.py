"""Our judge beside the Cosmos cookbook's judge script (`avha_judge.py`), on the same loopback judge and the same clips.

    python benchmarks/judge_vs_recipe.py --recipe COOKBOOK      a clone of nvidia-cosmos/cosmos-cookbook; five minutes
    python benchmarks/judge_vs_recipe.py --recipe COOKBOOK --quick
    python benchmarks/judge_vs_recipe.py --recipe COOKBOOK --ahead      before all else that runs on the machine

The script is run and never copied; its `openai` client is pointed at the judge by OPENAI_BASE_URL. Measured, in
turns: wall time over the ideal, calls times latency over concurrency (theirs has a process for each place); calls for
answers that an exact metric can score; calls on a wrong key until the program gives up; and whether both came to the
same scores. The ideal is each side's own, of the calls that it makes. `wall` of ours is the whole command but for the
start of Python and imports, `process` everything; of theirs there is `process` alone, and `span`, from the first call
to the last answer, of both. `--ahead` gives both sides and the judge the real-time class of the scheduler, which needs
the right to it: figures of a machine with other work to do, as if it had none.

A wrong key is answered no sooner than a right one. The script waits ten seconds after each of 61 refusals; here its
waits are written down (`peers/recipe_judge.py`) and not waited for, and its calls are all made and counted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from judge_inputs import CLASSES, PROSE, write_clips

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run from a checkout, as the stages are

CONCURRENCY = 32
BOUND, FEWER = 1.05, 100
RECIPE = Path("scripts/examples/reason1/av_video_caption_vqa")
KEY, WRONG = "sk-right-one", "sk-wrong-one"
NO_PROXY = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
COLUMNS = {
    "calls": 7,
    "ideal": 8,
    "wall/ideal": 12,
    "span/ideal": 12,
    "process": 9,
    "CPU s": 7,
    "late ms": 9,
    "load": 6,
}
DIGITS = {"calls": 0, "ideal": 2, "wall/ideal": 3, "span/ideal": 3, "process": 1, "CPU s": 1, "late ms": 1, "load": 1}
Told = dict[str, Any]


class Judge:
    """The loopback judge, in a process of its own."""

    def __init__(self, port: str, latency: float) -> None:
        self.latency = latency
        self._origin = f"http://127.0.0.1:{port}"
        self.base_url = f"{self._origin}/v1"

    def counts(self) -> Told:
        """What it has seen since it was last asked."""
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{self._origin}/counts") as answer:
            told: Told = json.load(answer)
        return told


@contextlib.contextmanager
def judge(latency: float) -> Iterator[Judge]:
    """A judge that runs as long as the block."""
    command = [sys.executable, str(ROOT / "benchmarks" / "judge_endpoint.py"), "--latency", str(latency), "--key", KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Judge(process.stdout.readline().strip(), latency)
        finally:
            process.kill()


def ask_ours(base_url: str, clips: Path, recipe: Path) -> None:
    """`demitasse judge` in this process; prints how long the command took, imports aside."""
    import openai.resources.chat  # noqa: F401

    import demitasse.engine.runner  # noqa: F401
    import evaluate.judging.judge  # noqa: F401
    from demitasse.chat.openai import OpenAIChat
    from demitasse.cli import main

    OpenAIChat("counting", base_url)  # what the client imports only when it is made
    arguments = ["--model", "counting", "--base-url", base_url, "--concurrency", str(CONCURRENCY)]
    begun = time.monotonic()
    code = main(
        ["judge", str(clips / "run"), *arguments, "--questions", str(recipe / "prompts" / "score_question.json")]
    )
    print(f"@{time.monotonic() - begun}")
    raise SystemExit(code)


def run_ours(server: Judge, recipe: Path, clips: Path, key: str = KEY) -> Told:
    """Our command in a fresh process; what it took and what the judge saw of it."""
    command = [sys.executable, __file__, "--ask-ours", server.base_url, str(clips), "--recipe", str(recipe)]
    told = timed(command, key, {})
    return {**told, "wall": float(told["said"].rpartition("@")[2]) if "@" in told["said"] else None, **server.counts()}


def run_theirs(
    server: Judge, recipe: Path, clips: Path, shards: int, key: str = KEY, waits: Path | None = None
) -> Told:
    """The script in a fresh process; with `waits`, its waits are written there and not waited for."""
    script = [str(recipe / "avha_judge.py"), "-o", str(clips / "answers"), "-a", str(clips / "labels")]
    script += ["-s", str(clips / "scores"), "--num-shards", str(shards), "--force"]
    wrapped = [str(ROOT / "benchmarks" / "peers" / "recipe_judge.py"), str(waits)] if waits else []
    told = timed([sys.executable, *wrapped, *script], key, {"OPENAI_BASE_URL": server.base_url})
    return told | server.counts()


def timed(command: list[str], key: str, more: dict[str, str]) -> Told:
    """Exit code, wall and CPU seconds (of it and its children) of a process, and what it said."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    before, begun = _cpu_of_children(), time.monotonic()
    ended = subprocess.run(
        command, capture_output=True, text=True, env={**environment, **NO_PROXY, "OPENAI_API_KEY": key, **more}
    )
    process = time.monotonic() - begun
    said = {"code": ended.returncode, "said": ended.stdout, "error": ended.stderr}
    return said | {"process": process, "cpu": _cpu_of_children() - before, "load": os.getloadavg()[0]}


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def race(server: Judge, recipe: Path, work: Path, clips: int, repeats: int) -> Told:
    """Both sides in turns, each time with nothing done before; prints a line a run."""
    taken: dict[str, list[Told]] = {"ours": [], "peer": []}
    print(" " * 6 + "".join(f"{name:>{width}}" for name, width in COLUMNS.items()))
    for turn in range(repeats):
        folder = work / f"turn{turn}"
        write_clips(folder, clips)
        for side, runs in taken.items():
            ours = side == "ours"
            one = run_ours(server, recipe, folder) if ours else run_theirs(server, recipe, folder, CONCURRENCY)
            if one["code"]:
                raise SystemExit(f"{side} ended with {one['code']}: {one['error'][-2000:]}")
            ideal = one["judged"] * server.latency / CONCURRENCY
            ratios = {name: one[name] / ideal for name in ("wall", "span", "process") if one.get(name)}
            runs.append({**one, "ideal": ideal, "ratios": ratios})
            cells = (one["judged"], ideal, ratios.get("wall", ratios["process"]), ratios["span"], one["process"])
            cells += (one["cpu"], 1000 * one["late"], one["load"])
            told = (
                f"{value:>{width}.{DIGITS[name]}f}" for value, (name, width) in zip(cells, COLUMNS.items(), strict=True)
            )
            print(f"{side:6}{''.join(told)}", flush=True)
    return {side: _summed(runs) for side, runs in taken.items()}


def _summed(runs: list[Told]) -> Told:
    """Calls, and of the ratios the median and the best."""
    ratios = {name: sorted(run["ratios"][name] for run in runs) for name in runs[0]["ratios"]}
    told = {f"{name}_over_ideal": round(statistics.median(found), 4) for name, found in ratios.items()}
    told |= {f"best_{name}_over_ideal": round(found[0], 4) for name, found in ratios.items()}
    told |= {name: round(statistics.median(run[name] for run in runs), 2) for name in ("cpu", "load", "process")}
    return {"calls": runs[0]["judged"], "peak": max(run["peak"] for run in runs), **told}


def same_scores(clips: Path) -> tuple[int, int, int]:
    """Texts of prose with the same score on both sides, all of them, and answers of ours with an exact score."""
    from evaluate.comparing.arm import load_arm
    from evaluate.records import State

    scores = load_arm(clips / "run").scores()
    agreed = exact = 0
    for path in (clips / "scores").glob("*.score.json"):
        theirs, clip = json.loads(path.read_text()), path.name.partition(".")[0]
        agreed += sum(scores[f"{clip}/{key}"].score == theirs[key]["score"] is not None for key in PROSE)
        exact += sum(scores[f"{clip}/{key}"].state is State.SCORED for key in CLASSES)
    return agreed, len(scores) * len(PROSE) // (len(PROSE) + len(CLASSES)), exact


def wrong_key(server: Judge, recipe: Path, work: Path) -> Told:
    """Calls, and seconds of waiting, until each side gives a wrong key up."""
    clips = work / "wrong"
    write_clips(clips, CONCURRENCY)
    ours = run_ours(server, recipe, clips, WRONG)
    told: Told = {"ours": ours["denied"], "ours_lists": ours["lists"], "ours_code": ours["code"]}
    looks = f"{ours['lists']} look at the list of models"
    print(f"ours: {ours['denied']} calls and {looks}, exit code {ours['code']}, {ours['process']:.1f} s")
    for shards in (1, CONCURRENCY):
        waits = work / f"waits{shards}"
        theirs = run_theirs(server, recipe, clips, shards, WRONG, waits)
        seconds = sum(float(line) for line in waits.read_text().split()) / shards
        told[f"peer_{shards}"] = {"calls": theirs["denied"], "code": theirs["code"], "seconds": round(seconds, 1)}
        print(
            f"theirs, --num-shards {shards}: {theirs['denied']} calls, exit code {theirs['code']}, "
            f"{seconds:.0f} s of waiting in each process, which were not waited for here"
        )
    return told


def main() -> int:
    """Measure, print, and say in the last line what came of it."""
    parser = argparse.ArgumentParser(description="our judge beside the recipe's")
    parser.add_argument("--recipe", type=Path, required=True, help="a clone of nvidia-cosmos/cosmos-cookbook")
    parser.add_argument("--clips", type=int, default=160, help="fifteen keys each (default: %(default)s)")
    parser.add_argument("--latency", type=float, default=0.2, help="seconds an answer takes (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="of the race (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="64 clips, once")
    parser.add_argument("--ask-ours", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--ahead", action="store_true", help="run everything before all else on the machine")
    args = parser.parse_args()
    if args.ahead:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))  # children inherit it
    if args.ask_ours:
        ask_ours(args.ask_ours[0], Path(args.ask_ours[1]), args.recipe)
    recipe = args.recipe.resolve() / RECIPE
    with tempfile.TemporaryDirectory() as folder, judge(args.latency) as server:
        work = Path(folder)
        raced = race(server, recipe, work, 64 if args.quick else args.clips, 1 if args.quick else args.repeats)
        agreed, prose, exact = same_scores(work / "turn0")
        denied = wrong_key(server, recipe, work)
    raced["ours"]["exact"] = exact
    spared = raced["peer"]["calls"] - raced["ours"]["calls"]
    print(f"same score: {agreed} of {prose} texts; scored without a call: {exact} (theirs: {spared} calls more)")
    fewer = denied[f"peer_{CONCURRENCY}"]["calls"] / max(1, denied["ours"])
    ratios = {name: raced["ours"][name] for name in ("wall_over_ideal", "best_wall_over_ideal")}
    ratios |= {"peer_process_over_ideal": raced["peer"]["process_over_ideal"], "fewer_calls_on_a_wrong_key": fewer}
    versions = {name: version(name) for name in ("demitasse", "openai")} | {"python": sys.version.split()[0]}
    result = {
        "name": "judge_vs_recipe",
        "ahead": args.ahead,
        "latency": args.latency,
        "ratios": ratios,
        **raced,
        "wrong_key": denied,
        "same_score": [agreed, prose],
    }
    print(json.dumps(result | {"versions": versions}))
    held = ratios["wall_over_ideal"] <= BOUND and fewer >= FEWER and agreed == prose and raced["ours"]["calls"] == prose
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
