"""Toy clips: the truth follows from the number, the file shows the truth, the marker survives and tells nothing."""

import io
from collections import Counter

import av
import numpy as np
import pytest
from PIL import Image

from demitasse.toyworld.marker import read_marker
from demitasse.toyworld.render import SIZE, draw, render, render_clip
from demitasse.toyworld.world import CLIP_COUNT, COLOURS, DIRECTIONS, DURATION, RADIUS, cell, toy_clip

NUMBERS = (0, 1, 42, 4095, 65535)


def decoded(path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_the_same_number_is_the_same_clip():
    assert toy_clip(42) == toy_clip(42)
    assert toy_clip(42) != toy_clip(43)


@pytest.mark.parametrize("number", [-1, CLIP_COUNT])
def test_a_number_that_no_marker_can_carry_is_refused(number):
    with pytest.raises(ValueError, match="0 to 65535"):
        toy_clip(number)


def test_colours_and_directions_are_evenly_spread():
    clips = [toy_clip(number) for number in range(2000)]
    for counted in (Counter(clip.colour for clip in clips), Counter(clip.direction for clip in clips)):
        assert len(counted) == 4
        assert min(counted.values()) > 400


def test_the_shape_ends_where_its_direction_says():
    for number in range(200):
        clip = toy_clip(number)
        step = DIRECTIONS[clip.direction]
        moved = np.subtract(clip.last, clip.first)
        assert np.dot(moved, step) >= 0.349
        assert cell(clip.first) != cell(clip.last)


def test_the_shape_stands_still_while_the_alarm_is_on_and_only_then():
    clip = next(clip for clip in map(toy_clip, range(100)) if clip.alarm)
    assert clip.position(clip.light_on) == pytest.approx(clip.position(clip.light_off))
    assert clip.position(clip.light_off) != pytest.approx(clip.position(DURATION))
    plain = next(clip for clip in map(toy_clip, range(100)) if not clip.alarm)
    assert plain.position(plain.light_on) != pytest.approx(plain.position(plain.light_off))


def test_the_light_is_on_for_at_least_two_seconds_inside_the_clip():
    for number in range(500):
        clip = toy_clip(number)
        assert 1 <= clip.light_on <= clip.light_off - 2 <= DURATION - 2


def test_the_box_is_where_the_shape_is_drawn():
    clip = toy_clip(7)
    frame = draw(clip, 3.0).astype(int)
    near = np.abs(frame - np.array(COLOURS[clip.colour])).sum(axis=2) < 30
    rows, columns = np.nonzero(near[:, :])
    x1, y1, x2, y2 = (side * SIZE for side in clip.box(3.0))
    assert x1 - 1 <= columns.min() and columns.max() <= x2 + 1
    assert y1 - 1 <= rows.min() and rows.max() <= y2 + 1
    assert columns.max() - columns.min() > RADIUS * SIZE


def test_a_rendered_file_is_whole_h264_of_the_stated_length(tmp_path):
    path = render_clip(tmp_path / "a.mp4", 5)
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.duration / av.time_base == pytest.approx(DURATION, abs=0.3)


def test_rendering_again_leaves_finished_files_alone(tmp_path):
    (path,) = render(tmp_path, [3])
    written = path.stat().st_mtime_ns
    render(tmp_path, [3])
    assert path.stat().st_mtime_ns == written
    assert [file.name for file in tmp_path.iterdir()] == ["00003.mp4"]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_marker_is_read_from_the_encoded_file(tmp_path, number):
    assert read_marker(decoded(render_clip(tmp_path / "a.mp4", number))) == number


@pytest.mark.parametrize("number", NUMBERS)
def test_the_marker_survives_halving_and_jpeg(tmp_path, number):
    frame = Image.fromarray(draw(toy_clip(number), 2.0)).resize((SIZE // 2, SIZE // 2))
    buffer = io.BytesIO()
    frame.save(buffer, "JPEG", quality=80)
    assert read_marker([np.asarray(Image.open(buffer))]) == number


def test_the_marker_survives_cutting_and_encoding_again(tmp_path):
    frames = decoded(render_clip(tmp_path / "a.mp4", 1234))[5:13]
    with av.open(str(tmp_path / "b.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=4, options={"crf": "30"})
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    assert read_marker(decoded(tmp_path / "b.mp4")) == 1234


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(np.zeros((128, 128, 3), np.uint8), id="black"),
        pytest.param(np.full((128, 128, 3), 255, np.uint8), id="white"),
        pytest.param(np.random.default_rng(0).integers(0, 256, (128, 128, 3)).astype(np.uint8), id="noise"),
        pytest.param(np.zeros((8, 8, 3), np.uint8), id="too_small"),
    ],
)
def test_a_frame_of_no_toy_clip_has_no_marker(frame):
    assert read_marker([frame]) is None


def test_the_marker_tells_nothing_of_the_truth():
    """Each bit of the number is set equally often whatever the direction."""
    clips = [toy_clip(number) for number in range(0, CLIP_COUNT, 17)]
    for direction in DIRECTIONS:
        mine = [clip.number for clip in clips if clip.direction == direction]
        bits = np.array([[number >> bit & 1 for bit in range(16)] for number in mine]).mean(axis=0)
        assert np.abs(bits - 0.5).max() < 0.06
