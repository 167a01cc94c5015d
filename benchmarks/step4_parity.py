"""TAO's step 4 beside ours: the same model texts, item by item.

    python benchmarks/step4_parity.py            compare, print a table
    python benchmarks/step4_parity.py --record   write what the original makes to tests/annotate/step4_items.json

The texts are those of tests/annotate/step4_cases.yaml, written for this project. (--env DIR keeps the original's
environment between runs.)
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from annotate_vs_tao import peer_environment, read_items

from demitasse.stages import use_checkout

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "tests" / "annotate" / "step4_cases.yaml"
DIFFERENCES = CASES.with_name("step4_differences.yaml")  # where ours is meant to differ, each with its reason
RECORDED = ROOT / "tests" / "annotate" / "step4_items.json"
SECONDS = 12.0

Items = dict[str, list[list[str]]]  # by case: task, question, answer, reasoning


def rows(cases: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Step 3's rows: the case's name stands for the video."""
    return [
        {"video": one["name"], "video_length": SECONDS, "qa_output": one["text"], "prompt_key": one["key"]}
        for one in cases
    ]


def theirs(env: Path, cases: list[dict[str, str]]) -> Items:
    """What the original makes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "step_3_qa" / "qa_output.jsonl"
        file.parent.mkdir()
        file.write_text("".join(json.dumps(row) + "\n" for row in rows(cases)))
        script = ROOT / "benchmarks" / "peers" / "tao_step4.py"
        subprocess.run([peer_environment(env), script, folder], check=True, stderr=subprocess.DEVNULL)
        return by_case(read_items(Path(folder) / "step_4_output"), cases)


def ours(cases: list[dict[str, str]]) -> Items:
    """What we make, in TAO's dialect."""
    from annotate.video_reasoning.assemble import Envelope, assemble

    with tempfile.TemporaryDirectory() as folder:
        assemble(rows(cases), Path(folder), Envelope("media"))
        return by_case(read_items(Path(folder)), cases)


def by_case(items: Counter[tuple[str, ...]], cases: list[dict[str, str]]) -> Items:
    """The items of each case in a fixed order."""
    found: Items = {one["name"]: [] for one in cases}
    for task, video, *rest in sorted(items.elements()):
        found[video].append([task, *rest])
    return found


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help=f"write {RECORDED.relative_to(ROOT)}")
    parser.add_argument("--env", type=Path, help="folder of the original's environment, made if it is not there")
    asked = parser.parse_args()
    use_checkout()
    cases, meant = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (CASES, DIFFERENCES))
    with tempfile.TemporaryDirectory() as folder:
        made, mine = theirs(asked.env or Path(folder), cases + meant), ours(cases + meant)
    differing = {name for name in made if made[name] != mine[name]}
    unmeant = sorted(differing ^ {one["name"] for one in meant})
    for name in unmeant:
        print(f"{name}:\n  the original {json.dumps(made[name])}\n  ours         {json.dumps(mine[name])}")
    print(f"{len(cases)} texts that should agree, {len(meant)} that should not: {len(unmeant)} surprises")
    if asked.record:
        RECORDED.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.exit(bool(unmeant))


if __name__ == "__main__":
    main()
