"""Our encoder beside transformers' own processors: the same ids, pixels, grids and positions?

    python benchmarks/processor_parity.py            compare, print a table
    python benchmarks/processor_parity.py --record   write what transformers gives to tests/student/processor.npz

transformers' video processors need torchvision, whose wheel from the package index does not import beside a CPU
build of torch. This script makes an environment of its own in which it does: the installed packages, torchvision
without its dependencies, and the two operators that its missing native part would have declared.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "tests" / "student" / "processor.npz"
# (frames, height, width, seconds between frames): fitting, resizing up and down, an odd count, a slow rate.
CASES = [(8, 64, 64, 1.0), (4, 50, 90, 0.5), (5, 130, 70, 0.25), (2, 33, 200, 3.0)]
FAMILIES = ("qwen2_5_vl", "qwen3_vl")
QUESTION = "In which direction does the shape move?\nA. left\nB. right\nAnswer with a single letter."
MIN_PIXELS, MAX_PIXELS = 32 * 32, 96 * 96


def tiny(family: str, folder: Path) -> None:
    """A tiny model of the family with a tokenizer that knows the question's words."""
    from demitasse.student.tiny import build_model, build_tokenizer, save_tiny

    tokenizer = build_tokenizer([QUESTION] * 4)
    save_tiny(build_model(family, tokenizer, hidden=32, layers=1, heads=2), tokenizer, folder)


def frames_of(case: int) -> np.ndarray:
    """Smooth random frames: uint8 [N, H, W, 3]."""
    import numpy as np

    count, height, width, _ = CASES[case]
    coarse = np.random.default_rng(case).integers(0, 256, (count, 4, 4, 3))
    rows, columns = np.linspace(0, 3.99, height).astype(int), np.linspace(0, 3.99, width).astype(int)
    return coarse[:, rows][:, :, columns].astype(np.uint8)


def reference() -> None:
    """Runs in the environment with torchvision: writes transformers' results to the file named on the line."""
    import numpy as np
    import torch

    libraries = [torch.library.Library("torchvision", "FRAGMENT")]
    libraries[0].define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    libraries[0].define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from transformers.video_utils import VideoMetadata

    found = {}
    for family in FAMILIES:
        with tempfile.TemporaryDirectory() as folder:
            tiny(family, Path(folder))
            processor = AutoProcessor.from_pretrained(folder)
            model = AutoModelForImageTextToText.from_pretrained(folder)
        for case, (count, _, _, spacing) in enumerate(CASES):
            frames = frames_of(case)
            message = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": QUESTION}]}]
            text = processor.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
            # Qwen3-VL counts pixels over the whole video, Qwen2.5-VL over a frame.
            even = count + count % 2 if family == "qwen3_vl" else 1
            total = count if family == "qwen3_vl" else 1
            metadata = VideoMetadata(total_num_frames=count, fps=1 / spacing, frames_indices=list(range(count)))
            batch = processor(
                text=[text],
                videos=[torch.from_numpy(frames).permute(0, 3, 1, 2)],
                video_metadata=[metadata],
                do_sample_frames=False,
                size={"shortest_edge": MIN_PIXELS * total, "longest_edge": MAX_PIXELS * max(total, even)},
                return_tensors="pt",
            )
            extra = {key: batch[key] for key in ("second_per_grid_ts",) if key in batch}
            positions, _ = model.model.get_rope_index(
                batch["input_ids"], batch["mm_token_type_ids"], video_grid_thw=batch["video_grid_thw"], **extra
            )
            name = f"{family}/{case}"
            found[f"{name}/ids"] = batch["input_ids"][0].numpy()
            found[f"{name}/grid"] = batch["video_grid_thw"][0].numpy()
            found[f"{name}/pixels"] = batch["pixel_values_videos"].numpy().astype(np.float32)[::3, ::5]
            found[f"{name}/positions"] = positions[:, 0].numpy()
    np.savez_compressed(sys.argv[2], **found)


def make_environment(folder: Path) -> Path:
    """An environment that sees the installed packages and has torchvision besides; returns its python."""
    from importlib.metadata import version

    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    torch_minor = int(version("torch").split(".")[1])
    wanted = f"torchvision==0.{torch_minor + 15}.0"  # torch 2.13 pairs with torchvision 0.28
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", wanted], check=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    (site / "installed.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n{ROOT}\n")
    return python


def ours(family: str, case: int) -> dict:
    """What our encoder makes of a case, under the same names."""
    import numpy as np
    from transformers import AutoConfig

    from demitasse.dataset import Item
    from demitasse.student.encode import see
    from demitasse.student.load import build_encoder
    from demitasse.student.vision import patchify

    with tempfile.TemporaryDirectory() as folder:
        tiny(family, Path(folder))
        config = AutoConfig.from_pretrained(folder)
        encoder = build_encoder(Path(folder), config, MIN_PIXELS, MAX_PIXELS)
    count, _, _, spacing = CASES[case]
    clip = see(frames_of(case), np.arange(count) * spacing, encoder.vision)
    encoded = encoder.prompt(Item(QUESTION, "A", "clip.mp4"), clip)
    return {
        "ids": encoded.input_ids,
        "grid": np.array(clip.pixels.grid),
        "pixels": patchify(clip.pixels, encoder.vision).numpy()[::3, ::5],
        "positions": encoded.positions,
    }


def main() -> None:
    """Make the environment, run both sides, compare."""
    import numpy as np

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="keep transformers' results for the tests")
    parser.add_argument("--quick", action="store_true", help="compare the first two cases only")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        python = make_environment(Path(folder) / "venv")
        out = RECORDED if args.record else Path(folder) / "reference.npz"
        subprocess.run([python, __file__, "--reference", str(out)], check=True, cwd=ROOT)
        found = dict(np.load(out))
    worst = 0.0
    for family in FAMILIES:
        for case in range(2 if args.quick else len(CASES)):
            mine = ours(family, case)
            same = {
                name: np.array_equal(found[f"{family}/{case}/{name}"], mine[name])
                for name in ("ids", "grid", "positions")
            }
            theirs = found[f"{family}/{case}/pixels"]
            fits = theirs.shape == mine["pixels"].shape
            apart = float(np.abs(theirs - mine["pixels"]).max()) if fits else float("inf")
            worst = max(worst, apart, *(0.0 if equal else float("inf") for equal in same.values()))
            print(f"{family:11} {CASES[case]!s:24} {same}  pixels apart {apart:.2e}")
    versions = {"python": sys.version.split()[0]}
    print(
        json.dumps(
            {
                "name": "processor_parity",
                "ratios": {},
                "ours": {"largest_difference": worst},
                "peer": {},
                "versions": versions,
            }
        )
    )
    sys.exit(0 if worst < 1e-5 else 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--reference"]:
        reference()
    else:
        main()
