"""Small videos made with PyAV, whose frames carry their number as twelve coloured blocks.

A set bit is red, a clear one blue, in three rows of four. The number is read back at the blocks' centres, so it
survives compression, scaling and stretching, and does not survive turning, mirroring or swapped colours.
"""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

ROWS, COLUMNS = 3, 4
RED, BLUE = (230, 60, 30), (30, 60, 230)
UNEVEN = (0.0, 0.1, 0.15, 0.5, 1.2, 1.25, 1.3, 2.0)  # presentation times of the uneven video


def draw(number, width, height):
    picture = np.zeros((height, width, 3), np.uint8)
    for bit in range(ROWS * COLUMNS):
        row, column = divmod(bit, COLUMNS)
        rows = slice(row * height // ROWS, (row + 1) * height // ROWS)
        columns = slice(column * width // COLUMNS, (column + 1) * width // COLUMNS)
        picture[rows, columns] = RED if number >> bit & 1 else BLUE
    return picture


def read_number(picture):
    height, width, _ = picture.shape
    number = 0
    for bit in range(ROWS * COLUMNS):
        row, column = divmod(bit, COLUMNS)
        red, _, blue = picture[int((row + 0.5) * height / ROWS), int((column + 0.5) * width / COLUMNS)]
        number |= int(red > blue) << bit
    return number


def write_video(
    path,
    count=60,
    fps=30,
    times=None,
    start=0.0,
    codec="libx264",
    size=(96, 72),
    pixel_format="yuv420p",
    gop=12,
    b_frames=None,
    aspect=None,
    turned=0,
    mirrored=False,
    audio=False,
    format=None,
    encoder=None,
    muxer=None,
):
    """Frame k shows k. `turned` (degrees counter-clockwise) and `mirrored` are what a player does to what is stored."""
    tick = Fraction(1, fps) if times is None else Fraction(1, 1000)
    ticks = range(count) if times is None else [round(time * 1000) for time in times]
    with av.open(str(path), "w", format=format, options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=fps, options=encoder or {})
        sound = container.add_stream("aac", rate=16000) if audio else None
        stream.width, stream.height = np.roll(size, 1).tolist() if turned in (90, 270) else size
        stream.pix_fmt = pixel_format
        context = stream.codec_context
        context.time_base, context.gop_size = tick, gop
        if b_frames is not None:
            context.max_b_frames = b_frames
        if aspect:
            context.sample_aspect_ratio = Fraction(aspect)
        if turned or mirrored:
            stream.set_display_rotation(turned, hflip=mirrored)
        for number, pts in enumerate(ticks):
            picture = draw(number, *size)
            stored = np.rot90(picture[:, ::-1] if mirrored else picture, -turned // 90)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(stored), "rgb24")
            frame.pts, frame.time_base = pts + round(start / tick), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            write_silence(container, sound, 3 * 16000)


def write_silence(container, stream, samples):
    frame = av.AudioFrame.from_ndarray(np.zeros((1, samples), np.float32), "fltp", "mono")
    frame.rate = 16000
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


KINDS = {
    "h264_mp4": ("a.mp4", {}),
    "h264_mov": ("a.mov", {}),
    "h264_mkv": ("a.mkv", {}),
    "h264_fragmented_mp4": ("frag.mp4", {"muxer": {"movflags": "frag_keyframe+empty_moov"}}),
    "h264_with_audio": ("audio.mp4", {"audio": True}),
    "h264_open_gop": ("open.mp4", {"encoder": {"x264-params": "open-gop=1:bframes=3"}}),
    "h264_one_gop": ("one_gop.mp4", {"gop": 600, "encoder": {"x264-params": "scenecut=0"}}),
    "h264_avi_reordered": ("reordered.avi", {"b_frames": 3}),
    "h264_ts_offset": ("a.ts", {"format": "mpegts", "start": 1.5}),
    "h264_ts_named_mp4": ("ts.mp4", {"format": "mpegts"}),
    "h264_start_5s": ("start.mp4", {"start": 5.0}),
    "mpeg4_avi": ("a.avi", {"codec": "mpeg4"}),
    "mpeg4_avi_reordered": ("b.avi", {"codec": "mpeg4", "b_frames": 2}),
    "hevc_mp4": ("hevc.mp4", {"codec": "libx265", "encoder": {"x265-params": "log-level=none:bframes=3"}}),
    "vp9_mkv": ("vp9.mkv", {"codec": "libvpx-vp9", "encoder": {"deadline": "realtime", "cpu-used": "8"}}),
    "vp8_mkv": ("vp8.mkv", {"codec": "libvpx", "encoder": {"deadline": "realtime"}}),
    "av1_mp4": ("av1.mp4", {"codec": "libsvtav1", "encoder": {"preset": "12"}}),
    "mpeg2_ts": ("mpeg2.ts", {"codec": "mpeg2video", "b_frames": 2, "format": "mpegts"}),
    "mjpeg_mov": ("mjpeg.mov", {"codec": "mjpeg", "pixel_format": "yuvj420p"}),
    "odd_size": ("odd.mp4", {"size": (97, 73), "pixel_format": "yuv444p"}),
    "ten_bit": ("ten.mp4", {"pixel_format": "yuv420p10le"}),
    "one_frame": ("one.mp4", {"count": 1}),
    "rotated_90": ("rot.mp4", {"turned": 90}),
    "wide_pixels": ("wide.mp4", {"aspect": "4/3"}),
    "uneven_mp4": ("uneven.mp4", {"times": UNEVEN}),
    "uneven_mkv": ("uneven.mkv", {"times": UNEVEN}),
    "uneven_fast": ("fast.mkv", {"times": tuple(np.cumsum([0.02, 0.04, 0.03, 0.11] * 10).round(3))}),
}


@pytest.fixture(scope="session")
def video(tmp_path_factory):
    """video(kind) -> path of a file of KINDS; video(name, option=…) -> path of one made to order."""
    folder, made = tmp_path_factory.mktemp("videos"), {}

    def make(kind, **options):
        key = (kind, *sorted(map(repr, options.items())))
        if key not in made:
            name, preset = KINDS.get(kind, (kind, {}))
            made[key] = folder / str(len(made)) / name
            made[key].parent.mkdir()
            write_video(made[key], **{**preset, **options})
        return made[key]

    return make


@pytest.fixture(scope="session")
def numbers():
    """numbers(frames) -> the number that each picture shows."""
    return lambda pictures: [read_number(picture) for picture in pictures]


@pytest.fixture(scope="session")
def copy_cut(video, tmp_path_factory):
    """An MP4 cut by copying packets at 0.5 s: it stores from the keyframe at 0, and an edit list hides 15 frames."""
    source = video("source.mp4", count=90, gop=30, encoder={"x264-params": "scenecut=0"})
    path = tmp_path_factory.mktemp("cut") / "cut.mp4"
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        cut = round(0.5 / stream.time_base)
        for packet in old.demux(stream):
            if packet.size:
                packet.pts, packet.dts, packet.stream = packet.pts - cut, packet.dts - cut, copy
                new.mux(packet)
    return path


@pytest.fixture(scope="session")
def cover_art(tmp_path_factory):
    """cover_art(film) -> an MP4 with a picture on its cover, and a film of ten frames or else sound alone."""
    folder = tmp_path_factory.mktemp("cover")

    def make(film):
        path = folder / f"{film}.mp4"
        with av.open(str(path), "w") as container:
            cover = container.add_stream("mjpeg", rate=1)
            cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
            cover.disposition = Disposition.attached_pic
            stream = container.add_stream(*(("libx264", 30) if film else ("aac", 16000)))
            if film:
                stream.width, stream.height, stream.pix_fmt = 96, 72, "yuv420p"
            container.mux(cover.encode(av.VideoFrame.from_image(Image.new("RGB", (32, 32), RED))))
            container.mux(cover.encode(None))
            if film:
                for number in range(10):
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(draw(number, 96, 72), "rgb24")))
                container.mux(stream.encode(None))
            else:
                write_silence(container, stream, 16000)
        return path

    return make


@pytest.fixture(scope="session")
def unreadable(video, cover_art, tmp_path_factory):
    """unreadable(case) -> path of a file that is no video."""
    folder = tmp_path_factory.mktemp("unreadable")

    def cut(kind, share, **options):
        data = video(kind, **options).read_bytes()
        return data[: int(len(data) * share)]

    def make(case):
        path = folder / f"{case}.mp4"
        png = io.BytesIO()
        Image.new("RGB", (32, 32)).save(png, "PNG")
        contents = {
            "empty": lambda: b"",
            "text": lambda: b"hello, this is text\n" * 100,
            "picture": png.getvalue,
            "playlist": lambda: f"ffconcat version 1.0\nfile '{video('h264_mp4')}'\n".encode(),
            "streaming_playlist": lambda: b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\na.ts\n#EXT-X-ENDLIST\n",
            "index_missing": lambda: cut("h264_mp4", 0.6),
            "tail_missing_mp4": lambda: cut("fast.mp4", 0.7, muxer={"movflags": "faststart"}),
            "tail_missing_mkv": lambda: cut("h264_mkv", 0.6),
            "tail_missing_avi": lambda: cut("mpeg4_avi", 0.6),
            "header_only": lambda: cut("h264_mp4", 0.0) + b"\0\0\0\x20ftypisom",
            "audio_with_cover": lambda: cover_art(False).read_bytes(),
        }
        path.write_bytes(contents[case]())
        return path

    return make
