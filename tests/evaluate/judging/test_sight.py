"""Judges that see frames: shown to those that take images, told so, and part of what a score is cached by."""

import shutil
from dataclasses import replace

import pytest

from demitasse.chat.model import Capability, Image
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.cli import main
from demitasse.errors import ConfigError, DataError
from demitasse.toyworld.render import render
from evaluate.comparing.arm import load_arm, read_header
from evaluate.comparing.compare import compare
from evaluate.judging.sight import Sight


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return render(tmp_path_factory.mktemp("media"), range(2))


@pytest.fixture
def seen(make_run, items, clips):
    """A run about two clips that are there, and their folder."""
    free = [row for row in items if row.task == "open_qa"]
    rows = [replace(row, video_id=clip.name) for row, clip in zip(free, clips, strict=False)]
    return make_run("a", lambda row: "it falls", rows), clips[0].parent


def images(request):
    return [part for part in request.parts if isinstance(part, Image)]


def test_frames_follow_the_texts_each_after_its_time(seen, fake, judge):
    folder, media = seen
    one = fake(lambda request: 3)
    done = judge(folder, one, sight=Sight(media, 4))
    assert [len(images(request)) for request in one.requests] == [4, 4]
    assert "Frames of the video follow" in one.requests[0].text
    assert "You do not see the video" not in one.requests[0].text
    times = [part.time for part in images(one.requests[0])]
    assert times == sorted(times) and times[0] > 0
    assert (done.header["sees"], done.header["frames"]) == ("frames", 4)


def test_text_alone_is_another_question_and_another_judging(seen, make_run, fake, judge):
    folder, media = seen
    judge(folder, fake(lambda request: 3))
    one = fake(lambda request: 4)
    judge(folder, one, sight=Sight(media, 2))
    assert len(one.requests) == 2
    more = fake(lambda request: 4)
    judge(folder, more, sight=Sight(media, 2))
    assert more.requests == []
    other = make_run("b", lambda row: "it falls", list(load_arm(folder).items.values()))
    judge(other, fake(lambda request: 4))
    with pytest.raises(DataError, match="judged differently .*another frames"):
        compare([load_arm(folder), load_arm(other)])


def test_a_changed_video_is_judged_anew(seen, clips, tmp_path, fake, judge):
    folder, _ = seen
    for place, clip in enumerate(clips):
        shutil.copy(clip, tmp_path / f"{place}.bin")
    media = tmp_path / "media"
    media.mkdir()
    for clip in clips:
        shutil.copy(clip, media / clip.name)
    judge(folder, fake(lambda request: 3), sight=Sight(media, 2))
    shutil.copy(clips[1], media / clips[0].name)
    one = fake(lambda request: 4)
    judge(folder, one, sight=Sight(media, 2))
    assert len(one.requests) == 1


def test_a_video_that_cannot_be_read_is_the_judges_fault_and_stops_no_other(seen, clips, tmp_path, fake, judge):
    folder, _ = seen
    (tmp_path / clips[0].name).write_bytes(b"no video")
    shutil.copy(clips[1], tmp_path / clips[1].name)
    done = judge(folder, fake(lambda request: 3), sight=Sight(tmp_path, 2))
    assert (done.scored, done.unscored, done.exit_code) == (1, 1, 3)
    assert done.header["votes"]["unscored_kinds"] == {"medium": 1}


def test_a_missing_video_or_a_blind_judge_is_refused_before_anything_is_asked(seen, tmp_path, fake, judge):
    folder, media = seen
    one = fake(lambda request: 3)
    with pytest.raises(DataError, match="not a file below .*--media"):
        judge(folder, one, sight=Sight(tmp_path / "nowhere", 2))
    one.capability = Capability(images=False)
    with pytest.raises(ConfigError, match="takes no images"):
        judge(folder, one, sight=Sight(media, 2))
    assert one.requests == []


def test_the_command_shows_frames_through_a_real_endpoint(seen, capsys):
    folder, media = seen
    words = ["judge", str(folder), "--model", "eye", "--frames", "2"]
    assert main(words) == 2
    assert "--frames needs --media" in capsys.readouterr().err
    with ChatServer(ScriptedModel()) as server:
        assert main([*words, "--media", str(media), "--base-url", server.base_url]) == 0
        assert server.counts.bytes > 2 * 2000, "pictures went over the wire"
    assert read_header(folder / "judge.json")["frames"] == 2
