"""Runs the original's image pipeline in the original's environment, and says how long it took.

ENV/bin/python benchmarks/peers/tao_images.py RESULTS_DIR key=value ...
"""

from __future__ import annotations

import json
import sys
import time

from tao_video import read_config, stand_in


def main(results_dir: str, overrides: list[str]) -> None:
    """One run."""
    stand_in()
    from nvidia_tao_ds.auto_label.image_referring_expression.inference import run_image_referring_expression_inference

    config = read_config(results_dir, overrides, "image_referring_expression")
    started = time.perf_counter()
    run_image_referring_expression_inference(config, results_dir)
    print(json.dumps({"wall": time.perf_counter() - started}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
