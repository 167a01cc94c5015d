"""Lengths: told without decoding, and exactly what the encoder then makes (trap 16); what is too long is never cut."""

import itertools
import json
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from transformers import AutoConfig

from demitasse.dataset import Item
from demitasse.dataset.shown_frames import with_shown_frames
from demitasse.errors import DataError
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.student.encode import Encoder
from demitasse.student.load import build_encoder
from demitasse.student.sight import Sight, SightSettings
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
from train.config import DataConfig
from train.data import lengths as lengths_module
from train.data.lengths import OVER_LONG, Length, keep_fitting, length_of, measure
from train.data.lessons import Lesson

TEXTS = ["A. left B. right. Answer with a single letter. The shape is at 1.5 seconds, column 1, row 2."] * 4
VIDEO_SIZES = [(64, 48), (96, 96), (50, 130), (200, 34), (320, 180)]
IMAGE_SIZES = [(64, 64), (63, 47), (11, 150), (301, 97)]
SECONDS = [0.4, 1.7, 11.3]
WORDS = ["Which way?", "Does it move <|im_start|>assistant\nleft or right? <|video_pad|>" * 3]


def write_video(path: Path, size: tuple[int, int], seconds: float) -> None:
    """Noise at an uneven rate, so that true times fall beside those that are asked for."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, pts in enumerate(range(0, round(seconds * 1000), 97)):
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), number, np.uint8), "rgb24")
            frame.pts, frame.time_base = pts + number % 3 * 20, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def media(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("media")
    for size, seconds in itertools.product(VIDEO_SIZES, SECONDS):
        write_video(folder / f"{size[0]}x{size[1]}_{seconds}.mp4", size, seconds)
    for number, size in enumerate(IMAGE_SIZES):
        exif = Image.Exif()
        exif[0x0112] = 6 if number % 2 else 1  # turned by a quarter: width is height
        Image.new("RGB", size, (200, 30, 30)).save(folder / f"{number}.png", exif=exif)
    return sorted(folder.iterdir())


def items(path: Path) -> list[Item]:
    """What is asked of one medium: short, long, reasoned, of chosen frames, of nothing to be seen."""
    name = {"video_id": path.name} if path.suffix == ".mp4" else {"image_id": path.name}
    short = Item(WORDS[0], "A", **name)
    asked = [short, Item(WORDS[1], "B) right", reasoning="It is at 1.5 seconds in row 2. " * 5, **name)]
    if path.suffix == ".mp4":
        asked += [with_shown_frames(short, [0.1, 0.9, 0.9]), with_shown_frames(asked[1], [])]
    return asked


@pytest.fixture(autouse=True)
def no_power_cut(monkeypatch):
    """Frames that a test decodes need not be on the disk before it goes on."""
    monkeypatch.setattr("demitasse.atomic._sync", lambda _path: None)


@pytest.fixture(scope="module")
def decoded(tmp_path_factory) -> Path:
    """A cache folder that all tests decode into; what they measure is kept elsewhere."""
    return tmp_path_factory.mktemp("decoded")


@pytest.fixture(scope="module")
def lessons(media) -> list[Lesson]:
    ways = ("think", "answer", "explain")
    return [Lesson(item, "qa", path, way) for path in media for item in items(path) for way in ways]


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen3_vl"])
def folder(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp(request.param)
    tokenizer = build_tokenizer(TEXTS)
    save_tiny(build_model(request.param, tokenizer, hidden=32, layers=1, heads=2), tokenizer, path)
    return path


def encoder_of(folder: Path, low: int | None = None, high: int | None = None, system: str = "") -> Encoder:
    return build_encoder(folder, AutoConfig.from_pretrained(folder), low, high, system)


def sight_of(
    encoder: Encoder, cache: Path, most: int | None = None, video: int | None = None, frames: int = 8
) -> Sight:
    return Sight(SightSettings(SamplingPolicy(2, frames), most, video_pixels=video), FrameCache(cache), encoder.vision)


def encoded(lesson: Lesson, encoder: Encoder, sight: Sight) -> Length:
    """What the encoder makes of the decoded medium."""
    clip = sight.show(lesson.item, lesson.media)
    made = encoder.example(lesson.item, clip, lesson.way)
    patches = int(np.prod(made.pixels.grid)) if made.pixels else 0
    return Length(len(made.input_ids), made.label_count, patches, 0 if clip is None else len(clip.times))


@pytest.mark.parametrize(
    ("low", "high", "video", "system"),
    [
        pytest.param(None, None, None, "", id="the_models_own_bounds"),
        pytest.param(None, 48 * 48, None, "Watch closely.", id="frames_made_smaller"),
        pytest.param(128 * 128, 160 * 160, None, "", id="frames_made_larger"),
        pytest.param(None, 96 * 96, 4 * 64 * 64, "", id="a_budget_for_the_video"),
    ],
)
def test_a_length_is_what_the_encoder_makes(lessons, folder, tmp_path, decoded, low, high, video, system):
    encoder = encoder_of(folder, low, high, system)
    told = measure(lessons, encoder, sight_of(encoder, tmp_path, high, video))
    eyes = sight_of(encoder, decoded, high, video)
    assert len(lessons) >= 200
    assert told == [encoded(lesson, encoder, eyes) for lesson in lessons]


def test_nothing_is_decoded_to_measure(lessons, folder, tmp_path, monkeypatch):
    def refuse(*_args):
        raise AssertionError("decoded")

    monkeypatch.setattr("demitasse.media.cache.read_frames", refuse)
    monkeypatch.setattr("demitasse.student.sight.read_image", refuse)
    encoder = encoder_of(folder)
    assert all(length.tokens for length in measure(lessons, encoder, sight_of(encoder, tmp_path)))


def test_lengths_from_decoded_frames_in_the_cache_are_the_same(lessons, folder, tmp_path, decoded, monkeypatch):
    encoder, some = encoder_of(folder), lessons[::6]
    before = measure(some, encoder, sight_of(encoder, tmp_path))
    eyes = sight_of(encoder, decoded)
    for lesson in some:
        eyes.show(lesson.item, lesson.media)
    monkeypatch.setattr("demitasse.media.cache.inspect", None)  # not asked for: the cache knows
    assert [length_of(lesson, encoder, sight_of(encoder, decoded)) for lesson in some] == before


class Counting:
    """How often a lesson was measured."""

    def __init__(self, monkeypatch):
        self.count = 0
        monkeypatch.setattr(lengths_module, "length_of", self)

    def __call__(self, *args) -> Length:
        self.count += 1
        return length_of(*args)


def test_lengths_are_remembered_by_content_and_forgotten_when_anything_that_decides_them_changes(
    lessons, folder, tmp_path, monkeypatch
):
    some = lessons[:12]
    encoder, counting = encoder_of(folder), Counting(monkeypatch)
    first = measure(some, encoder, sight_of(encoder, tmp_path))
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in {one.media for one in some}:
        shutil.copy(path, moved)
    elsewhere = [replace(one, media=moved / one.media.name) for one in some]
    assert measure(elsewhere, encoder, sight_of(encoder, tmp_path)) == first
    assert counting.count == 12
    measure(some, encoder, sight_of(encoder, tmp_path, frames=4))
    assert counting.count == 24
    other = encoder_of(folder, system="Be brief.")
    assert measure(some, other, sight_of(other, tmp_path)) != first
    assert counting.count == 36


def test_a_torn_memory_is_measured_again(lessons, folder, tmp_path):
    encoder = encoder_of(folder)
    first = measure(lessons[:3], encoder, sight_of(encoder, tmp_path))
    (kept,) = (tmp_path / "lengths").iterdir()
    kept.write_bytes(kept.read_bytes()[:20])
    assert measure(lessons[:3], encoder, sight_of(encoder, tmp_path)) == first


def test_an_unreadable_medium_is_told_with_its_lesson_and_is_not_remembered(lessons, folder, tmp_path):
    encoder = encoder_of(folder)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    item = Item(WORDS[0], "A", video_id="broken.mp4")
    told = measure([lessons[0], Lesson(item, "qa", broken)], encoder, sight_of(encoder, tmp_path))
    assert told[0].fault == ""
    assert told[1] == Length(0, 0, 0, 0, f"{broken}: not a media file")
    broken.write_bytes(next(lesson.media for lesson in lessons if lesson.media.suffix == ".mp4").read_bytes())
    assert measure([Lesson(item, "qa", broken)], encoder, sight_of(encoder, tmp_path))[0].tokens > 0


def test_a_lesson_without_labels_is_an_error_that_names_it(lessons, folder, tmp_path):
    encoder = encoder_of(folder)
    clip = next(lesson.media for lesson in lessons if lesson.media.suffix == ".mp4")
    empty = Lesson(Item("Which way?", " ", video_id="nothing.mp4"), "qa", clip)
    with pytest.raises(DataError, match=r"nothing\.mp4.*'answer' is empty"):
        measure([lessons[0], empty], encoder, sight_of(encoder, tmp_path))


LENGTHS = [Length(100, 3, 64, 4), Length(900, 5, 3000, 64), Length(101, 3, 64, 4)]


def three(media: list[Path]) -> list[Lesson]:
    return [Lesson(Item(f"Question {n}?", "A", video_id=f"{n}.mp4"), "qa", media[0]) for n in range(3)]


def test_over_long_items_stop_the_run_with_counts_and_names(media, tmp_path):
    with pytest.raises(
        DataError, match=r"2 of 3 items take more than data.max_tokens=100, the longest 900.*Question 1"
    ):
        keep_fitting(three(media), LENGTHS, DataConfig(max_tokens=100), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / OVER_LONG).read_text().splitlines()]
    assert [row["tokens"] for row in rows] == [900, 101]
    assert rows[0]["frames"] == 64
    assert rows[0]["media"] == str(media[0])


def test_over_long_items_are_left_out_whole_and_named(media, tmp_path, capsys):
    lessons = three(media)
    kept, lengths = keep_fitting(lessons, LENGTHS, DataConfig(max_tokens=101, over_long="drop"), tmp_path)
    assert kept == [lessons[0], lessons[2]]
    assert lengths == [LENGTHS[0], LENGTHS[2]]
    assert "1 of 3 items" in capsys.readouterr().out
    keep_fitting(lessons, LENGTHS, DataConfig(max_tokens=900), tmp_path)
    assert not (tmp_path / OVER_LONG).exists(), "of a run in which nothing is too long"


def test_nothing_left_is_an_error(media, tmp_path):
    with pytest.raises(DataError, match="nothing is left"):
        keep_fitting(three(media), LENGTHS, DataConfig(max_tokens=10, over_long="drop"), tmp_path)


def test_without_a_limit_everything_fits(media, tmp_path):
    lessons = three(media)
    assert keep_fitting(lessons, LENGTHS, DataConfig(), tmp_path) == (lessons, LENGTHS)
