"""One run of the command over everything a folder of videos should not hold (annotate.md traps 4 to 10).

Each file is one counted outcome with a reason, none stops the others, and the exit code says that some were left out.
"""

import os
import unicodedata

import pytest

from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.cli import main
from demitasse.dataset import validate

SHORT = ("workflow.steps=[0,1a,2,3,4]", "workflow.qa_types=[mcq]", "workflow.mode=normal")
STEADY = [number / 10 for number in range(30)]
UNEVEN = [0.0, 0.1, 0.15, 0.5, 1.2, 1.25, 1.3, 2.0]
HOUR = 4320  # seconds: 1.2 hours
NAMES = (
    "two words.mp4",
    "a#b?c%20d.mp4",
    'it\'s "quoted".mp4',
    "\u6620\u50cf \U0001f3a5.mp4",
    "new\nline.mp4",
    "-y.mp4",
    "concat:a|b.mp4",
    "{braces} %s.mp4",
    "<b>&amp;.mp4",
    "one/cam.mp4",
    "two/cam.mp4",
    "two/cam.MOV",
    "x" * 251 + ".mp4",
    unicodedata.normalize("NFC", "caf\u00e9.mp4"),
    unicodedata.normalize("NFD", "caf\u00e9.mp4"),
)


def fill_with_good(shop, film, calm) -> set[str]:
    """Odd but whole; returns their ids."""
    for name, number in zip(NAMES, calm, strict=False):
        shop.put(name, number)
    film(shop.videos / "uneven.mp4", UNEVEN)
    film(shop.videos / "turned.mp4", STEADY, turned=90)
    film(shop.videos / "one_frame.mp4", [0.0])
    film(shop.videos / "cover.mp4", STEADY, cover=True)
    film(shop.videos / "ten_bit.mp4", STEADY, pixels="yuv420p10le")
    film(shop.videos / "av1.mp4", STEADY, codec="libsvtav1")
    made = {"uneven.mp4", "turned.mp4", "one_frame.mp4", "cover.mp4", "ten_bit.mp4", "av1.mp4"}
    return made | set(NAMES)


def fill_with_bad(shop, film, sound, calm) -> dict[str, str]:
    """Returns the reason by id."""
    (shop.videos / "empty.mp4").write_bytes(b"")
    (shop.videos / "text.mp4").write_text("This is no video.", encoding="utf-8")
    whole = shop.put("half.mp4", calm[-1])
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    late = film(shop.videos / "late.mp4", STEADY, size=(320, 240), muxer={"movflags": "faststart"})
    late.write_bytes(late.read_bytes()[: late.stat().st_size * 7 // 10])
    sound(shop.videos / "sound.mp4")
    film(shop.videos / "long.mp4", list(range(HOUR)), size=(32, 32))
    shop.put(os.fsdecode(b"latin\xe9.mp4"), calm[-2])
    (shop.videos / "loop").symlink_to(shop.videos, target_is_directory=True)
    (shop.videos / "gone.mp4").symlink_to("nowhere.mp4")
    (shop.videos / "again.mp4").symlink_to("empty.mp4")
    os.mkfifo(shop.videos / "pipe.mp4")
    return {
        "empty.mp4": "empty file",
        "text.mp4": "not a media file",
        "half.mp4": "truncated",
        "late.mp4": "truncated",
        "sound.mp4": "no video stream",
        "long.mp4": "longer than max_video_length_sec (300 s)",
        "latin?.mp4": "the file's name is not UTF-8",
        "loop": "folder already listed (link)",
        "gone.mp4": "broken link",
        "again.mp4": "same file as another (link)",
        "pipe.mp4": "not a regular file",
    }


@pytest.mark.slow
def test_every_odd_or_broken_file_is_one_counted_outcome_and_stops_nobody(shop, film, sound, calm, capsys):
    good, bad = fill_with_good(shop, film, calm), fill_with_bad(shop, film, sound, calm)
    with ChatServer(ScriptedModel()) as server:
        code = main(shop.arguments(server.base_url, *SHORT, "license=CC0-1.0"))
    assert shop.outcomes() == bad
    assert {item["video_id"] for item in shop.items("mcq")} == good
    assert code == 3
    told = capsys.readouterr().out.splitlines()[-1]
    assert f"{len(good)} done" in told and "skipped" in told and "quarantined" in told
    assert validate(shop.out / "step_4_output") == []


@pytest.mark.slow
def test_every_odd_or_broken_file_is_counted_the_same_by_a_second_run_which_buys_nothing(shop, film, sound, calm):
    bad = fill_with_bad(shop, film, sound, calm)
    shop.put("good.mp4")
    with ChatServer(ScriptedModel()) as server:
        assert main(shop.arguments(server.base_url, *SHORT)) == 3
        bought = server.counts.requests
        assert main(shop.arguments(server.base_url, *SHORT)) == 3
        assert server.counts.requests == bought
    assert shop.outcomes() == bad
