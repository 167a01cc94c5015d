"""A video is encoded once for all its questions, and the answers are those of encoding it for each."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from demitasse.dataset import Item
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.student.encode import Clip, see
from demitasse.student.family import FAMILIES
from demitasse.student.generate import Answerer, generate
from demitasse.student.load import Student, load_student
from demitasse.student.modes import by_letters
from demitasse.student.seen import Seen, inputs_of
from demitasse.student.sight import Sight, SightSettings
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
from demitasse.toyworld.render import render_clip

QUESTIONS = ["Where is it?", "What colour is the shape?", "Which way?\nA. left\nB. right", "?"]


@pytest.fixture(scope="module", params=FAMILIES)
def student(request, tmp_path_factory) -> Student:
    folder = tmp_path_factory.mktemp(request.param)
    tokenizer = build_tokenizer(QUESTIONS)
    save_tiny(build_model(request.param, tokenizer, hidden=32, layers=2, heads=2), tokenizer, folder)
    return load_student(folder, device="cpu")


@pytest.fixture
def looks(student) -> Iterator[list[int]]:
    """Patches of each pass of the vision tower."""
    passes: list[int] = []
    hook = student.model.model.visual.register_forward_pre_hook(lambda _, args: passes.append(len(args[0])))
    yield passes
    hook.remove()


def clip_of(student: Student, seed: int, count: int = 6, side: int = 64) -> Clip:
    frames = np.random.default_rng(seed).integers(0, 255, (count, side, side, 3), dtype=np.uint8)
    return see(frames, np.arange(float(count)), student.encoder.vision)


def prompts_of(student: Student) -> list:
    """Two videos, a picture, and a prompt of text alone, each with two questions, not side by side."""
    media = [(clip_of(student, 1), "video"), (clip_of(student, 2, 4, 32), "video"), (clip_of(student, 3, 1), "image")]
    items = [
        (Item(question, "A", **{f"{kind}_id": "a"}), clip)
        for question in QUESTIONS[:2]
        for clip, kind in [*media, (None, "video")]
    ]
    return [student.encoder.prompt(item, clip) for item, clip in items]


def logits(student: Student, inputs) -> torch.Tensor:
    with torch.no_grad():
        return student.model(**inputs).logits


def test_logits_equal_those_of_encoding_again(student, looks):
    """The last question of all is asked of kept features alone, deepstack levels among them."""
    prompts, seen = prompts_of(student), Seen(student)
    plain = logits(student, inputs_of(student, prompts))
    first = logits(student, inputs_of(student, prompts, seen))
    looks.clear()
    second = logits(student, inputs_of(student, prompts, seen))
    assert looks == []
    torch.testing.assert_close(first, plain, rtol=0, atol=2e-5)
    assert torch.equal(second, first)


def test_each_medium_is_encoded_once_in_a_batch(student, looks):
    inputs_of(student, prompts_of(student), Seen(student))
    patches = [clip_of(student, *of).pixels.grid for of in ((1,), (2, 4, 32), (3, 1))]
    assert sorted(looks) == sorted([sum(int(np.prod(grid)) for grid in patches[:2]), int(np.prod(patches[2]))])


def test_what_is_written_is_what_would_be_written_without(student):
    prompts = prompts_of(student)
    assert generate(student, prompts, 6, seen=Seen(student)) == generate(student, prompts, 6)


def test_one_pixel_more_is_another_video(student, looks):
    clip = clip_of(student, 1)
    item, seen = Item("Where is it?", "A", "a.mp4"), Seen(student)
    inputs_of(student, [student.encoder.prompt(item, clip)], seen)
    clip.pixels.frames[0, 0, 0, 0] ^= 1
    inputs_of(student, [student.encoder.prompt(item, clip)], seen)
    assert len(looks) == 2


def test_no_more_is_kept_than_was_allowed_and_the_oldest_goes_first(student, looks):
    item = Item("Where is it?", "A", "a.mp4")
    prompts = [student.encoder.prompt(item, clip_of(student, seed)) for seed in range(3)]
    room = Seen(student)
    room.look(prompts[:1])
    seen = Seen(student, most=2 * room._bytes)
    for prompt in prompts:
        seen.look([prompt])
    assert seen._bytes == 2 * room._bytes
    looks.clear()
    seen.look([prompts[2]]), seen.look([prompts[1]])
    assert looks == []
    seen.look([prompts[0]])
    assert len(looks) == 1


def test_a_batch_that_is_larger_than_the_room_is_answered_all_the_same(student):
    prompts = prompts_of(student)
    assert generate(student, prompts, 4, seen=Seen(student, most=0)) == generate(student, prompts, 4)


def test_questions_about_one_video_look_once_over_all_batches(student, looks, tmp_path):
    path = render_clip(tmp_path / "a.mp4", 1)
    settings = SightSettings(SamplingPolicy(0.5, 4), 64 * 64)
    asked = Answerer(student, Sight(settings, FrameCache(tmp_path / "cache"), student.encoder.vision), 4)
    items = [Item(question, "A", "a.mp4") for question in QUESTIONS]
    items[2] = by_letters(items[2])
    for batch in (items[:2], items[2:]):
        asked.answer([(item, path) for item in batch])
    assert len(looks) == 1
