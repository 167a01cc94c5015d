"""One process of two that hold a student in shards: it is asked about everything, one video broken, and cut off.

torchrun --nproc_per_node 2 tests/evaluate/two_processes.py WORLD OUT
"""

import json
import sys
from pathlib import Path

import torch
from torch.distributed.tensor import DTensor

from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.student.load import load_student
from demitasse.student.sight import Sight, SightSettings
from evaluate.asking.in_training import Evaluator, HeldOut
from evaluate.asking.student import StudentSettings
from train.config import ModelConfig
from train.loop.launch import start_accelerator
from train.loop.loss import SummedLoss


def main(world: Path, out: Path) -> None:
    accelerator = start_accelerator(ModelConfig())
    student = load_student(world / "student", device="cpu")
    sight = Sight(SightSettings(SamplingPolicy(1.0, 4)), FrameCache(world / "cache"), student.encoder.vision)
    optimizer = torch.optim.SGD(student.model.parameters(), lr=0.1)
    learner, _ = accelerator.prepare(SummedLoss(student.model), optimizer)
    held_out = HeldOut([str(world / "data"), str(world / "broken.json")], batch_size=3)
    settings = StudentSettings(world / "student", fps=1.0, max_frames=4, max_new_tokens=24)
    ask = Evaluator(student, sight, settings, held_out, "key", learner, accelerator)
    batches: list[None] = []
    cut = ask(out / "cut", 1, lambda: batches.append(None) or len(batches) == 3)
    whole = ask(out / "whole", 1, lambda: False)
    told = {
        "cut": cut is None,
        "figures": whole.figures if whole else None,
        "sharded": isinstance(next(student.model.parameters()).data, DTensor),
    }
    (out / f"rank{accelerator.process_index}.json").write_text(json.dumps(told))
    accelerator.wait_for_everyone()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
