"""Clips of a minute at 1280 x 720, to plan with what a recipe costs on footage of ordinary length; nothing is in them.

    python benchmarks/minute_clips.py runs/planned/minutes
    demitasse plan --stage annotate --config recipes/tao_general/config.yaml \
        results_dir=runs/planned/annotations video_reasoning_annotation.data.video_root=runs/planned/minutes

A plan needs length and size, not content, so one clip is encoded and copied; each copy ends in a `free` box of its own
(ISO 14496-12, 8.1.2), because files of the same bytes are one video to a run.
"""

from __future__ import annotations

import argparse
import struct
from pathlib import Path

import av
import numpy as np

SECONDS, RATE, WIDTH, HEIGHT = 60, 10, 1280, 720


def encode(path: Path) -> None:
    """A bar that moves across a grey picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(SECONDS * RATE):
            picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
            left = number * (WIDTH - 40) // (SECONDS * RATE)
            picture[:, left : left + 40] = 220
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the clips")
    parser.add_argument("--count", type=int, default=100, help="how many (default: 100)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    first = args.out / "minute_000.mp4"
    encode(first)
    content = first.read_bytes()
    for number in range(1, args.count):
        box = struct.pack(">I4sI", 12, b"free", number)
        (args.out / f"minute_{number:03d}.mp4").write_bytes(content + box)


if __name__ == "__main__":
    main()
