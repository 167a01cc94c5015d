"""The times that a student is told are those of the frames that it is shown, whichever way they come.

Each frame of the videos has its number drawn in, so the true times are read off the pictures themselves.
"""

import re

import numpy as np
import pytest

from benchmarks.parity_samples import save_family
from demitasse.dataset import Item
from demitasse.media.cache import FrameCache
from demitasse.media.clip import cut_clip
from demitasse.media.sample import SamplingPolicy
from demitasse.student.encode import see
from demitasse.student.family import FAMILIES
from demitasse.student.generate import generate
from demitasse.student.load import Student, load_student
from demitasse.student.sight import Sight, SightSettings
from demitasse.student.vision import VisionSettings
from tests.media.conftest import UNEVEN, draw, read_number, write_video

EVEN = np.arange(90) / 30  # three seconds at 30 a second
TOLD = re.compile(r"<(\d+\.\d) seconds>")
# Large frames, so that numbers can be read.
VISION = VisionSettings(16, 2, 2, (0.5,) * 3, (0.5,) * 3, 64 * 64, 128 * 128, 1, 2**30, True)


@pytest.fixture(scope="module", params=FAMILIES)
def student(request, tmp_path_factory) -> Student:
    folder = tmp_path_factory.mktemp(request.param)
    save_family(request.param, folder)
    return load_student(folder, dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "even.mp4", count=90, fps=30)
    write_video(folder / "uneven.mp4", times=UNEVEN)
    write_video(folder / "late.mp4", count=90, fps=30, start=5.0)
    cut_clip(folder / "even.mp4", 1.0, 2.5, folder / "clip.mp4")
    return folder


CASES = [
    pytest.param("even.mp4", {"fps": 4}, EVEN, id="a_path_at_a_rate"),
    pytest.param("even.mp4", {"fps": 30, "max_frames": 6}, EVEN, id="capped_by_max_frames"),
    pytest.param("even.mp4", {"fps": 1, "min_frames": 8}, EVEN, id="raised_to_min_frames"),
    pytest.param("even.mp4", {"fps": 1, "min_frames": 1, "max_frames": 3, "frame_multiple": 1}, EVEN, id="odd_count"),
    pytest.param("late.mp4", {"fps": 2}, EVEN, id="a_video_that_starts_late"),
    pytest.param("clip.mp4", {"fps": 4}, EVEN - 1.0, id="a_clip_counts_from_its_own_first_frame"),
    pytest.param("uneven.mp4", {"fps": 4}, np.array(UNEVEN), id="variable_rate"),
    pytest.param("uneven.mp4", {"fps": 20, "max_frames": 8}, np.array(UNEVEN), id="variable_rate_capped"),
]


def shown(videos, cache, name, policy):
    sight = Sight(SightSettings(SamplingPolicy(**policy)), FrameCache(cache), VISION)
    return sight.show(Item("Where?", "A", name), videos / name)


def true_times(clip, times):
    """Of the numbers that are drawn in the frames that were shown, without the one that fills the last patch."""
    pictures = clip.pixels.frames.permute(0, 2, 3, 1).numpy()[: len(clip.times)]
    return times[[read_number(picture) for picture in pictures]]


@pytest.mark.parametrize(("name", "policy", "times"), CASES)
def test_told_times_are_those_of_the_frames_that_are_shown(student, videos, tmp_path, name, policy, times):
    clip = shown(videos, tmp_path, name, policy)
    true = true_times(clip, times)
    assert len(set(true.tolist())) > 2
    check_told(student, clip, true)


def check_told(student, clip, true):
    """Text, seconds between patches or positions say the true times, as the family is told them."""
    encoded = student.encoder.prompt(Item("Where?", "A", "a.mp4"), clip)
    pairs = np.concatenate([true, true[-1:]])[: len(true) + len(true) % 2].reshape(-1, 2)
    told = TOLD.findall(student.tokenizer.decode(encoded.input_ids))
    name = student.encoder.family.name
    if name in ("qwen2_vl", "qwen2_5_vl"):
        assert not told
    else:
        assert [float(time) for time in told] == pytest.approx(pairs.mean(axis=1), abs=0.051)  # written to a tenth
    if name == "qwen2_5_vl":
        assert encoded.seconds_per_patch == pytest.approx(2 * np.diff(true).mean(), abs=2e-3)
        rows = encoded.positions[0][encoded.token_types == 2]
        expected = np.arange(len(pairs)) * 2 * 2 * np.diff(true).mean()  # two positions a second
        assert sorted(set((rows - rows[0]).tolist())) == pytest.approx(sorted(set(expected.astype(int))), abs=1)
    else:
        assert encoded.seconds_per_patch is None


def test_frames_that_come_as_a_list_have_the_times_that_are_given_with_them(student):
    """An item names a file and no list of pictures; whoever has frames and their times uses `see`."""
    true = np.array([0.5, 1.0, 4.0, 4.5, 9.0])
    pictures = [draw(number, 96, 96) for number in range(len(true))]
    clip = see(np.stack(pictures), true, VISION)
    np.testing.assert_array_equal(true_times(clip, true), true)
    check_told(student, clip, true)


def test_frames_are_not_sampled_a_second_time(videos, tmp_path):
    """What the policy chose is what is seen: as many frames, each in its order."""
    policy = SamplingPolicy(fps=30, max_frames=6)
    clip = shown(videos, tmp_path, "even.mp4", {"fps": 30, "max_frames": 6})
    assert len(clip.times) == policy.frame_count(3.0) == 6
    assert len(clip.pixels.frames) == 6
    np.testing.assert_allclose(clip.times, true_times(clip, EVEN), atol=1e-6)


@pytest.mark.parametrize("fps", [1.0, 2.0, 3.0, 4.0, 10.0])
def test_asking_and_training_give_the_decoder_the_same_positions_at_every_rate(student, fps):
    """Above two frames a second, versions of the library once let all time collapse to nothing when asked."""
    times = np.arange(6) / fps
    clip = see(np.stack([draw(number, 96, 96) for number in range(6)]), times, student.encoder.vision)
    item = Item("Where?", "A", "a.mp4")
    prompt, example = student.encoder.prompt(item, clip), student.encoder.example(item, clip, "answer")
    size = len(prompt.input_ids)
    np.testing.assert_array_equal(example.positions[:, :size], prompt.positions)
    reached = []
    hook = student.model.model.language_model.register_forward_pre_hook(
        lambda _, arguments, named: reached.append(named["position_ids"]), with_kwargs=True
    )
    generate(student, [prompt], 2)
    hook.remove()
    np.testing.assert_array_equal(reached[0][-3:, 0].numpy(), prompt.positions)


def test_what_describes_a_clip_is_the_same_after_its_use(student):
    """An odd count is filled up: not in the clip itself, or its next use would tell other times."""
    times = np.array([0.0, 0.5, 1.0])
    clip = see(np.stack([draw(number, 96, 96) for number in range(3)]), times, student.encoder.vision)
    before = clip.pixels.frames.clone()
    first, second = (student.encoder.prompt(Item("Where?", "A", "a.mp4"), clip) for _ in range(2))
    np.testing.assert_array_equal(first.input_ids, second.input_ids)
    np.testing.assert_array_equal(first.positions, second.positions)
    np.testing.assert_array_equal(clip.times, [0.0, 0.5, 1.0])
    assert (clip.pixels.frames == before).all()
