"""An item may choose its frames: only those are seen, each in a patch of its own; with none, nothing is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from demitasse.dataset import Item
from demitasse.dataset.shown_frames import shown_frames, with_shown_frames
from demitasse.errors import DataError
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.student.generate import Answerer
from demitasse.student.load import load_student
from demitasse.student.sight import Sight, SightSettings, only
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
from demitasse.toyworld.render import render_clip

QUESTIONS = ("Where is it?", "In which direction does the shape move?\nA. left\nB. right", "?")


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen3_vl"])
def folder(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp(request.param)
    tokenizer = build_tokenizer(QUESTIONS)
    save_tiny(build_model(request.param, tokenizer, hidden=32, layers=2, heads=2), tokenizer, path)
    return path


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory) -> Path:
    return render_clip(tmp_path_factory.mktemp("videos") / "0.mp4", 0)


@pytest.fixture
def asked(folder, tmp_path) -> Answerer:
    student = load_student(folder, device="cpu")
    settings = SightSettings(SamplingPolicy(fps=2, max_frames=8), 64 * 64)
    return Answerer(student, Sight(settings, FrameCache(tmp_path), student.encoder.vision), 8)


def item(*seconds: float, question: str = QUESTIONS[0]) -> Item:
    return with_shown_frames(Item(question, "A", "0.mp4"), seconds)


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        pytest.param([0.0], [0], id="the_nearest_frame_is_taken"),
        pytest.param([9999.0, -3.0], [0, 7], id="times_beyond_the_video_take_its_ends_in_order_of_time"),
        pytest.param([1.5, 1.501, 1.5], [1], id="a_frame_is_shown_once_however_often_it_is_chosen"),
        pytest.param([0.5 + place for place in range(7, -1, -1)], list(range(8)), id="all_frames_may_be_chosen"),
    ],
)
def test_the_sampled_frames_nearest_to_the_times_are_shown_each_filling_its_patch(asked, clip_file, wanted, places):
    whole = asked.sight.show(Item(QUESTIONS[0], "A", "0.mp4"), clip_file)
    assert len(whole.times) == 8
    shown = asked.sight.show(item(*wanted), clip_file)
    assert shown.times.tolist() == whole.times[places].tolist()
    assert shown.pixels.grid == (len(places), *whole.pixels.grid[1:])
    assert torch.equal(shown.pixels.frames[::2], whole.pixels.frames[places])
    assert torch.equal(shown.pixels.frames[1::2], whole.pixels.frames[places])


def test_the_choice_of_one_item_leaves_the_next_item_of_the_video_whole(asked, clip_file):
    asked.sight.show(item(0.0), clip_file)
    assert len(asked.sight.show(Item("?", "A", "0.mp4"), clip_file).times) == 8


def test_training_and_asking_see_the_same_choice(asked, clip_file):
    chosen = item(0.3, 2.0)
    encoder = asked.student.encoder
    clip = asked.sight.show(chosen, clip_file)
    prompt, example = encoder.prompt(chosen, clip), encoder.example(chosen, clip, "answer")
    np.testing.assert_array_equal(example.input_ids[: len(prompt.input_ids)], prompt.input_ids)
    pads = (prompt.token_types == 2).sum()
    assert pads == len(clip.times) * clip.pixels.grid[1] * clip.pixels.grid[2] // 4


def test_true_times_are_told_of_chosen_frames(asked, clip_file):
    clip = asked.sight.show(item(0.0, 2.0, 9999.0), clip_file)
    encoded = asked.student.encoder.prompt(item(), clip)
    if encoded.seconds_per_patch is not None:  # Qwen2.5-VL: one number for the video
        assert encoded.seconds_per_patch == pytest.approx(float(np.diff(clip.times).mean()))
    else:
        text = asked.student.tokenizer.decode(encoded.input_ids)
        assert all(f"<{time:.1f} seconds>" in text for time in clip.times)


def test_nothing_shown_is_a_prompt_of_text_alone_and_needs_no_file(asked):
    assert asked.sight.show(item(), Path("no/such.mp4")) is None
    (said,) = asked.answer([(item(), Path("no/such.mp4"))])
    encoded = asked.student.encoder.prompt(item(), None)
    assert said.finish in ("stop", "length")
    assert not encoded.token_types.any()
    assert "<|vision_start|>" not in asked.student.tokenizer.decode(encoded.input_ids)


def test_frames_none_shows_nothing_of_any_item(asked):
    blind = Sight(SightSettings(SamplingPolicy(), frames="none"), FrameCache(Path("unused")), asked.sight._vision)
    assert blind.show(Item("?", "A", "no/such.mp4"), Path("no/such.mp4")) is None
    assert blind.show(Item("?", "A", image_id="no/such.png"), Path("no/such.png")) is None


def test_a_batch_of_whole_chosen_and_unseen_clips_is_answered_like_each_alone(asked, clip_file):
    batch = [
        (Item(QUESTIONS[1], "A", "0.mp4"), clip_file),
        (item(1.0, question=QUESTIONS[0]), clip_file),
        (item(question=QUESTIONS[2]), clip_file),
        (item(0.0, 3.0, question=QUESTIONS[1]), clip_file),
    ]
    assert asked.answer(batch) == [asked.answer([one])[0] for one in batch]


def test_a_chosen_frame_is_the_repeated_frame_that_a_still_video_would_show(asked, clip_file):
    """One frame in its patch is what the family makes of a video of that one frame."""
    whole = asked.sight.show(Item("?", "A", "0.mp4"), clip_file)
    chosen = only(whole, [float(whole.times[3])], asked.student.encoder.vision)
    assert chosen.pixels.grid[0] == 1
    assert torch.equal(chosen.pixels.frames[0], chosen.pixels.frames[1])


@pytest.mark.parametrize("value", ["1.0", [1.0, "2"], [float("nan")], {"a": 1}, [True]])
def test_what_is_no_list_of_seconds_is_refused_with_the_item_and_field(value):
    with pytest.raises(DataError, match=r"0\.mp4: shown_frames is .*list of seconds"):
        shown_frames(Item("?", "A", "0.mp4", extra={"shown_frames": value}))


def test_an_item_without_the_field_chooses_nothing_of_its_own():
    assert shown_frames(Item("?", "A", "0.mp4")) is None


def test_a_file_that_is_a_video_here_and_a_picture_there_is_seen_as_each(asked, tmp_path):
    path = tmp_path / "0.gif"
    first, *others = (Image.new("RGB", (96, 64), colour) for colour in ("red", "green", "blue", "black"))
    first.save(path, save_all=True, append_images=others, duration=1000)
    as_video, as_picture = Item(QUESTIONS[0], "A", "0.gif"), Item(QUESTIONS[0], "A", image_id="0.gif")
    seen = [asked.sight.show(one, path) for one in (as_video, as_picture, as_video)]
    assert [len(clip.times) for clip in seen] == [8, 1, 8]
    assert len(asked.sight.outline(as_picture, path).times) == 1
    assert len(asked.sight.outline(as_video, path).times) == 8
