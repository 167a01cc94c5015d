"""Benchmarks' own scoring scripts beside ours, on the same predictions: the same numbers, to the last printed digit?

    python benchmarks/official_scorers.py                      fetch the scripts (pinned), run both, print a table
    python benchmarks/official_scorers.py --scripts FOLDER     the scripts lie there: clones, each under its own name
    python benchmarks/official_scorers.py --record             write inputs and numbers for tests/evaluate/official

The scripts: `eval_mc.py` (NExT-QA), `eval_oe.py` (NExT-OE), `eval_ground.py` (NExT-GQA), `run_program.py` (STAR),
`score.py` (VideoEspresso), `eval_your_results.py` (Video-MME), `mvbench.ipynb` (MVBench), `eval_*.py --disable_llm`
(TempCompass), `utils.py` and `stat_with_key.py` (CG-Bench) and `evaluate.py` (TAR). They are run and never copied.
Questions and predictions are generated, with every kind of answer that the scripts treat in a way of their own.
`run_program.py` scores programs and not predictions: each item is given a program whose outcome is the prediction, so
that what is compared is how it counts.

NExT-OE needs NLTK with WordNet. Its base forms come from pywsd, which needs a tagger's data besides; what is compared
here is the metric, with our base forms given to the script. Left out, and said so, where NLTK is not there.

TAR's script lies in a data set's repository (nvidia/PhysicalAI-Traffic-Anomaly-Reasoning on Hugging Face, `test/`) and
needs pandas: it is run if it lies in FOLDER/TAR, of whatever version. Its BERTScore is stood in for, on both sides.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from official_inputs import MAKE, write_json

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "tests" / "evaluate" / "official" / "recorded"
RUNNER = ROOT / "benchmarks" / "peers" / "official_script.py"
WHERE = "https://raw.githubusercontent.com"
TIMEOUT = 30  # seconds for one file
SEED = 0
LEFT_OUT = 3


class Script(NamedTuple):
    """A repository's scoring script: where it is pinned, and what of it is run, with the files' hashes."""

    repository: str
    commit: str
    folder: str
    files: dict[str, str]


SCRIPTS = {
    "nextqa": Script(
        "doc-doc/NExT-QA",
        "6b92588ab4496268fa1caab9414a8b998ee063c5",
        "",
        {
            "eval_mc.py": "c4bd9ca81fc56e16b50363f1f111dcb70c4578cfe99bf4a84a8bcb8c7e6665f2",
            "utils.py": "ae9470245a3c84ad6a0c286122638ae9c8e10341dfba9b3609698c0dea1c6c43",
        },
    ),
    "nextqa_oe": Script(
        "doc-doc/NExT-OE",
        "a83f8f581191da07675e0fc83074e0dfcf907273",
        "",
        {
            "eval_oe.py": "3176f541d5672fcaebd19cf2f14a1280588bbb4eb340e9683e58dd72478daaac",
            "metrics.py": "deb23a133956cc1844876ab368bbef8c51002d846e1987cb488b8b18ab8c4f8b",
            "utils.py": "3567bc95d56bd1fcc80505b14d65005e42dd2189fc51f5bd8ba84966dc69624a",
        },
    ),
    "nextgqa": Script(
        "doc-doc/NExT-GQA",
        "63772e0256ad9e34b83d6a108f1ba2041b924607",
        "code/TempGQA",
        {
            "eval_ground.py": "e2657ac7e1ded3e30279662bacd520e9f9fe8d934fb673722a8eae17637d23dc",
            "util.py": "6f3fce3a2b2a400168088cb2b3468e34cd0d2cfb330f022fabe687f7c363af90",
        },
    ),
    "star": Script(
        "csbobby/STAR_Benchmark",
        "8c3971891609e9c8e0665ffa0de1b28a0bfc166d",
        "code/program_executor",
        {
            "run_program.py": "7829381010733037d3a3951ad397d722bac6df5ca396677addbe14a09e19ef11",
            "executor.py": "d55c40d6c6e91a4e9b103de1fdadf91d1939f42e902bca00416bae1091eb48f0",
            "utils.py": "005dcac6d038fa021229e82e9e6b50cd6128e731f7a8f255c9f795c36c152c34",
        },
    ),
    "videoespresso": Script(
        "hshjerry/VideoEspresso",
        "c865570f97b42a61d24c8cd16f6a728af64482db",
        "eval",
        {"score.py": "df3f9aeddd5d04b055634ae7571536552dce473b3b389d4ecfae35ebb97e195f"},
    ),
    "videomme": Script(
        "thanku-all/parse_answer",
        "afd52cfe3dde5b3685e0d4f760c10c756860c758",
        "",
        {"eval_your_results.py": "5ab5d0304b61f6285d75553cdb46377f2f29cba84963bd7879cc2efa435d46c3"},
    ),
    "mvbench": Script(
        "OpenGVLab/Ask-Anything",
        "4dd8210b030374bb0c510a57dfbe916f70d3ef71",
        "video_chat2",
        {"mvbench.ipynb": "2dd6b4cbed0a12914a0407031410ec3efd50212deafd29d6bf8fa097e2e44597"},
    ),
    "tempcompass": Script(
        "llyx97/TempCompass",
        "e1b463166400633e6061962d890a9ae85db29f70",
        "",
        {
            "eval_multi-choice.py": "ccffa4f717a3e2a29435b2bbe440109bf2def589cea73fde9fd44fd262fb379a",
            "eval_yes_no.py": "94212750329dc9180886d23ba6627ff1a9d702e3fa28d628b070ba0cf640e300",
            "eval_caption_matching.py": "3493bbc49defe58647c44f589a65a4b7eaa540ee65bd355328612da0fdf26367",
            "utils/eval_utils.py": "514f728e6a4e273db7db2c3feab316c129ebcc08901e62352d5af71efb4e964c",
            "prompt_templates.py": "ba08b16acff1702f13a4604e06e5290ac216a026d1d7c39a29f25f119e463df5",
        },
    ),
    "cgbench": Script(
        "CG-Bench/CG-Bench",
        "f826608752443a13b21f214c2d9c4156c526f030",
        "run",
        {
            "utils.py": "7206376dd0748a0519bea818ee48d2dd9aee6bd4ebde1024738ef9d64b4a2b44",
            "stat_with_key.py": "25a7310fb73198e85ccde1925b73cdee8d9e4d5153267ab36fa99271dcf47b87",
        },
    ),
    "tar": Script("nvidia/TAR", "", "", {"evaluate.py": ""}),
}
# References and predictions of each, as `official_inputs` names them.
FILES = {
    "nextqa": (["questions.csv"], ["predictions.json"]),
    "nextqa_oe": (["questions.csv", "second.json"], ["predictions.json"]),
    "nextgqa": (["truth.json", "questions.csv"], ["spans.json", "answers.json"]),
    "star": (["questions.json"], ["predictions.json"]),
    "videoespresso": (["output.json"], ["output.json"]),
    "videomme": (["results.json"], ["results.json"]),
    "mvbench": (["action_sequence.json", "moving_count.json", "state_change.json"], ["predictions.json"]),
    "tempcompass": 2 * (["multi-choice.json", "yes_no.json", "caption_matching.json"],),
    "cgbench": (["cgbench.json"], ["predictions.json"]),
    "tar": (["truth.json"], ["submission.csv"]),
}
# STAR's executor reads its class lists as it starts, whatever it is to run.
STAR_CLASSES = ("action_mapping.txt", "object_classes.txt", "verb_classes.txt", "relationship_classes.txt")


class NotHere(Exception):
    """A script that cannot be run here; the message is a sentence."""


def locate(profile: str, scripts: Path | None, work: Path) -> Path:
    """The folder in which a script lies: found in a person's clones, or fetched at its pinned commit."""
    script = SCRIPTS[profile]
    if scripts is None:
        return fetch(script, work)
    folder = scripts / script.repository.split("/")[1] / script.folder
    for name, digest in script.files.items():
        path = folder / name
        if not path.is_file():
            raise NotHere(f"{path} is not there; clone https://github.com/{script.repository} into {scripts}")
        if digest and hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise NotHere(f"{path} is not the pinned one; check out {script.commit[:12]} of {script.repository}")
    return folder


def fetch(script: Script, work: Path) -> Path:
    """Fetch a script's files at the pinned commit, and check them."""
    if not script.commit:
        raise NotHere(
            "its script lies in a data set's repository; put test/evaluate.py into FOLDER/TAR, with --scripts"
        )
    folder = work / script.repository.split("/")[1] / script.folder
    names = {f"{script.folder}/{name}".lstrip("/"): digest for name, digest in script.files.items()}
    if script.folder.endswith("program_executor"):
        names |= {f"annotations/STAR_classes/{name}": "" for name in STAR_CLASSES}
    for name, digest in names.items():
        url = f"{WHERE}/{script.repository}/{script.commit}/{name}"
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as reply:
                data = reply.read()
        except (urllib.error.URLError, OSError) as error:
            raise NotHere(
                f"{script.repository} cannot be fetched from here ({error}); give --scripts FOLDER, in which "
                f"{script.repository.split('/')[1]} lies as a clone"
            ) from error
        if digest and hashlib.sha256(data).hexdigest() != digest:
            raise NotHere(f"{url} is not what was pinned, so it is not run")
        target = work / script.repository.split("/")[1] / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


def run_script(profile: str, folder: Path, inputs: Path) -> dict[str, str]:
    """What the script prints of the inputs, by the name of our figure; in a process of its own."""
    done = subprocess.run(
        [sys.executable, RUNNER, profile, folder.resolve(), inputs.resolve(), ROOT],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise NotHere(f"{SCRIPTS[profile].repository} does not run here ({last})")
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_ours(profile: str, inputs: Path) -> dict[str, str]:
    """Our `official` column, as the script would print it."""
    files = [[inputs / name for name in names] for names in FILES[profile]]
    further = []
    if profile == "nextqa_oe":
        from benchmarks.peers.official_words import AsScript

        further = [AsScript(), inputs / "stopwords.txt"]
    if profile == "tar":
        from benchmarks.peers.word_overlap import shared_words

        further = [shared_words]
    report = import_module(f"evaluate.official.{profile}").score(*files, *further)
    if profile == "nextqa_oe":  # what the words were, so that the tests need no NLTK
        write_json(inputs / "words.json", further[0].record)
    rows = [figure.to_json() for figure in report.figures]
    return {row["name"]: row["official_printed"] for row in rows if row["official_printed"] is not None}


def compare(profile: str, scripts: Path | None, work: Path, record: bool) -> tuple[int, int]:
    """Run both on the same inputs and print them side by side; returns how many agree, of how many."""
    folder = locate(profile, scripts, work)
    inputs = work / "inputs" / profile
    inputs.mkdir(parents=True)
    MAKE[profile](inputs, random.Random(SEED))
    theirs, ours = run_script(profile, folder, inputs), run_ours(profile, inputs)
    if record:
        write_json(inputs / "official.json", {"commit": SCRIPTS[profile].commit, "figures": theirs})
        shutil.copytree(inputs, RECORDED / profile, dirs_exist_ok=True)
    for name, printed in theirs.items():
        told = ours.get(name, "none")
        print(f"{profile:15}{name:36}{printed:>10}{told:>10}{'' if told == printed else '  DIFFERS'}")
    return sum(ours.get(name) == printed for name, printed in theirs.items()), len(theirs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scripts", type=Path, help="folder with clones of the repositories; fetched if not given")
    parser.add_argument("--record", action="store_true", help="write inputs and numbers for the tests")
    parser.add_argument("--quick", action="store_true", help="NExT-QA alone")
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    agreed, total, left_out = 0, 0, {}
    print(f"{'benchmark':15}{'figure':36}{'script':>10}{'ours':>10}")
    with tempfile.TemporaryDirectory() as work:
        for profile in ("nextqa",) if args.quick else tuple(SCRIPTS):
            try:
                right, of = compare(profile, args.scripts, Path(work), args.record)
            except NotHere as why:
                left_out[profile] = str(why)
                print(f"{profile:15}left out: {why}")
                continue
            agreed, total = agreed + right, total + of
    versions = {name: version(name) for name in ("demitasse", "numpy")}
    result = {"name": "official_scorers", "ratios": {"agree": agreed / total if total else None}}
    print(json.dumps(result | {"ours": agreed, "peer": total, "left_out": left_out, "versions": versions}))
    if agreed < total:
        return 1
    return LEFT_OUT if left_out else 0


if __name__ == "__main__":
    sys.exit(main())
