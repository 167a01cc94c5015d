"""train/sft.py that stands still in the third step after its checkpoint, for a test to kill it there at any speed.

accelerate launch --num_processes 2 --cpu tests/train/lingers.py --config recipe.yaml
"""

import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from demitasse.stages import use_checkout

    use_checkout()

from train import sft
from train.loop.checkpoint import Checkpoints
from train.start import main

save, step = Checkpoints.save, sft.optimizer_step
since = []


def noted_save(*given, **named):
    """Save, and count from here."""
    save(*given, **named)
    since.append(0)


def lingering_step(*given, **named):
    """Two more, and no third."""
    if since:
        since[-1] += 1
        if since[-1] == 3:
            time.sleep(3600)
    return step(*given, **named)


if __name__ == "__main__":
    Checkpoints.save, sft.optimizer_step = noted_save, lingering_step
    sys.exit(main(sft.train, str(Path(__file__))))
