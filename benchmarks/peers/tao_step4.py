"""Runs the original's step 4 over step 3's rows in RESULTS_DIR, in the original's environment.

ENV/bin/python benchmarks/peers/tao_step4.py RESULTS_DIR
"""

from __future__ import annotations

import sys
import types

from tao_video import stand_in


def main(results_dir: str) -> None:
    """One run."""
    stand_in()
    from nvidia_tao_ds.auto_label.video_reasoning_annotation.steps import step4_parse_qa

    data = types.SimpleNamespace(video_root="")
    step4_parse_qa.run(types.SimpleNamespace(data=data, license="", description_extra=""), results_dir)


if __name__ == "__main__":
    main(sys.argv[1])
