"""Toy clips in which few moments matter."""

from collections import Counter

import numpy as np
import pytest

from demitasse.cli import main
from demitasse.dataset import read_folder, validate
from demitasse.dataset.evidence import core_frames_of, evidence_of
from demitasse.media.frames import read_frames
from demitasse.selector.captions import read_captions
from demitasse.toyworld.moment_files import TIMES, draw, order_item, shape_item
from demitasse.toyworld.moments import DURATION, EMPTY, LENGTHS, PAUSE, moment_clip
from demitasse.toyworld.world import CLIP_COUNT, COLOURS

CLIPS = [moment_clip(number) for number in range(300)]


def test_four_things_of_four_colours_come_one_after_the_other_with_pauses():
    for clip in CLIPS:
        assert {moment.colour for moment in clip.moments} == set(COLOURS)
        edges = [0 - PAUSE, *(edge for moment in clip.moments for edge in (moment.start, moment.end)), DURATION + PAUSE]
        assert all(later - earlier >= PAUSE for earlier, later in zip(edges[::2], edges[1::2], strict=True))
        assert all(moment.end - moment.start in LENGTHS for moment in clip.moments)


def test_the_room_is_empty_most_of_the_time_and_any_second_may_matter():
    shown = Counter(time for clip in CLIPS for time in TIMES if clip.at(time))
    assert sum(shown.values()) / len(CLIPS) < DURATION / 2
    assert min(shown[time] for time in TIMES) > 0.15 * len(CLIPS)


def test_every_thing_lies_in_one_quarter_of_the_frame():
    for clip in CLIPS:
        for moment in clip.moments:
            x1, y1, x2, y2 = moment.thing.box
            assert 0 < x1 < x2 < 1 and 0 < y1 < y2 < 1
            assert (x1 < 0.5) == (x2 <= 0.5 + 1e-9) and (y1 < 0.5) == (y2 <= 0.5 + 1e-9)


def test_core_frames_are_the_frames_that_show_what_is_asked_and_no_others():
    for clip in CLIPS:
        for item, things in ((shape_item(clip), 1), (order_item(clip), 2)):
            named = [colour for colour in COLOURS if f" {colour} thing" in item.question]
            times = [time for time in TIMES if clip.at(time) and clip.at(time).colour in named]
            core = core_frames_of(item)
            assert len(named) == things and [frame.time for frame in core] == times
            assert [frame.caption for frame in core] == [clip.caption(time) for time in times]
            assert len(core) <= 4


def test_evidence_says_what_is_asked_and_boxes_it_on_its_frames():
    for clip in CLIPS:
        item = order_item(clip)
        evidence, core = evidence_of(item), core_frames_of(item)
        for mention in evidence.mentions:
            assert evidence.text[mention.start : mention.end] == mention.name
            for box in mention.boxes:
                assert core[box.core_frame].caption.split()[1] == mention.name.split()[0]
        first, second = (mention.name.split()[0] for mention in evidence.mentions)
        assert clip.of(first).start < clip.of(second).start


def test_answers_are_true_and_none_is_the_common_one():
    letters, verdicts = Counter(), Counter()
    for clip in CLIPS:
        shape, order = shape_item(clip), order_item(clip)
        moment = clip.of(next(colour for colour in COLOURS if colour in shape.question))
        assert f"{shape.answer}. {moment.thing.shape}" in shape.question
        one, other = sorted(COLOURS, key=lambda colour: order.question.find(f"{colour} ") % 999)[:2]
        assert (clip.of(one).start < clip.of(other).start) == (order.answer == "Yes")
        letters[shape.answer] += 1
        verdicts[order.answer] += 1
    assert max(letters.values()) < 0.45 * len(CLIPS) and max(verdicts.values()) < 0.6 * len(CLIPS)


def test_a_number_is_the_same_clip_always_and_one_too_large_is_refused():
    assert moment_clip(7) == moment_clip(7) != moment_clip(8)
    with pytest.raises(ValueError, match="0 to 65535"):
        moment_clip(CLIP_COUNT)


def test_a_thing_is_drawn_while_it_is_there():
    clip = CLIPS[0]
    moment = clip.moments[0]
    empty = next(time for time in TIMES if clip.caption(time) == EMPTY)
    shown = draw(clip, moment.start + 0.5).astype(int) - draw(clip, empty)
    x1, y1, x2, y2 = (round(side * 64) for side in moment.thing.box)
    assert np.abs(shown[(y1 + y2) // 2, (x1 + x2) // 2]).max() > 60
    assert not shown[:, : max(0, x1 - 2)].any() and not shown[:, x2 + 2 :].any()


def test_the_command_writes_videos_items_and_captions_that_agree(tmp_path, tao_daft, capsys):
    assert main(["toyworld", "moments", str(tmp_path), "--count", "2", "--first", "5"]) == 0
    files = read_folder(tmp_path / "items")
    assert tao_daft(tmp_path / "items") and not list(validate(tmp_path / "items"))
    captions = read_captions(tmp_path / "captions.jsonl")
    assert sorted(captions) == ["00005.mp4", "00006.mp4"] == [item.video_id for item in files[0].items]
    frames = read_frames(tmp_path / "videos/00005.mp4", TIMES)
    assert frames.duration == pytest.approx(DURATION, abs=0.3)
    for pixels, time in zip(frames.pixels.astype(int), TIMES, strict=True):
        assert np.abs(pixels - draw(moment_clip(5), time)).mean() < 8
    assert captions["00005.mp4"].captions == tuple(map(moment_clip(5).caption, TIMES))
