"""`recipes/slurm/train.slurm` by a stand-in for SLURM: what each node starts, and what a signal does to the job."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "recipes" / "slurm" / "train.slurm"
NODES, GPUS = 2, 2
JOB = 123_456
# As SLURM's: once a node, each with its number, and the code of the worst.
SRUN = """#!/bin/bash
[ "$1" = --kill-on-bad-exit=1 ] || exit 99
shift
pids=()
trap 'kill -TERM "${pids[@]}"' TERM
for ((node = 0; node < SLURM_JOB_NUM_NODES; node++)); do
    SLURM_NODEID=$node "$@" &
    pids+=($!)
done
code=0
for pid in "${pids[@]}"; do
    until wait "$pid"; do
        found=$?
        kill -0 "$pid" 2>/dev/null && continue
        code=$found
        break
    done
done
exit "$code"
"""
SCONTROL = """#!/bin/bash
if [ "$1 $2" = "show hostnames" ]; then
    [ "$3" = "node-[3-4]" ] || exit 98
    printf 'node-3\\nnode-4\\n'
else
    echo "$@" >> "$TOLD/scontrol"
fi
"""
# What accelerate is told, and what becomes of it, by accelerate's own parser.
ACCELERATE = """#!{python}
import json, os, signal, sys, time
from pathlib import Path
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
assert sys.argv[1] == "launch"
args, *_ = _validate_launch_command(launch_command_parser().parse_args(sys.argv[2:]))
names = ("num_machines", "num_processes", "machine_rank", "main_process_ip", "main_process_port", "use_fsdp",
         "training_script", "training_script_args")
told = {{name: getattr(args, name) for name in names}} | {{"patience": os.environ["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"]}}
place = Path(os.environ["TOLD"], f"node{{args.machine_rank}}")
if os.environ.get("LASTS"):
    def save(*_):
        time.sleep(0.3)
        place.with_suffix(".saved").touch()
        sys.exit(1)  # as torchrun does when it was told to end
    signal.signal(signal.SIGTERM, save)
place.write_text(json.dumps(told))
time.sleep(float(os.environ.get("LASTS", 0)))
sys.exit(int(os.environ.get("CODE", 0)) if args.machine_rank == 1 else 0)
"""


@pytest.fixture
def cluster(tmp_path) -> dict[str, str]:
    """The environment of a job on two nodes with two GPUs each."""
    tools = tmp_path / "bin"
    tools.mkdir()
    written = {"srun": SRUN, "scontrol": SCONTROL, "accelerate": ACCELERATE.format(python=sys.executable)}
    for name, text in written.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return os.environ | {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "TOLD": str(tmp_path),
        "SLURM_JOB_ID": str(JOB),
        "SLURM_JOB_NODELIST": "node-[3-4]",
        "SLURM_JOB_NUM_NODES": str(NODES),
        "SLURM_GPUS_ON_NODE": str(GPUS),
    }


def submit(cluster: Mapping[str, str], *words: str) -> subprocess.Popen[str]:
    command = ["bash", str(TEMPLATE), "recipes/accelerate/fsdp2_nodes.yaml", *words]
    return subprocess.Popen(command, cwd=ROOT, env=dict(cluster), text=True, stderr=subprocess.PIPE)


def test_each_node_starts_its_processes_with_its_rank_and_the_first_nodes_address(cluster, tmp_path) -> None:
    words = ["--config", "my run.yaml", "data.files=[a, b]", "model.system_prompt=It's $5"]
    job = submit(cluster, *words)
    assert job.wait(300) == 0, job.communicate()[1]
    told = [json.loads((tmp_path / f"node{node}").read_text()) for node in range(NODES)]
    for node, one in enumerate(told):
        assert one == {
            "num_machines": NODES,
            "num_processes": NODES * GPUS,  # of all machines together, as accelerate counts them
            "machine_rank": node,
            "main_process_ip": "node-3",
            "main_process_port": 20000 + JOB % 12000,
            "use_fsdp": True,
            "training_script": "train/sft.py",
            "training_script_args": words,
            "patience": "110",
        }
    assert not (tmp_path / "scontrol").exists()


def test_a_node_that_fails_fails_the_job_which_is_not_queued_again(cluster, tmp_path) -> None:
    job = submit(cluster | {"CODE": "7"}, "--config", "mine.yaml")
    assert job.wait(300) == 7
    assert not (tmp_path / "scontrol").exists()


def test_before_the_time_is_up_every_node_saves_and_the_job_is_queued_again(cluster, tmp_path) -> None:
    job = submit(cluster | {"LASTS": "900"}, "--config", "mine.yaml")
    began = time.monotonic()
    while not all((tmp_path / f"node{node}").exists() for node in range(NODES)):
        assert time.monotonic() - began < 300
        time.sleep(0.05)
    job.send_signal(signal.SIGTERM)  # as `--signal=B:TERM@120` does: to the script alone
    assert job.wait(300) == 0, job.communicate()[1]
    assert {path.name for path in tmp_path.glob("*.saved")} == {"node0.saved", "node1.saved"}
    assert (tmp_path / "scontrol").read_text() == f"requeue {JOB}\n"


@pytest.mark.parametrize("words", [[], ["--config"]], ids=["nothing", "the_file_of_accelerate_forgotten"])
def test_without_its_first_word_it_says_so_before_anything_is_started(cluster, tmp_path, words) -> None:
    command = ["bash", str(TEMPLATE), *words]
    ran = subprocess.run(command, cwd=ROOT, env=cluster, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 2
    assert "a file of recipes/accelerate" in ran.stderr and ran.stderr.count("\n") == 1
    assert not list(tmp_path.glob("node*"))
