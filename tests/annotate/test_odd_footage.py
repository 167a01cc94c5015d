"""What a teacher is shown of an odd video: what a person would see, and when (annotate.md traps 6 to 9)."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image as Picture

from demitasse.chat.model import Image, Text, Video
from demitasse.media.clip import is_plain
from demitasse.media.probe import inspect

ONE_CALL = ("workflow.steps=[0]", "workflow.mode=normal")
UNEVEN = [0.0, 0.1, 0.15, 0.5, 1.2, 1.25, 1.3, 2.0]
STEADY = [number / 10 for number in range(20)]
RED, BLUE = (230, 40, 30), (30, 40, 230)


def write(path, times, codec="libx264", pixels="yuv420p", size=(96, 64), turned=0, aspect=0, cover=False):
    """The upper half of the stored picture is red, the lower blue."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    picture[: size[1] // 2], picture[size[1] // 2 :] = RED, BLUE
    with av.open(str(path), "w") as container:
        front = add_cover(container) if cover else None
        stream = container.add_stream(codec, rate=30, options={"preset": "12"} if codec == "libsvtav1" else {})
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.codec_context.time_base = Fraction(1, 1000)
        if aspect:
            stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        if turned:
            stream.set_display_rotation(turned)
        if front:
            container.mux(front.encode(av.VideoFrame.from_ndarray(picture[:32, :32], "rgb24")))
            container.mux(front.encode(None))
        for time in times:
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def add_cover(container):
    cover = container.add_stream("mjpeg", rate=1)
    cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
    cover.disposition = Disposition.attached_pic
    return cover


def shown(desk, *overrides, video=True):
    """The parts of the one request about the footage."""
    teacher = desk.teacher(video=video, video_filtering='{"usable": true, "reason": "Sharp."}')
    assert desk.annotate(*ONE_CALL, *overrides, vlm=teacher).exit_code == 0
    (request,) = teacher.asked
    return request.parts


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        pytest.param("a.mp4", {"turned": 90}, (64, 96), id="turned_a_quarter"),
        pytest.param("a.mp4", {"turned": 180}, (96, 64), id="turned_upside_down"),
        pytest.param("a.mp4", {"aspect": "4/3"}, (128, 64), id="pixels_that_are_wide"),
        pytest.param("a.mp4", {"times": UNEVEN}, (96, 64), id="uneven_times"),
        pytest.param("a.mp4", {"pixels": "yuv420p10le"}, (96, 64), id="ten_bits"),
        pytest.param("a.mp4", {"codec": "libsvtav1"}, (96, 64), id="av1"),
        pytest.param("a.mp4", {"cover": True}, (96, 64), id="cover_art"),
        pytest.param("a.avi", {"codec": "mpeg4"}, (96, 64), id="avi"),
        pytest.param("a.mkv", {}, (96, 64), id="matroska"),
    ],
)
def test_a_server_that_takes_files_gets_a_plain_one_that_shows_what_a_player_shows(desk, tmp_path, name, options, size):
    path = write(desk.videos / name, **{"times": STEADY, **options})
    assert not is_plain(inspect(path))
    (video,) = (part for part in shown(desk) if isinstance(part, Video))
    sent = tmp_path / "sent.mp4"
    sent.write_bytes(video.data)
    timeline = inspect(sent)
    assert is_plain(timeline) and video.mime == "video/mp4"
    assert (timeline.info.width, timeline.info.height) == size
    assert video.duration == pytest.approx(inspect(path).info.duration, abs=0.12)


def test_a_plain_file_goes_as_it_is(desk):
    path = desk.put("a.mp4")
    (video,) = (part for part in shown(desk) if isinstance(part, Video))
    assert video.data == path.read_bytes()


@pytest.mark.parametrize(
    ("turned", "size", "upper", "left"),
    [
        pytest.param(0, (96, 64), "red", None, id="as_stored"),
        pytest.param(90, (64, 96), None, "red", id="counter_clockwise"),
        pytest.param(180, (96, 64), "blue", None, id="upside_down"),
        pytest.param(270, (64, 96), None, "blue", id="clockwise"),
    ],
)
def test_frames_are_sent_the_right_way_up(desk, turned, size, upper, left):
    write(desk.videos / "a.mp4", STEADY, turned=turned)
    image = next(part for part in shown(desk, video=False) if isinstance(part, Image))
    picture = Picture.open(io.BytesIO(image.data))
    assert picture.size == size
    if upper:
        assert colour(picture.getpixel((size[0] // 2, 4))) == upper
    else:
        assert colour(picture.getpixel((4, size[1] // 2))) == left


def colour(pixel):
    return "red" if pixel[0] > pixel[2] else "blue"


def test_frames_of_uneven_footage_are_labelled_with_their_own_times(desk):
    write(desk.videos / "a.mp4", UNEVEN)
    parts = shown(desk, video=False)
    images = [part.time for part in parts if isinstance(part, Image)]
    labels = [part.text for part in parts[:-1] if isinstance(part, Text)]
    assert set(images) <= {round(time, 2) for time in UNEVEN}, "times of frames that there are, not index over rate"
    assert labels == [f"t={time:.2f} s" for time in images]


def test_more_than_an_hour_goes_as_a_bounded_number_of_frames_from_the_whole_of_it(desk):
    write(desk.videos / "long.mp4", range(4320), size=(32, 32))
    parts = shown(desk, "workflow.max_video_length_sec=0", "workflow.long_video_max_frames=20")
    images = [part for part in parts if isinstance(part, Image)]
    times = [image.time for image in images]
    assert len(times) == 20 and not any(isinstance(part, Video) for part in parts)
    assert times == sorted(times) and times[0] < 220 and times[-1] > 4100
    assert sum(len(image.data) for image in images) < 100_000
