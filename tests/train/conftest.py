"""A tiny student, toy clips and their items, for the training tests."""

import json
from pathlib import Path

import pytest

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
