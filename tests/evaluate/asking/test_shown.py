"""What goes out to an endpoint is what the local student is shown: the same pixels, at the same times."""

import io

import av
import numpy as np
import pytest
import torch
from PIL import Image as Picture

from demitasse.chat.kinds import OPENAI_KINDS
from demitasse.chat.model import Capability, Frames, Image, Request, Text, Video
from demitasse.chat.wire.requests import read_request, write_request
from demitasse.student.encode import Clip
from demitasse.student.vision import Pixels
from evaluate.asking.shown import encode_clip, parts_of, sent_as


def clip_of(times, each=1, stills=False, padded=0, side=32) -> Clip:
    """A clip of random frames; the last is repeated `padded` times, and each `each` times."""
    frames = np.random.default_rng(0).integers(0, 256, (len(times), 3, side, side), dtype=np.uint8)
    frames = np.concatenate([np.repeat(frames, each, axis=0), np.repeat(frames[-1:], padded, axis=0)])
    grid = (len(frames) // 2, side // 16, side // 16)
    return Clip(Pixels(torch.from_numpy(frames), grid), np.array(times), stills)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Picture.open(io.BytesIO(data)))


def shown(clip: Clip) -> np.ndarray:
    return clip.pixels.frames.permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        pytest.param("vllm", "frames", id="vllm_shows_frames_as_they_are"),
        pytest.param("sglang", "clip", id="another_that_takes_video_gets_a_clip"),
        pytest.param("openai", "images", id="one_that_takes_no_video_gets_pictures"),
    ],
)
def test_a_video_goes_out_in_the_form_that_its_endpoint_keeps(kind, form):
    assert sent_as(OPENAI_KINDS[kind]) == form


def test_frames_have_the_pixels_and_the_true_times():
    clip = clip_of([0.25, 1.0, 2.5, 3.25])
    [part] = parts_of(clip, True, "frames")
    assert isinstance(part, Frames)
    assert part.times == (0.25, 1.0, 2.5, 3.25)
    assert part.spacing == 1.0
    assert all((pixels(data) == frame).all() for data, frame in zip(part.images, shown(clip), strict=True))


def test_what_was_repeated_to_fill_a_patch_is_left_to_the_server():
    [part] = parts_of(clip_of([0.5, 1.5, 2.5], padded=1), True, "frames")
    assert isinstance(part, Frames)
    assert len(part.images) == 3


def test_chosen_frames_fill_a_patch_each_there_too():
    [part] = parts_of(clip_of([1.0, 7.0], each=2, stills=True), True, "frames")
    assert isinstance(part, Frames)
    assert part.times == (1.0, 1.0, 7.0, 7.0)
    assert part.spacing * 2 == 6.0, "seconds between the patches"


def test_pictures_stand_behind_their_times():
    clip = clip_of([0.5, 1.5])
    parts = parts_of(clip, True, "images")
    assert [part.text for part in parts if isinstance(part, Text)] == ["t=0.50 s", "t=1.50 s"]
    images = [part for part in parts if isinstance(part, Image)]
    assert [image.time for image in images] == [0.5, 1.5]
    assert all((pixels(one.data) == frame).all() for one, frame in zip(images, shown(clip), strict=True))


def test_a_still_is_a_picture_in_every_form():
    clip = clip_of([0.0], padded=1)
    for form in ("frames", "clip", "images"):
        [part] = parts_of(clip, False, form)
        assert isinstance(part, Image)
        assert part.time is None
        assert (pixels(part.data) == shown(clip)[0]).all()


def test_nothing_is_sent_of_what_is_not_seen():
    assert parts_of(None, True, "frames") == ()


@pytest.mark.parametrize("spacing", [0.25, 1.0, 1.2, 12.5])
def test_a_clip_has_the_very_pixels_at_its_own_rate(spacing):
    frames = shown(clip_of([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]))
    with av.open(io.BytesIO(encode_clip(frames, spacing))) as container:
        stream = container.streams.video[0]
        assert stream.frames == 6
        assert float(stream.average_rate) == pytest.approx(1 / spacing)
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert (np.stack(decoded) == frames).all()


def test_a_clip_lasts_as_long_as_what_it_shows():
    [part] = parts_of(clip_of([0.5, 1.5, 2.5, 3.5]), True, "clip")
    assert isinstance(part, Video)
    assert (part.duration, part.mime) == (4.0, "video/mp4")


def test_a_prompt_without_a_name_has_no_word_of_ours():
    body = write_request(Request("", (Text("What is it?"),)), "m", Capability(), "max_tokens")
    assert body["messages"] == [{"role": "user", "content": "What is it?"}]


def test_frames_are_numbered_so_that_the_server_tells_their_times():
    part = Frames((b"a", b"b"), (0.5, 1.7), 1.2)
    body = write_request(Request("", (part, Text("?"))), "m", OPENAI_KINDS["vllm"], "max_tokens")
    told = body["media_io_kwargs"]["video"]
    assert [number / told["fps"] for number in told["frames_indices"]] == [0.5, 1.7]
    assert told["total_num_frames"] / told["fps"] / 2 == 1.2, "what Qwen2.5-VL's processor takes for the spacing"
    assert told["num_frames"] == -1, "or a server shows 32 at most"
    assert body["mm_processor_kwargs"] == {"do_sample_frames": False}, "or frames are sampled a second time"


def test_a_request_with_frames_reads_back():
    request = Request("", (Frames((b"one", b"two"), (0.5, 1.5), 1.0), Text("?")), "Watch.")
    body = write_request(request, "m", OPENAI_KINDS["vllm"], "max_tokens")
    assert read_request(body).parts == request.parts
    assert read_request(body).system == "Watch."


def test_other_times_are_another_question():
    keys = {Request("", (Frames((b"one",), (time,), 1.0),)).key("m") for time in (0.5, 0.6)}
    assert len(keys) == 2
