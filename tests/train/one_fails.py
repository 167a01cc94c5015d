"""train/sft.py as one of several processes, of which the second meets a fault of its own in its second step.

python -m torch.distributed.run --nproc_per_node 2 tests/train/one_fails.py --config recipe.yaml
"""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from demitasse.stages import use_checkout

    use_checkout()

from demitasse.errors import DataError
from train import sft
from train.start import main

step = sft.optimizer_step
taken = []


def failing_step(*given, **named):
    """The second step fails, in the second process."""
    taken.append(1)
    if len(taken) == 2 and os.environ["RANK"] == "1":
        raise DataError("a.mp4: only here")
    return step(*given, **named)


if __name__ == "__main__":
    sft.optimizer_step = failing_step
    sys.exit(main(sft.train, str(Path(__file__))))
