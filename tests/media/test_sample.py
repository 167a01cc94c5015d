"""The sampling policy: how many frames, and when."""

import numpy as np
import pytest

from demitasse.errors import ConfigError
from demitasse.media.sample import SamplingPolicy, sample_times


@pytest.mark.parametrize(
    ("duration", "policy", "count"),
    [
        pytest.param(10.0, SamplingPolicy(fps=2, max_frames=64), 20, id="duration_times_fps"),
        pytest.param(10.4, SamplingPolicy(fps=1, max_frames=64), 10, id="rounded_down_to_the_nearest_multiple"),
        pytest.param(11.0, SamplingPolicy(fps=1, max_frames=64), 12, id="halves_go_up"),
        pytest.param(10.1, SamplingPolicy(fps=10, max_frames=999, frame_multiple=1), 101, id="no_float_shortfall"),
        pytest.param(600.0, SamplingPolicy(fps=2, max_frames=64), 64, id="not_above_max_frames"),
        pytest.param(600.0, SamplingPolicy(fps=2, max_frames=63), 62, id="max_frames_rounded_down"),
        pytest.param(0.1, SamplingPolicy(fps=2, max_frames=64, min_frames=5), 6, id="min_frames_rounded_up"),
        pytest.param(3.0, SamplingPolicy(fps=1, max_frames=8, min_frames=1, frame_multiple=1), 3, id="multiple_of_one"),
    ],
)
def test_number_of_frames(duration, policy, count):
    assert len(sample_times(duration, policy)) == count


def test_times_are_the_middles_of_equal_segments():
    times = sample_times(8.0, SamplingPolicy(fps=0.5, max_frames=64))
    assert times.dtype == np.float64
    assert times.tolist() == [1.0, 3.0, 5.0, 7.0]


@pytest.mark.parametrize("duration", [1e-4, 1 / 30, 0.1, 1.0, 59.94, 3600.0, 86_400.5])
@pytest.mark.parametrize("fps", [0.1, 1.0, 29.97])
def test_times_lie_strictly_inside_the_video_and_ascend(duration, fps):
    times = sample_times(duration, SamplingPolicy(fps=fps, max_frames=4096))
    assert times[0] > 0
    assert times[-1] < duration
    assert (np.diff(times) > 0).all()


def test_same_input_same_times():
    policy = SamplingPolicy(fps=1.7, max_frames=100)
    assert sample_times(12.3, policy).tobytes() == sample_times(12.3, policy).tobytes()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param({"fps": 0}, "fps is 0", id="fps_zero"),
        pytest.param({"fps": float("nan")}, "fps is nan", id="fps_nan"),
        pytest.param({"min_frames": 0}, "min_frames is 0", id="no_frames"),
        pytest.param({"frame_multiple": 0}, "frame_multiple is 0", id="multiple_zero"),
        pytest.param({"min_frames": 5, "max_frames": 5}, "no multiple of frame_multiple=2", id="no_multiple_fits"),
        pytest.param({"min_frames": 9, "max_frames": 8}, "widen the limits", id="limits_crossed"),
    ],
)
def test_impossible_policy_is_refused_with_key_and_value(values, message):
    with pytest.raises(ConfigError, match=message):
        SamplingPolicy(**{"fps": 2, "max_frames": 64, **values})


@pytest.mark.parametrize("duration", [0.0, -1.0, float("nan"), float("inf")])
def test_duration_that_is_none_is_refused(duration):
    with pytest.raises(ValueError, match="duration"):
        sample_times(duration, SamplingPolicy(fps=1, max_frames=8))
