"""A tiny student, toy clips and their items, for the training tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from demitasse.dataset import Item, TaskFile, mcq_answer, question_text, write
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
from demitasse.toyworld import language
from demitasse.toyworld.render import render
from demitasse.toyworld.world import toy_clip

CLIPS = 6
TEXTS = ["A. left B. right C. up D. down Answer with a single letter. The shape is at column 1, row 2 first."] * 4


@pytest.fixture(scope="session", params=["qwen2_5_vl"])
def student_folder(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("student")
    tokenizer = build_tokenizer(TEXTS)
    save_tiny(build_model(request.param, tokenizer, hidden=32, layers=1, heads=2), tokenizer, folder)
    return folder


@pytest.fixture(scope="session")
def narrow_folder(tmp_path_factory) -> Path:
    """A tiny student whose checkpoint is in bfloat16, as published ones are."""
    folder: Path = tmp_path_factory.mktemp("narrow")
    tokenizer = build_tokenizer(TEXTS)
    save_tiny(build_model("qwen2_5_vl", tokenizer, hidden=32, layers=1, heads=2).to(torch.bfloat16), tokenizer, folder)
    return folder


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory) -> Path:
    """Six toy clips with a multiple-choice and an open question each; answers of very unequal length."""
    folder = tmp_path_factory.mktemp("data")
    render(folder / "videos", range(CLIPS))
    choices, told = [], []
    for number in range(CLIPS):
        clip, video = toy_clip(number), f"{number:05d}.mp4"
        said = language.multiple_choice(clip)
        options = dict(zip("ABCD", said.options, strict=True))
        letter = "ABCD"[said.options.index(said.answer)]
        choices.append(Item(question_text("mcq", said.question, "tao", options), mcq_answer(letter, options), video))
        open_question = language.open_question(clip)
        told.append(Item(open_question.question, open_question.answer * 4, video, reasoning=open_question.reasoning))
    for task, items in (("mcq", choices), ("open_qa", told)):
        write(folder / f"{task}.json", TaskFile(items, task=task, license="Apache-2.0", media_root="videos"))
    return folder


@pytest.fixture
def recipe(tmp_path, student_folder, data_folder) -> Path:
    """A recipe file whose training takes a second or two."""
    path = tmp_path / "recipe.yaml"
    train = {
        "output_dir": str(tmp_path / "out"),
        "model": {"path": str(student_folder)},
        "data": {"files": [str(data_folder)], "cache_dir": str(tmp_path / "cache")},
        "frames": {"fps": 1, "max_frames": 4},
        "optim": {"steps": 4, "batch_size": 4, "micro_batch_size": 2, "lr": 1e-3},
        "track": {"log_every": 1},
        "save_every": 2,
    }
    path.write_text(json.dumps({"train": train}))
    return path


@pytest.fixture
def train_it(recipe) -> Callable[..., Path]:
    """`train_it("optim.lr=1")` trains the recipe with overrides, in this process; returns the student's folder."""
    from demitasse.config import read_config
    from train.config import TrainConfig
    from train.sft import train

    return lambda *overrides: train(read_config(TrainConfig, recipe, list(overrides), section="train"))


@pytest.fixture(scope="session")
def fresh_model() -> Callable[..., Any]:
    """`fresh_model("qwen3_vl")` is a tiny model of a family in memory: a new one each time, of the same weights."""
    tokenizer = build_tokenizer(TEXTS)

    def build(family: str, **sizes: int) -> Any:
        return build_model(family, tokenizer, **{"hidden": 32, "layers": 2, "heads": 2, **sizes})

    return build


@pytest.fixture(scope="session")
def picture_batch() -> Callable[[Any], dict[str, torch.Tensor]]:
    """`picture_batch(model)` are arguments of the model's forward pass: text, a picture of four tokens, text."""

    def build(model: Any) -> dict[str, torch.Tensor]:
        config, vision = model.config, model.config.vision_config
        text = torch.arange(20, 40)
        picture = [config.vision_start_token_id, *[config.image_token_id] * 4, config.vision_end_token_id]
        ids = torch.cat([text, torch.tensor(picture), text.flip(0)])[None]
        width = 3 * vision.temporal_patch_size * vision.patch_size**2
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "mm_token_type_ids": (ids == config.image_token_id).int(),
            "pixel_values": torch.randn(16, width, generator=torch.Generator().manual_seed(0)),
            "image_grid_thw": torch.tensor([[1, 4, 4]]),
            "labels": ids,
            "use_cache": False,
        }

    return build
