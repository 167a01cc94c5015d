"""A dataset of ours run by the real lmms-eval, brought back, and scored by us: the same means, item by item?

    python benchmarks/lmms_task.py                 in an environment of its own, which it makes
    python benchmarks/lmms_task.py --python FILE   in one that has lmms-eval 0.7.3

Pictures are asked about over a loopback endpoint that answers with replies of every kind, well and ill formed. Then the
samples are brought back (`demitasse results --from lmms`), scored, written for lmms-eval (`--to lmms`) and read by its
own reader of baselines. lmms-eval asks for packages of other versions than ours; the environment sees ours, and has
besides only what lmms-eval's own modules import.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import Any

from demitasse.chat.model import Capability, Outcome, Reply, Request
from demitasse.chat.server import ChatServer
from demitasse.cli import main as demitasse
from demitasse.dataset import Item, TaskFile, write

LMMS = "lmms-eval==0.7.3"
NEEDED = ("loguru", "pytablewriter", "sqlitedict", "sacrebleu", "evaluate", "openpyxl", "python-dotenv", "portalocker")
NEEDED += ("tabulate", "colorama", "lxml", "DataProperty", "mbstrdecoder", "pathvalidate", "tabledata", "tcolorpy")
NEEDED += ("typepy", "chardet", "pytz", "tiktoken")
PICTURES = 40
QUESTIONS = {
    "mcq": ("What is it?\nA. a square\nB. a circle\nC. None", "B) a circle"),
    "bcq": ("Is it red?", "Yes"),
    "temporal_localization": ("When is it on?", '{"start": "00:01", "end": "00:03"}'),
    "open_qa": ("What is seen?", "A red circle."),
}
REPLIES = (
    "B", "Yes", "<think>A?\n\nno</think>\n\nB", "<think>B", "The answer is C.", "", "No.", "A or B", "None", "=1+1",
    '```json\n{"start": "00:01", "end": "00:03"}\n```', "7 - 3 seconds", "from 1 to 2 seconds", "</think> yes",
    "<b>B</b> \u2028 B",
)  # fmt: skip
READ = (
    "import json, sys; from lmms_eval.baselines import load_baseline\n"
    "print(json.dumps([load_baseline(path, '')[0] for path in sys.argv[1:]]))"
)


class Talker:
    """Answers with one of the replies, whatever is asked."""

    name = "talker"
    capability = Capability()

    def __init__(self) -> None:
        self._chance = random.Random(0)

    async def reply(self, request: Request) -> Reply:
        """A reply by chance."""
        return Reply(Outcome.SUCCESS, self._chance.choice(REPLIES), model=self.name, finish_reason="stop")

    async def close(self) -> None:
        """Nothing is open."""


def make_environment(folder: Path) -> Path:
    """An environment that sees the installed packages and has lmms-eval besides; returns its python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", LMMS, *NEEDED], check=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    (site / "installed.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    return python


def make_dataset(folder: Path) -> Path:
    """Pictures, and a file of items about them for each task."""
    from PIL import Image

    (folder / "media").mkdir()
    for place in range(PICTURES):
        Image.new("RGB", (64, 48), (20 * place, 10, 10)).save(folder / "media" / f"{place}.png")
    for task, (question, answer) in QUESTIONS.items():
        items = [Item(question, answer, image_id=f"{place}.png") for place in range(PICTURES)]
        write(folder / "data" / f"{task}.json", TaskFile(items, task=task, license="CC0", media_root="../media"))
    return folder / "data"


def done(*words: object) -> None:
    """Run one of our commands."""
    if code := demitasse([str(word) for word in words]):
        sys.exit(f"demitasse {words[0]} ended with {code}")


def run_peer(python: Path, folder: Path) -> dict[str, float]:
    """Run lmms-eval on the task folder; each task's mean as its results have it."""
    with ChatServer(Talker()) as server:
        given = {"OPENAI_API_KEY": "none", "OPENAI_API_BASE": server.base_url, "HF_HOME": str(folder / "hf")}
        words = ["--include_path", folder / "tasks", "--tasks", "demitasse", "--model", "openai", "--batch_size", 1]
        words += ["--model_args", "model_version=talker", "--log_samples", "--output_path", folder / "logs"]
        environment = os.environ | given | {"HF_HUB_OFFLINE": "1"}
        subprocess.run([str(python), "-m", "lmms_eval", *map(str, words)], check=True, env=environment, cwd=folder)
    (results,) = (folder / "logs").rglob("*_results.json")
    return {
        name.removeprefix("demitasse_"): next(v for k, v in own.items() if k.endswith(("_accuracy,none", "_iou,none")))
        for name, own in json.loads(results.read_text())["results"].items()
        if name != "demitasse_open_qa"  # which only a judge can score
    }


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The lines of a file; a reply may hold what Python would take for a line's end."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        return [json.loads(line) for line in lines]


def scored_ids(path: Path) -> dict[str, float]:
    """The scores of lmms-eval's samples by item."""
    rows = [row for row in rows_of(path) if "score" in row]
    return {one["item_id"]: row["score"] for row in rows for one in row.values() if isinstance(one, dict)}


def compare(python: Path, folder: Path) -> bool:
    """Run all of it; whether every number is the same."""
    data = make_dataset(folder)
    done("results", data, "--to", "lmms-task", "--out", folder / "tasks")
    theirs = run_peer(python, folder)
    samples = sorted((folder / "logs").rglob("*_samples_*.jsonl"))
    done("results", "--from", "lmms", *samples, "--data", data, "--out", folder / "run")
    done("score", folder / "run", "--json", folder / "scores.json")
    done("results", folder / "run", "--to", "lmms", "--out", folder / "lmms")
    ours = {
        task: own["mean"] for task, own in json.loads((folder / "scores.json").read_text())[str(folder / "run")].items()
    }
    written = sorted((folder / "lmms").glob("*_samples_*.jsonl"))
    read = json.loads(subprocess.check_output([str(python), "-c", READ, *map(str, written)]))
    wanted = [{str(row["doc_id"]): row["score"] for row in rows_of(path) if "score" in row} for path in written]
    items = {row["item_id"]: row["score"] for row in rows_of(folder / "run" / "scores.jsonl")}
    given = {key: score for path in samples for key, score in scored_ids(path).items()}
    same = [items[key] == score for key, score in given.items()]
    agrees = all(same) and all(abs(theirs[task] - ours[task]) < 1e-12 for task in theirs) and read == wanted
    for task, mean in theirs.items():
        print(f"{task:24} lmms-eval {mean:.6f}   ours {ours[task]:.6f}")
    print(f"item by item: {sum(same)} of {len(same)} scores are the same")
    print(f"as a baseline: {sum(map(len, read))} scores read by lmms-eval, {sum(map(len, wanted))} written")
    report = {"name": "lmms_task", "ratios": {}, "ours": {"agrees": agrees, **ours}, "peer": theirs}
    print(json.dumps({**report, "versions": {"lmms-eval": LMMS, "python": sys.version.split()[0]}}))
    return agrees


def main() -> None:
    """Make the environment, compare in it, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, help="an environment's python that has lmms-eval")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        agrees = compare(args.python or make_environment(folder / "venv"), folder)
    sys.exit(0 if agrees else 1)


if __name__ == "__main__":
    main()
