"""What an epoch's frames cost LLaMA-Factory: its own plugin decodes and resizes the videos, in its own environment.

ENV/bin/python benchmarks/peers/llamafactory_frames.py SPEC.json
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torchaudio_stand_in  # noqa: F401  before anything imports the real one
import torchvision_without_ops  # noqa: F401  before anything imports torchvision
from llamafactory.data.mm_plugin import get_mm_plugin


def main(spec_path: str) -> None:
    """One epoch."""
    spec = json.loads(Path(spec_path).read_text())
    plugin = get_mm_plugin(name="qwen3_vl", image_token="<|image_pad|>", video_token="<|video_pad|>")
    wall, cpu = time.perf_counter(), time.process_time()
    frames = 0
    for video in spec["videos"]:
        frames += len(plugin._regularize_videos([video], **spec["settings"])["videos"][0])
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "frames": frames}))


if __name__ == "__main__":
    main(sys.argv[1])
