"""Our encoder beside transformers' own processors and models: the same ids, pixels, grids, positions, loss, gradients?

    python benchmarks/processor_parity.py            200 generated images and videos for each family, a table
    python benchmarks/processor_parity.py --quick    8 of each
    python benchmarks/processor_parity.py --record   and keep what transformers gives for the tests

transformers' video processors need torchvision, whose wheel from the package index does not import beside a CPU
build of torch. This script makes an environment of its own in which it does: the installed packages, torchvision
without its dependencies, and the two operators that its missing native part would have declared.

Each sample goes through transformers' processor and through our encoder. Then a tiny model of the family takes four of
them at a time twice, padded, from either side: once it works out the positions itself, once it is given ours. Questions
that hold control tokens are meant to differ: transformers reads `<|im_start|>` in a question as a turn, we as what a
user wrote. Those are compared with transformers' ids of the prompt around the question and of the question as text.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity_samples import COUNT, FAMILIES, GROUP, MEDIA, Sample, digest, encode, few, levels, sample, save_family

if TYPE_CHECKING:
    import torch

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "tests" / "student" / "processor.npz"
PIXELS_APART, GRADIENTS_APART = 1e-6, 1e-6
UNLIKE = 1e9  # how far apart things are that have not even the same shape, as a number that JSON has
MEASURES = ("ids", "grids", "positions", "pixels", "loss", "gradients")
SENTINEL = "\ue000"


@dataclass
class Compared:
    """What was found for a family and a medium: how many samples differ, and the most by which floats do.

    `meant` counts questions with control tokens, `tensors` those that have a gradient. Loss and gradients are apart
    relative to their size.
    """

    samples: int = 0
    ids: int = 0
    grids: int = 0
    positions: int = 0
    meant: int = 0
    pixels: float = 0.0
    loss: float = 0.0
    gradients: float = 0.0
    tensors: int = 0
    kept: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    @property
    def agrees(self) -> bool:
        """Whether all is equal, and floats within their tolerances."""
        same = not (self.ids or self.grids or self.positions)
        return same and self.pixels <= PIXELS_APART and max(self.loss, self.gradients) <= GRADIENTS_APART


# -- transformers' side ------------------------------------------------------------------------------------------------


def prompt_of(processor: Any, one: Sample) -> dict[str, Any]:
    """What transformers' processor makes of a sample's prompt."""
    question = SENTINEL if one.has_controls else one.question
    content = [{"type": one.medium}, {"type": "text", "text": question}]
    messages = [{"role": "user", "content": content}]
    if one.system:
        messages.insert(0, {"role": "system", "content": [{"type": "text", "text": one.system}]})
    text = processor.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, enable_thinking=one.way == "think"
    )
    batch = {"text": text, **processor(text=[text], return_tensors="pt", **medium_of(processor, one))}
    if one.has_controls:
        splice(batch, processor.tokenizer, one.question)
    return batch


def medium_of(processor: Any, one: Sample) -> dict[str, Any]:
    """The processor's arguments for what is seen."""
    import torch
    from PIL import Image
    from transformers.video_utils import VideoMetadata

    # Qwen3-VL's processor counts the pixels of a whole video, the others' those of a frame.
    whole = one.medium == "video" and "Qwen3" in type(processor).__name__
    times = one.shape[0] if whole else 1
    size = {} if one.bounds is None else {"shortest_edge": one.bounds[0] * times, "longest_edge": one.bounds[1] * times}
    more: dict[str, Any] = {"size": size} if size else {}
    frames = one.frames()
    if one.medium == "image":
        return {"images": [Image.fromarray(frames[0])], **more}
    # Qwen2.5-VL is told a mean rate: frames over the length of video that they stand for.
    length = (one.indices[-1] - one.indices[0]) / (len(one.indices) - 1) * len(one.indices)
    metadata = VideoMetadata(total_num_frames=length, fps=one.fps, frames_indices=list(one.indices))  # type: ignore[arg-type]
    video = torch.from_numpy(frames).permute(0, 3, 1, 2)
    return {"videos": [video], "video_metadata": [metadata], "do_sample_frames": False, **more}


def splice(batch: dict[str, Any], tokenizer: Any, question: str) -> None:
    """Put the question's ids as plain text where the sentinel's are."""
    import torch

    ids, stand_in = batch["input_ids"][0].tolist(), tokenizer(SENTINEL, add_special_tokens=False)["input_ids"]
    width = len(stand_in)
    (place,) = [start for start in range(len(ids)) if ids[start : start + width] == stand_in]
    plain = tokenizer(question, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    types = batch["mm_token_type_ids"][0].tolist()
    for name, row, new in (("input_ids", ids, plain), ("mm_token_type_ids", types, [0] * len(plain))):
        batch[name] = torch.tensor([row[:place] + new + row[place + width :]])
    batch["attention_mask"] = torch.ones_like(batch["input_ids"])


def their_batch(processor: Any, prompts: list[dict[str, Any]], targets: list[list[int]]) -> dict[str, torch.Tensor]:
    """Prompts and targets, padded by transformers' tokenizer, with labels on the targets."""
    import torch

    rows = [[*prompt["input_ids"][0].tolist(), *target] for prompt, target in zip(prompts, targets, strict=True)]
    batch = dict(processor.tokenizer.pad({"input_ids": rows}, padding=True, return_tensors="pt", padding_side="right"))
    labels, types = torch.full_like(batch["input_ids"], -100), torch.zeros_like(batch["input_ids"])
    for place, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
        begin = prompt["input_ids"].shape[1]
        labels[place, begin : begin + len(target)] = torch.tensor(target)
        types[place, :begin] = prompt["mm_token_type_ids"][0]
    batch |= {"labels": labels, "mm_token_type_ids": types}
    for name in ("pixel_values", "pixel_values_videos", "image_grid_thw", "video_grid_thw", "second_per_grid_ts"):
        if name in prompts[0]:
            batch[name] = torch.cat([torch.as_tensor(prompt[name]) for prompt in prompts])
    return batch


# -- side by side ------------------------------------------------------------------------------------------------------


def compare(family: str, count: int) -> dict[str, Compared]:
    """Hold a family's encoder against its processor and model, image and video."""
    from transformers import AutoProcessor

    from demitasse.student.load import build_encoder

    with tempfile.TemporaryDirectory() as folder:
        model = save_family(family, Path(folder))
        processor = AutoProcessor.from_pretrained(folder)
        encoder = build_encoder(Path(folder), model.config, positions="transformers")
    found = {}
    for medium in MEDIA:
        found[medium] = Compared()
        for start in range(0, count, GROUP):
            group = [sample(medium, number) for number in range(start, start + GROUP)]
            prompts = [prompt_of(processor, one) for one in group]
            for one, prompt in zip(group, prompts, strict=True):
                compare_prompt(found[medium], model, encoder, one, prompt)
            compare_gradients(found[medium], model, processor, encoder, (group, prompts))
    return found


def compare_prompt(found: Compared, model: Any, encoder: Any, one: Sample, theirs: dict[str, Any]) -> None:
    """Ids, grid, positions and pixels of one sample."""
    import numpy as np

    from demitasse.student.vision import patchify

    ours = encode(encoder, {}, one, train=False)
    kind = "video" if one.medium == "video" else "image"
    pixels = theirs["pixel_values_videos" if kind == "video" else "pixel_values"].numpy()
    grid = theirs[f"{kind}_grid_thw"][0].numpy()
    ids = theirs["input_ids"][0].numpy()
    extra = {name: theirs[name] for name in ("second_per_grid_ts",) if name in theirs}
    arguments = {f"{kind}_grid_thw": theirs[f"{kind}_grid_thw"], **extra}
    places, _ = model.model.get_rope_index(theirs["input_ids"], theirs["mm_token_type_ids"], **arguments)
    positions = places[:, 0].numpy()
    mine = patchify(ours.pixels, encoder.vision).numpy()
    found.samples += 1
    found.meant += one.has_controls
    found.ids += not np.array_equal(ours.input_ids, ids)
    found.grids += not np.array_equal(ours.pixels.grid, grid)
    found.positions += not np.array_equal(ours.positions, positions)
    apart = float(np.abs(mine - pixels).max()) if mine.shape == pixels.shape else UNLIKE
    found.pixels = max(found.pixels, apart)
    keep(found, encoder.vision, {"ids": ids, "grid": grid, "positions": positions, "pixels": pixels})


def compare_gradients(found: Compared, model: Any, processor: Any, encoder: Any, given: tuple[Any, Any]) -> None:
    """The loss and every gradient of a batch, from either side."""
    import torch

    from demitasse.student.collate import collate

    group, prompts = given
    mine = [encode(encoder, {}, one, train=True) for one in group]
    words = [target_of(one, prompt["text"]) for one, prompt in zip(group, prompts, strict=True)]
    targets = [processor.tokenizer(text, add_special_tokens=False)["input_ids"] for text in words]
    batches = (
        their_batch(processor, prompts, targets),
        collate(mine, encoder.vision, encoder.tokenizer.pad_token_id),
    )
    losses, gradients = [], []
    for batch in batches:
        model.zero_grad()
        loss = model(**batch, use_cache=False).loss
        loss.backward()
        losses.append(loss.item())
        gradients.append({name: one.grad for name, one in model.named_parameters() if one.grad is not None})
    theirs, ours = gradients
    if theirs.keys() != ours.keys():
        found.gradients = UNLIKE
        return
    size = torch.stack([one.norm() for one in theirs.values()]).norm()
    apart = torch.stack([(ours[name] - one).norm() for name, one in theirs.items()]).norm() / size
    found.gradients = max(found.gradients, float(apart))
    found.loss = max(found.loss, abs(losses[0] - losses[1]) / losses[0])
    found.tensors = len(theirs)


def target_of(one: Sample, prompt: str) -> str:
    """What is to be written after a prompt; some templates have opened the reasoning already."""
    opening = "" if prompt.endswith("<think>\n") else "<think>\n"
    thoughts = f"{opening}{one.reasoning}\n</think>\n\n" if one.reasoning else ""
    return f"{thoughts}{one.answer}<|im_end|>"


# -- recording, environment, report ------------------------------------------------------------------------------------


def keep(found: Compared, vision: Any, given: dict[str, Any]) -> None:
    """Keep of transformers' results what the tests need to know them again."""
    found.kept["pixels"].append(digest(levels(given["pixels"], vision.mean, vision.std)))
    found.kept["few"].append(few(given["pixels"]))
    for name in ("ids", "grid", "positions"):
        found.kept[name].append(digest(given[name]))


def compare_all(out: Path, count: int, families: list[str]) -> None:
    """Runs in the environment with torchvision: writes what was found, and what the tests need, beside `out`."""
    import numpy as np
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from transformers.utils import logging

    torch.set_num_threads(1)  # the models are tiny: threads would wait for each other
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    kept, rows = {}, []
    for family in families:
        began = time.perf_counter()
        for medium, found in compare(family, count).items():
            row = {name: value for name, value in vars(found).items() if name != "kept"}
            rows.append({"family": family, "medium": medium, "agrees": found.agrees, **row})
            kept |= {f"{family}/{medium}/{name}": as_array(name, values) for name, values in found.kept.items()}
            print(line(rows[-1]), flush=True)
        print(f"{'':12} {time.perf_counter() - began:.0f} s", flush=True)
    np.savez_compressed(out, **kept)
    out.with_suffix(".json").write_text(json.dumps(rows))


def as_array(name: str, values: list[Any]) -> Any:
    """Samples of pixels as floats, digests as they are."""
    import numpy as np

    return np.stack(values) if name == "few" else np.array(values, np.uint64)


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    return (
        f"{row['family']:12} {row['medium']:6} {row['samples']:4} samples   differ: ids {row['ids']}, grids "
        f"{row['grids']}, positions {row['positions']}   apart: pixels {row['pixels']:.1e}, loss {row['loss']:.1e}, "
        f"gradients {row['gradients']:.1e} ({row['tensors']} tensors)   control tokens in the question: {row['meant']}"
    )


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


def main() -> None:
    """Make the environment, compare in it, report."""
    from importlib.metadata import version

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="keep transformers' results for the tests")
    parser.add_argument("--quick", action="store_true", help="8 samples of each family and medium")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES), help="compare only these")
    args = parser.parse_args()
    if args.record and (args.quick or len(args.families) < len(FAMILIES)):
        parser.error("--record keeps all samples of all families; leave --quick and --families out")
    with tempfile.TemporaryDirectory() as folder:
        python, out = make_environment(Path(folder) / "venv"), Path(folder) / "found.npz"
        count = 2 * GROUP if args.quick else COUNT
        subprocess.run([python, __file__, "--compare", str(out), str(count), *args.families], check=True, cwd=ROOT)
        rows = json.loads(out.with_suffix(".json").read_text())
        if args.record:
            shutil.copyfile(out, RECORDED)
    largest = {name: max(row[name] for row in rows) for name in MEASURES}
    ours = {"samples": sum(row["samples"] for row in rows), "rows": rows, "largest": largest}
    versions = {name: version(name) for name in ("torch", "transformers")} | {"python": sys.version.split()[0]}
    agrees = all(row["agrees"] for row in rows)
    report = {"name": "processor_parity", "ratios": {}, "ours": {"agrees": agrees, **ours}, "peer": {}}
    print(json.dumps({**report, "versions": versions}))
    sys.exit(0 if agrees else 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--compare"]:
        compare_all(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
    else:
        main()
