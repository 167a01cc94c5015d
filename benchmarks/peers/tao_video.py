"""Runs the original's video pipeline in the original's environment, as its command does, and says how long it took.

    ENV/bin/python benchmarks/peers/tao_video.py RESULTS_DIR key=value ...

The original's package needs torch, pytorch_lightning and its own core to log and to declare what other pipelines
can be told. A plain logger and empty declarations stand in for those; the pipeline, its client and its declaration
of its own fields are the original's. Its prompts module is looked for in PYTHONPATH.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
import time
import types
from pathlib import Path
from typing import Any

CORE = "nvidia_tao_core.config"
DECLARED = {
    f"{CORE}.grounding_dino.dataset": ["GDINOAugmentationConfig"],
    f"{CORE}.grounding_dino.model": ["GDINOModelConfig"],
    f"{CORE}.grounding_dino.train": ["GDINOTrainExpConfig"],
    f"{CORE}.mal.default_config": [
        f"MAL{name}Config" for name in ("TrainExp", "EvalExp", "InferenceExp", "Dataset", "Model")
    ],
}


def stand_in() -> None:
    """The modules that only log, or only declare other pipelines' fields."""
    logger = types.ModuleType("nvidia_tao_ds.core.logging.logging")
    logger.logging = logging.getLogger("tao")  # type: ignore[attr-defined]
    sys.modules[logger.__name__] = logger
    for name, classes in DECLARED.items():
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            sys.modules.setdefault(".".join(parts[:end]), types.ModuleType(".".join(parts[:end])))
        for one in classes:
            setattr(sys.modules[name], one, dataclasses.make_dataclass(one, []))


def read_config(results_dir: str, overrides: list[str], section: str = "video_reasoning_annotation") -> Any:
    """The declared fields, the wheel's own spec over them, and `key=value` over that, as Hydra merges them."""
    import nvidia_tao_ds
    from nvidia_tao_ds.config.auto_label.default_config import ExperimentConfig
    from omegaconf import OmegaConf

    spec = Path(nvidia_tao_ds.__file__).parent / f"auto_label/experiment_specs/{section}.yaml"
    given = OmegaConf.from_dotlist([f"results_dir={results_dir}", *overrides])
    return OmegaConf.merge(OmegaConf.structured(ExperimentConfig), OmegaConf.load(spec), given)


def main(results_dir: str, overrides: list[str]) -> None:
    """One run."""
    stand_in()
    from nvidia_tao_ds.auto_label.video_reasoning_annotation.inference import run_video_reasoning_annotation_inference

    config = read_config(results_dir, overrides)
    started = time.perf_counter()
    run_video_reasoning_annotation_inference(config, results_dir)
    print(json.dumps({"wall": time.perf_counter() - started}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
