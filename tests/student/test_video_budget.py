"""A budget for all pixels of a video is kept to, or refused where no video could keep to it."""

from pathlib import Path

import pytest

from demitasse.errors import ConfigError
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.student.sight import Sight, SightSettings
from demitasse.student.vision import VisionSettings

HALF = (0.5, 0.5, 0.5)
# As the families' own processor files have it: so many pixels a frame, and so many a video.
BY_FRAME = VisionSettings(14, 2, 2, HALF, HALF, 56 * 56, 28 * 28 * 1280, 128 * 28 * 28, 28 * 28 * 768)
BY_VIDEO = VisionSettings(16, 2, 2, HALF, HALF, 65_536, 16_777_216, 4096, 25_165_824, fits_whole_videos=True)


def sight(vision: VisionSettings, pixels: int, min_frames: int, cache: Path) -> Sight:
    policy = SamplingPolicy(1.0, 64, min_frames)
    return Sight(SightSettings(policy, video_pixels=pixels), FrameCache(cache), vision)


@pytest.mark.parametrize(
    ("vision", "min_frames", "least"),
    [
        pytest.param(BY_FRAME, 4, 4 * 128 * 28 * 28, id="each_frame_has_the_models_least"),
        pytest.param(BY_FRAME, 1, 128 * 28 * 28, id="of_as_few_frames_as_there_can_be"),
        pytest.param(BY_FRAME.with_bounds(64 * 64, None), 4, 4 * 64 * 64, id="or_the_persons_least"),
        pytest.param(BY_FRAME.with_bounds(1, None), 2, 2 * 28 * 28, id="and_never_less_than_a_token"),
        pytest.param(BY_VIDEO, 4, 4 * 32 * 32, id="a_family_of_whole_videos_has_tokens_alone"),
        pytest.param(BY_VIDEO.with_bounds(48 * 48, None), 4, 4 * 48 * 48, id="unless_a_person_bounds_frames"),
    ],
)
def test_the_least_budget_is_taken_and_less_is_refused_with_it(tmp_path, vision, min_frames, least):
    assert sight(vision, least, min_frames, tmp_path).budget is not None
    with pytest.raises(ConfigError, match=rf"video_pixels is {least - 1}, .*give at least {least}, or"):
        sight(vision, least - 1, min_frames, tmp_path)


@pytest.mark.parametrize("vision", [BY_FRAME, BY_VIDEO], ids=["by_frame", "by_video"])
def test_a_video_of_the_fewest_frames_keeps_to_the_least_budget(tmp_path, vision):
    from demitasse.media.sample import frame_bound

    least = 4 * (128 * 28 * 28 if vision is BY_FRAME else 32 * 32)
    eyes = sight(vision, least, 4, tmp_path)
    bound = frame_bound(4, vision.max_pixels, eyes.budget)
    height, width = vision.with_bounds(None, bound).fitted(4, 720, 1280)
    assert 4 * height * width <= least


def test_without_a_budget_nothing_is_refused(tmp_path):
    assert Sight(SightSettings(SamplingPolicy(1.0, 64, 4)), FrameCache(tmp_path), BY_FRAME).budget is None
