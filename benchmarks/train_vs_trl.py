"""Demitasse's training beside TRL's SFTTrainer: the same weights, frames, words and order, in turn.

    python benchmarks/train_vs_trl.py [--quick]      (--env DIR keeps TRL's environment between runs)
    python benchmarks/train_vs_trl.py --peer llamafactory

Each side runs in a process of its own, with one thread, in float32 on the CPU. First both must come to the same loss
and the same norm of every gradient tensor on one sample and on a batch, or the race is void. Then they take turns of a
few optimizer steps: `train` as it stands, halted between rounds, and SFTTrainer as it stands. Useful tokens are those
that are not padding; CPU seconds are given besides wall seconds because the machine may do other work. A CPU shows
padding, logits, pipeline and Python, never flash attention or MFU.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from demitasse.stages import use_checkout

ROOT = Path(__file__).resolve().parents[1]
# TRL with the versions of torch and transformers that we run on; LLaMA-Factory pins older ones.
PEERS = {
    "trl": ["trl==1.16.0", "transformers", "pillow", "-c", str(ROOT / "constraints.txt")],
    "llamafactory": ["llamafactory==0.9.5"],
}
TORCH = ("torch==2.13.0", "torchvision==0.28.0")  # a pair
TOLERANCE = 1e-4  # relative, in float32: another order of summation


@dataclass(frozen=True)
class Peer:
    """Whom we race, and the python of its environment."""

    name: str
    python: Path


@dataclass
class Side:
    """One side's process, and what its rounds took."""

    name: str
    process: subprocess.Popen[str]
    rounds: list[dict[str, Any]] = field(default_factory=list)
    before: float = 0.0  # most MiB held before the first step

    def hear(self) -> dict[str, Any]:
        """The next message.

        Raises:
            SystemExit: if the process ended instead, with what it printed.
        """
        printed = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("@"):
                told: dict[str, Any] = json.loads(line[1:])
                return told
            printed.append(line)
        raise SystemExit(f"{self.name} ended:\n{''.join(printed[-40:])}")

    def round(self) -> dict[str, Any]:
        """A round of steps."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.hear()

    def stop(self) -> None:
        """Ends the process, which ends when nobody is to say go."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def main() -> None:
    """Set up, compare, race, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one family, two rounds: does it work at all?")
    parser.add_argument("--peer", choices=PEERS, default="trl")
    parser.add_argument("--env", type=Path, help="folder of the peer's environment, made if it is not there")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count; one more warms up")
    parser.add_argument("--only", default="", help="races whose names contain this")
    parser.add_argument("--ours", nargs=2, metavar=("RACE", "ROWS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    use_checkout()
    if asked.ours:
        run_ours(*map(Path, asked.ours))
        return
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        peer = Peer(asked.peer, peer_environment(asked.peer, asked.env or work / "env"))
        races = [race for race in planned(work, asked.quick, asked.rounds) if asked.only in race.name]
        for family in dict.fromkeys(race.family for race in races):
            compare(work, peer, family)
        show(peer, {race.name: run(race, peer) for race in races})


def peer_environment(name: str, folder: Path) -> Path:
    """Its python."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"setting up {PEERS[name][0]} in an environment of its own", flush=True)
        venv.create(folder, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *TORCH, *PEERS[name]], check=True)
    return python


def planned(work: Path, quick: bool, rounds: int) -> list[Any]:
    """The races."""
    from benchmarks.train_race import FAMILIES, REAL_VOCABULARY, Race

    families = FAMILIES[:1] if quick else FAMILIES
    steps, rounds = (1, 2) if quick else (3, rounds + 1)
    races = [
        Race(str(work), family, lengths, 0, steps, rounds, pack=True)
        for family in families
        for lengths in ("uniform", "skewed")
    ]
    if not quick:
        races += [replace(race, vocabulary=REAL_VOCABULARY, steps=1) for race in races[:2]]
    return races


def start(race: Any, peer: Peer | None = None) -> Side:
    """One side, ours without a peer; its model is loaded, before its first step."""
    from benchmarks.train_race import make_items, make_model, write_rows

    make_model(race)
    items = make_items(race)
    told = Path(race.folder) / "told"
    told.mkdir(exist_ok=True)
    name = peer.name if peer else "ours"
    rows = write_rows(race, items, told / f"{name}_rows.json")
    spec = race.write(told / f"{name}.json")
    command = [sys.executable, str(Path(__file__).resolve()), "--ours"]
    if peer:
        command = [str(peer.python), str(ROOT / "benchmarks" / "peers" / f"{peer.name}_sft.py")]
    environment = {**os.environ, "OMP_NUM_THREADS": str(race.threads), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, str(spec), str(rows)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
    )  # fmt: skip
    side = Side(name, process)
    side.before = side.hear()["memory"]
    return side


def compare(work: Path, peer: Peer, family: str) -> None:
    """Both sides do the same work: loss, gradients, tokens, of one sample and of a batch, split and whole.

    Raises:
        SystemExit: with what differs.
    """
    from benchmarks.train_race import Race

    one = Race(str(work), family, "skewed", 0, steps=1, rounds=1, batch=1, clip=1e9, gradients=True)
    batch = replace(one, batch=8)
    print(f"\n{family}: loss and gradient norm of the first steps", flush=True)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for label, race in {
        "one sample a step": one,
        "8 samples": batch,
        "8 samples, packed": replace(batch, pack=True),
        "8 samples in 4 parts": replace(batch, accumulate=4),
    }.items():
        found[label] = {"ours": once(race), **({} if race.pack else {"peer": once(race, peer)})}
        for name, told in found[label].items():
            norms = [sum(norm**2 for norm in step) ** 0.5 for step in told["norms"]]
            shown = "  ".join(f"{loss:.6f} {norm:.6f}" for loss, norm in zip(told["losses"], norms, strict=True))
            print(f"  {label:<22}{'ours' if name == 'ours' else peer.name:<14}{shown}", flush=True)
    for label in ("one sample a step", "8 samples"):
        check_equal(f"{family}, {label}", found[label]["ours"], found[label]["peer"])
    for label in ("8 samples, packed", "8 samples in 4 parts"):
        check_equal(f"{family}, {label}, ours", found["8 samples"]["ours"], found[label]["ours"])
    split, whole = (found[label]["peer"] for label in ("8 samples in 4 parts", "8 samples"))
    print(
        f"  equal. Split in 4 parts, the batch gives {peer.name} other gradients, by {apart(split, whole):.2g}; not us"
    )


def once(race: Any, peer: Peer | None = None) -> dict[str, Any]:
    """One round of one side."""
    side = start(race, peer)
    told = side.round()
    side.stop()
    return told


def apart(one: dict[str, Any], other: dict[str, Any]) -> float:
    """The largest relative difference between losses, and between the norms of gradient tensors.

    A tensor's norm is compared with the largest one's thousandth at least: some gradients are zero but for rounding.
    """
    worst = max(abs(a - b) / abs(b) for a, b in zip(one["losses"], other["losses"], strict=True))
    for mine, theirs in zip(one["norms"], other["norms"], strict=True):
        floor = theirs[0] / 1000
        mine, theirs = ([norm for norm in norms if norm > floor] for norms in (mine, theirs))
        if len(mine) != len(theirs):
            return float("inf")
        worst = max([worst, *(abs(a - b) / b for a, b in zip(mine, theirs, strict=True))])
    return worst


def check_equal(what: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    """Raises SystemExit unless both learnt the same."""
    counts = [(told["tokens"], told["labels"]) for told in (one, other)]
    if counts[0] != counts[1]:
        raise SystemExit(f"{what}: not the same tokens and labels: {counts}")
    if (difference := apart(one, other)) > TOLERANCE:
        raise SystemExit(f"{what}: loss or gradients differ by {difference:.2g}, so there is nothing to race for")


def run(race: Any, peer: Peer) -> dict[str, Side]:
    """Both sides in turn, so that a busy minute of the machine meets both."""
    sides = {"ours": start(race), "peer": start(race, peer)}
    for number in range(race.rounds):
        for side in sides.values():
            told = side.round()
            if number:  # the first one warms up
                side.rounds.append(told)
        if number:
            check_round(race, number, sides)
    for side in sides.values():
        side.stop()
    return sides


def check_round(race: Any, number: int, sides: dict[str, Side]) -> None:
    """The same items, to the token, and a line for the person who waits."""
    ours, peer = (side.rounds[-1] for side in sides.values())
    if (ours["tokens"], ours["labels"]) != (peer["tokens"], peer["labels"]):
        raise SystemExit(f"{race.name}, round {number}: not the same tokens: {ours['tokens']} and {peer['tokens']}")
    times = ", ".join(
        f"{clock} {ours[clock]:.2f} and {peer[clock]:.2f} s = {peer[clock] / ours[clock]:.2f} x"
        for clock in ("wall", "cpu")
    )
    losses = " and ".join(f"{told['losses'][-1]:.5f}" for told in (ours, peer))
    print(f"{race.name}, round {number}: {times}, loss {losses}", flush=True)


def run_ours(spec: Path, rows: Path) -> None:
    """Our side, in a process of its own: `train` as a user runs it, halted between rounds."""
    import torch

    from benchmarks.peers.gate import Gate
    from benchmarks.train_race import Race
    from demitasse.config import read_config
    from demitasse.student import family
    from train import sft
    from train.config import TrainConfig

    race, told = Race(**json.loads(spec.read_text())), json.loads(rows.read_text())
    torch.set_num_threads(race.threads)
    family.FAMILIES[race.family] = "benchmarks.pictures_family"
    gate = Gate(race.steps, race.gradients)
    step = vars(sft)["optimizer_step"]

    def halted(*given: Any, **named: Any) -> Any:
        gate.open()
        stepped = step(*given, **named)
        gate.step(stepped.loss, stepped.tokens, stepped.labels)
        return stepped

    vars(sft)["optimizer_step"] = halted
    sft.train(read_config(TrainConfig, told["recipe"], [], section="train"))


def show(peer: Peer, report: dict[str, dict[str, Side]]) -> None:
    """A table of medians, and one JSON object in the last line."""
    from importlib.metadata import version

    print(
        f"\n{'race':<28}{'side':<14}{'tokens/s':>10}{'(least, most)':>18}{'tokens/CPU s':>14}{'labels/s':>10}"
        f"{'peak MiB':>10}{'of it steps':>13}"
    )
    figures = {name: {key: measured(side) for key, side in sides.items()} for name, sides in report.items()}
    for name, sides in figures.items():
        for side, told in sides.items():
            spread = f"({told['slowest']:.0f}, {told['fastest']:.0f})"
            print(
                f"{name:<28}{report[name][side].name:<14}{told['tokens_per_second']:>10.0f}{spread:>18}{told['tokens_per_cpu_second']:>14.0f}"
                f"{told['labels_per_second']:>10.0f}{told['peak_mib']:>10.0f}{told['steps_mib']:>13.0f}"
            )
    ratios = {name: compared(sides["ours"], sides["peer"]) for name, sides in figures.items()}
    for name, ratio in ratios.items():
        print(
            f"{name:<28}{ratio['wall']:.2f} x {peer.name}'s tokens a second, {ratio['cpu']:.2f} x a CPU second, "
            f"{ratio['memory']:.2f} x its peak memory"
        )
    versions = {name: version(name) for name in ("torch", "transformers")}
    versions |= {"python": sys.version.split()[0], peer.name: PEERS[peer.name][0].split("==")[1]}
    ours, theirs = ({name: sides[side] for name, sides in figures.items()} for side in ("ours", "peer"))
    whole = {"name": f"train_vs_{peer.name}", "ratios": ratios, "ours": ours, "peer": theirs, "versions": versions}
    print(json.dumps(whole))


def measured(side: Side) -> dict[str, float]:
    """Medians over the rounds."""

    def rates(what: str, over: str) -> Sequence[float]:
        return [told[what] / told[over] for told in side.rounds]

    peak = side.rounds[-1]["memory"]
    return {
        "tokens_per_second": round(statistics.median(rates("tokens", "wall")), 1),
        "slowest": round(min(rates("tokens", "wall")), 1),
        "fastest": round(max(rates("tokens", "wall")), 1),
        "tokens_per_cpu_second": round(statistics.median(rates("tokens", "cpu")), 1),
        "labels_per_second": round(statistics.median(rates("labels", "wall")), 1),
        "peak_mib": round(peak, 1),
        "steps_mib": round(peak - side.before, 1),
    }


def compared(ours: dict[str, float], peer: dict[str, float]) -> dict[str, float]:
    """Ours over the peer's."""
    return {
        "wall": round(ours["tokens_per_second"] / peer["tokens_per_second"], 3),
        "cpu": round(ours["tokens_per_cpu_second"] / peer["tokens_per_cpu_second"], 3),
        "memory": round(ours["peak_mib"] / peer["peak_mib"], 3),
    }


if __name__ == "__main__":
    main()
