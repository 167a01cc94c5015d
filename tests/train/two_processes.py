"""One process of two: the loss and the gradient of steps that the two share, written for a test to read.

python -m torch.distributed.run --nproc_per_node 2 tests/train/two_processes.py STUDENT_FOLDER
"""

import sys
from pathlib import Path

import torch
from accelerate import Accelerator

from demitasse.student.load import Student, load_student
from tests.train.mixed_media import micro_batch, mixed_examples, text_examples
from train.config import LossConfig
from train.data.batches import MicroBatch
from train.data.examples import Example
from train.loop.loss import SummedLoss
from train.loop.step import optimizer_step

WEIGHTED = LossConfig("sample", reasoning=0.3, answer=2.0, structure=0.5, boxes=4.0)


def shares(student: Student) -> dict[str, list[list[MicroBatch]]]:
    """For each case what either process learns."""
    mixed, text = mixed_examples(student.encoder), text_examples(student.encoder)
    gone = [Example(7, None, "a.mp4: broken"), mixed[0]]

    def of(*parts: list[list[Example]], packed: bool = False, loss: LossConfig | None = None) -> list[list[MicroBatch]]:
        return [[micro_batch(student, one, packed, loss) for one in part] for part in parts]

    return {
        "two_each": of([mixed[::2]], [mixed[1::2]]),
        "accumulated": of([[mixed[0]], [mixed[2]]], [[mixed[1]], [mixed[3]]], loss=WEIGHTED),
        "packed": of([mixed[:3]], [mixed[3:]], packed=True, loss=WEIGHTED),
        "nothing_left": of([mixed[:2], mixed[2:]], [[], []], packed=True),
        "text_only_rank": of([[mixed[0], mixed[2]]], [text]),
        "image_and_video_ranks": of([[mixed[2]]], [[mixed[3]]]),
        "unreadable": of([[mixed[1]]], [gone]),
    }


def main(folder: Path) -> None:
    accelerator = Accelerator(cpu=True)
    student = load_student(folder, device="cpu")
    model = SummedLoss(student.model)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    loss_of, optimizer = accelerator.prepare(model, optimizer)
    results = {}
    for case, share in shares(student).items():
        gradient: dict[str, torch.Tensor] = {}

        def keep(loss: float, norm: float, gradient: dict[str, torch.Tensor] = gradient) -> bool:
            named = accelerator.unwrap_model(loss_of).named_parameters()
            gradient.update((name, one.grad.clone()) for name, one in named if one.grad is not None)
            return False

        mine = share[accelerator.process_index]
        stepped = optimizer_step(accelerator, loss_of, optimizer, iter(mine), len(mine), 1e9, keep)
        results[case] = (stepped, gradient)
    torch.save(results, folder / f"rank{accelerator.process_index}.pt")
    accelerator.end_training()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
