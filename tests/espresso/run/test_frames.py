"""Which frames are looked at, their true numbers and times, and the pictures that are sent of them."""

import asyncio
import io

import numpy as np
import pytest
from PIL import Image as Picture

from annotate.espresso import reading
from annotate.espresso.config import FrameSettings
from annotate.espresso.frames import Frames
from annotate.referring.reading import Sending
from demitasse.chat.model import Capability
from demitasse.engine.step import Skip
from demitasse.errors import ConfigError, MediaError
from demitasse.toyworld.render import FPS, SIZE, draw
from demitasse.toyworld.world import DURATION, toy_clip

SENDING = Sending(False, 1, 10**6, 10**7)


class Now:
    """A pool that works here and counts."""

    size = 1

    def __init__(self) -> None:
        self.calls: list[tuple] = []

    async def run(self, function, *args):
        self.calls.append((function.__name__, *args))
        return function(*args)


def fields_of(path, **more):
    status = path.stat()
    return {"video": path.name, "path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns, **more}


def frames_of(pool=None, **settings) -> Frames:
    return Frames(pool or Now(), FrameSettings(**settings))


def measured(path, **settings):
    return asyncio.run(frames_of(**settings).step().run(fields_of(path)))


def test_frames_are_even_and_have_their_true_numbers_and_times(clips):
    row = measured(clips / "00000.mp4", fps=1.0)
    assert [frame["frame"] for frame in row["sampled"]] == [2 + FPS * second for second in range(round(DURATION))]
    assert all(frame["time"] == pytest.approx(frame["frame"] / FPS) for frame in row["sampled"])
    assert row["fps"] == pytest.approx(FPS) and row["frame_count"] == DURATION * FPS and row["rate"] == 1.0
    assert (row["width"], row["height"], len(row["sha256"])) == (SIZE, SIZE, 64)


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        pytest.param({"fps": 2.0}, 16, id="at_the_rate"),
        pytest.param({"fps": 100.0}, 32, id="each_frame_once_where_there_are_no_more"),
        pytest.param({"fps": 0.1}, 4, id="not_fewer_than_the_least"),
        pytest.param({"fps": 0.1, "min_frames": 2}, 2, id="as_that_is_set"),
        pytest.param({"fps": 4.0, "max_frames": 5}, 5, id="not_more_than_the_most"),
    ],
)
def test_the_number_of_frames_follows_from_the_settings(clips, settings, count):
    sampled = measured(clips / "00000.mp4", **settings)["sampled"]
    assert len(sampled) == count
    assert [frame["frame"] for frame in sampled] == sorted({frame["frame"] for frame in sampled})


@pytest.mark.parametrize(
    ("rates", "rate"),
    [
        pytest.param({}, 1.0, id="the_common_rate"),
        pytest.param({"0*": 2.0}, 2.0, id="a_pattern_that_fits"),
        pytest.param({"other/*": 2.0}, 1.0, id="one_that_does_not"),
        pytest.param({"*.mp4": 4.0, "0*": 2.0}, 4.0, id="the_first_that_fits"),
    ],
)
def test_sources_have_rates_of_their_own_by_pattern(clips, rates, rate):
    assert measured(clips / "00000.mp4", rates=rates)["rate"] == rate


def test_a_pattern_reaches_into_folders(bar):
    (bar.videos / "fights").mkdir()
    (bar.videos / "00000.mp4").rename(bar.videos / "fights" / "a.mp4")
    bar.annotate('frames.rates={"fights/*": 2}', "workflow.steps=[1]")
    media = bar.rows("media.jsonl")
    assert {video: len(row["sampled"]) for video, row in media.items()} == {
        "fights/a.mp4": 16,
        "00001.mp4": 8,
        "00002.mp4": 8,
    }


def test_a_video_that_is_too_long_is_skipped(clips):
    with pytest.raises(Skip, match=r"longer than max_video_length_sec \(5 s\)"):
        measured(clips / "00000.mp4", max_video_length_sec=5)
    assert measured(clips / "00000.mp4", max_video_length_sec=0)


def test_what_cannot_be_read_is_said(tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(MediaError, match="broken.mp4"):
        measured(tmp_path / "broken.mp4")


@pytest.mark.parametrize("change", [{"fps": 2.0}, {"max_frames": 9}, {"min_frames": 2}, {"max_video_length_sec": 99}])
def test_what_decides_the_choice_makes_the_row_stale(clips, change):
    fields = fields_of(clips / "00000.mp4")
    assert frames_of().step().inputs(fields) != frames_of(**change).step().inputs(fields)


def test_a_file_that_was_touched_is_measured_again(clips):
    fields, step = fields_of(clips / "00000.mp4"), frames_of().step()
    assert step.inputs(fields) != step.inputs(fields | {"mtime_ns": 0})


def test_pictures_are_the_frames_at_their_times(clips):
    clip = toy_clip(0)
    for image in reading.show(str(clips / "00000.mp4"), [1.5, 6.5, 0.5], SENDING):
        pixels = np.asarray(Picture.open(io.BytesIO(image.data)), np.float64)
        assert image.mime == "image/jpeg"
        assert abs(pixels - draw(clip, image.time)).mean() < 6
        assert abs(pixels - draw(clip, 8 - image.time)).mean() > abs(pixels - draw(clip, image.time)).mean() + 1


def test_many_frames_are_read_in_portions_and_stay_in_order(clips, monkeypatch):
    times = [place / FPS for place in range(32)]
    whole = reading.show(str(clips / "00000.mp4"), times, SENDING)
    monkeypatch.setattr(reading, "AT_ONCE", 5)
    assert reading.show(str(clips / "00000.mp4"), times, SENDING) == whole
    assert [image.time for image in whole] == times


@pytest.mark.parametrize(
    ("sending", "size"),
    [
        pytest.param(SENDING, (128, 128), id="as_it_is"),
        pytest.param(Sending(False, 1, 64 * 64, 10**7), (64, 64), id="smaller_where_it_is_too_large"),
        pytest.param(Sending(True, 56 * 56, 10**6, 10**7), (140, 140), id="at_the_size_that_boxes_count_in"),
    ],
)
def test_a_picture_has_the_size_that_was_promised(clips, sending, size):
    (image,) = reading.show(str(clips / "00000.mp4"), [1.0], sending)
    assert Picture.open(io.BytesIO(image.data)).size == size == sending.size(128, 128)


def test_a_picture_is_made_worse_before_it_is_given_up(clips):
    path = str(clips / "00000.mp4")
    (best,) = reading.show(path, [1.0], SENDING)
    (worse,) = reading.show(path, [1.0], Sending(False, 1, 10**6, len(best.data) - 1))
    assert len(worse.data) < len(best.data)
    with pytest.raises(MediaError, match="lower frames.max_pixels"):
        reading.show(path, [1.0], Sending(False, 1, 10**6, 100))


def shown(frames, fields, times, capability=None):
    return asyncio.run(frames.shown_at(fields, times, capability or Capability()))


def test_frames_are_read_in_one_pass_and_kept_for_the_next_look(clips):
    pool = Now()
    frames, fields = frames_of(pool), fields_of(clips / "00000.mp4", width=128, height=128)

    async def twice():
        first = await frames.shown_at(fields, [0.5, 1.5, 2.5], Capability())
        return first, await frames.shown_at(fields, [2.5, 0.5], Capability())

    first, again = asyncio.run(twice())
    assert len(pool.calls) == 1 and again == [first[2], first[0]]
    assert [one.parts[1].time for one in first] == [0.5, 1.5, 2.5] and first[1].parts[0].text == "t=1.50 s"
    assert first[0].size == (128, 128)


def test_another_endpoint_is_shown_frames_in_its_own_size(clips):
    pool = Now()
    frames, fields = frames_of(pool, max_pixels=784), fields_of(clips / "00000.mp4", width=128, height=128)
    (one,) = shown(frames, fields, [0.5])
    (other,) = shown(frames, fields, [0.5], Capability(boxes="qwen2_5_vl_px"))
    assert one.size == (28, 28) and other.size == (28, 28) and len(pool.calls) == 2


def test_what_failed_to_be_read_is_tried_again(clips, tmp_path):
    path = tmp_path / "late.mp4"
    frames = frames_of()
    path.write_bytes(b"")
    fields = fields_of(path, width=128, height=128)

    async def later():
        with pytest.raises(MediaError):
            await frames.shown_at(fields, [0.5, 1.5], Capability())
        path.write_bytes((clips / "00000.mp4").read_bytes())
        return await frames.shown_at(fields, [0.5, 1.5], Capability())

    assert len(asyncio.run(later())) == 2


def test_an_endpoint_that_sees_nothing_is_refused(clips):
    fields = fields_of(clips / "00000.mp4", width=128, height=128)
    with pytest.raises(ConfigError, match="takes no images"):
        shown(frames_of(), fields, [0.5], Capability(images=False))


def test_a_call_depends_on_the_frames_their_content_and_their_size():
    frames, capability = frames_of(), Capability()
    fields = {"sha256": "a", "sampled": [{"frame": 1}, {"frame": 2}], "width": 9, "height": 9}
    told = [
        frames.decides(fields, capability),
        frames.decides(fields | {"sha256": "b"}, capability),
        frames.decides(fields | {"frames": [{"frame": 2}]}, capability),
        frames_of(max_pixels=784).decides(fields, capability),
    ]
    assert len({repr(one) for one in told}) == 4


def test_more_pixels_at_least_than_at_most_is_never_promised():
    frames = frames_of(max_pixels=784)
    assert frames.size({"width": 500, "height": 500}, Capability(boxes="qwen2_5_vl_px", min_pixels=10**5)) == (28, 28)
