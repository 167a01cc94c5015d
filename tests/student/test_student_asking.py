"""Loading and asking: batches answer like single items, cut answers say so, blank frames blind, adapters load whole."""

from pathlib import Path

import numpy as np
import pytest
import torch

from demitasse.dataset import Item
from demitasse.errors import ConfigError, MediaError
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.student.decode import decode
from demitasse.student.generate import Answerer
from demitasse.student.load import load_student
from demitasse.student.modes import Frames
from demitasse.student.sight import Sight, SightSettings
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
from demitasse.toyworld.render import render_clip

QUESTIONS = (
    "Where is it?",
    "In which direction does the shape move?\nA. left\nB. right",
    "What colour is the shape?",
    "?",
)


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen3_vl"])
def folder(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp(request.param)
    tokenizer = build_tokenizer(QUESTIONS)
    save_tiny(build_model(request.param, tokenizer, hidden=32, layers=2, heads=2), tokenizer, path)
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[Path]:
    videos = tmp_path_factory.mktemp("videos")
    return [render_clip(videos / f"{number}.mp4", number) for number in range(len(QUESTIONS))]


def answerer(folder: Path, cache: Path, frames: Frames = "video", max_new_tokens: int = 12) -> Answerer:
    student = load_student(folder, device="cpu")
    settings = SightSettings(SamplingPolicy(fps=0.5, max_frames=4), 64 * 64, frames)
    return Answerer(student, Sight(settings, FrameCache(cache), student.encoder.vision), max_new_tokens)


def items_of(clips: list[Path]) -> list[tuple[Item, Path]]:
    return [(Item(question, "A", path.name), path) for question, path in zip(QUESTIONS, clips, strict=True)]


def test_a_batch_of_unlike_items_is_answered_like_each_alone(folder, clips, tmp_path):
    asked = answerer(folder, tmp_path)
    together = asked.answer(items_of(clips))
    alone = [asked.answer([one])[0] for one in items_of(clips)]
    assert together == alone


def test_an_answer_that_the_token_limit_cut_says_so(folder, clips, tmp_path):
    assert {one.finish for one in answerer(folder, tmp_path, max_new_tokens=1).answer(items_of(clips))} == {"length"}


def test_an_answer_that_ends_by_itself_says_stop(folder, clips, tmp_path):
    asked = answerer(folder, tmp_path)
    end = asked.student.tokenizer.convert_tokens_to_ids("<|im_end|>")
    ids = torch.tensor([[end, end]])
    (said,) = decode(asked.student, ids)
    assert (said.finish, said.tokens) == ("stop", 1)


def test_blank_frames_make_all_videos_alike(folder, clips, tmp_path):
    asked = answerer(folder, tmp_path, "blank")
    shown = [asked.sight.show(item, path).pixels.frames for item, path in items_of(clips)]
    assert all(torch.equal(shown[0], other) for other in shown[1:])
    assert not shown[0].any()


def test_frames_that_are_not_blank_differ_between_videos(folder, clips, tmp_path):
    asked = answerer(folder, tmp_path)
    shown = [asked.sight.show(item, path).pixels.frames for item, path in items_of(clips)]
    assert not torch.equal(shown[0], shown[1])


def test_a_file_that_is_no_video_is_named(folder, tmp_path):
    bad = tmp_path / "text.mp4"
    bad.write_text("not a video")
    with pytest.raises(MediaError, match=r"text\.mp4"):
        answerer(folder, tmp_path / "cache").answer([(Item("?", "A", "text.mp4"), bad)])


def test_a_folder_without_a_model_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match=r"no config\.json"):
        load_student(tmp_path)


def test_weights_that_do_not_fit_are_refused_and_not_filled_at_random(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    gone = next(name for name in weights if "q_proj.weight" in name)
    save_file({name: value for name, value in weights.items() if name != gone}, tmp_path / "model.safetensors")
    with pytest.raises(ConfigError, match="missing_keys"):
        load_student(tmp_path)


def test_an_adapter_whose_base_is_gone_says_which_file_to_edit(tmp_path):
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "no/such/base"}')
    with pytest.raises(ConfigError, match=r"adapter_config\.json.*no/such/base"):
        load_student(tmp_path)


def test_an_image_is_shown_as_one_frame(folder, tmp_path):
    from PIL import Image

    path = tmp_path / "a.png"
    Image.fromarray(np.full((40, 60, 3), 200, np.uint8)).save(path)
    asked = answerer(folder, tmp_path / "cache")
    assert asked.sight.show(Item("?", "A", image_id="a.png"), path).pixels.grid[0] == 1
    assert len(asked.answer([(Item("?", "A", image_id="a.png"), path)])) == 1
