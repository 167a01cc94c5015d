"""Filters a folder with a model that ends this process by SIGKILL after so many replies. Run by a test."""

import os
import signal
import sys
from pathlib import Path

from annotate.quality.config import read_quality
from annotate.quality.pipeline import filter_items
from demitasse.chat.scripted import ScriptedModel
from demitasse.dataset import read_folder


class Deadly(ScriptedModel):
    left = int(sys.argv[3])

    async def reply(self, request):
        Deadly.left -= 1
        if Deadly.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().reply(request)


if __name__ == "__main__":
    config = read_quality(None, ["filters=[blind]", "llm.backend=scripted", "max_workers=1"])
    filter_items(read_folder(sys.argv[1]), config, Path(sys.argv[2]), {"llm": Deadly()}, progress=False)
