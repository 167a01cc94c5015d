"""What a selector learns from."""

import pytest

from demitasse.dataset import Item, TaskFile, read, validate
from demitasse.dataset.evidence import CoreFrame, Evidence, Mention, PlacedBox, with_evidence_fields
from demitasse.dataset.shown_frames import shown_frames
from demitasse.errors import DataError
from demitasse.selector.captions import VideoCaptions
from demitasse.selector.training import LeftOut, caption_items, pick_items, write_training
from demitasse.selector.wording import read_places
from demitasse.toyworld.moment_files import TIMES, order_item, shape_item
from demitasse.toyworld.moments import moment_clip

CAPTIONS = {"a.mp4": VideoCaptions("a.mp4", (0.5, 1.5, 2.5), ("nothing", "a red disc", "a blue disc"))}
BOX = (0.1, 0.1, 0.2, 0.2)


def item(*times, question="Is red before blue?", video="a.mp4", mentions=()):
    core = [CoreFrame(time, caption="x") for time in times]
    return with_evidence_fields(
        Item(question, "Yes", video), Evidence("blue red", mentions) if mentions else None, core
    )


def only(found):
    (one,) = found
    return one


def test_a_pick_item_answers_with_the_numbers_of_its_core_frames():
    pick = only(pick_items([TaskFile([item(1.5, 2.4)], "bcq")], CAPTIONS))
    assert pick.answer == "2, 3" and shown_frames(pick) == [] and pick.reasoning is None


def test_its_reasoning_says_where_each_key_item_is_in_the_order_of_the_question():
    mentions = (Mention("blue", 0, 4, (PlacedBox(BOX, 1),)), Mention("red", 5, 8, (PlacedBox(BOX, 0),)))
    pick = only(pick_items([TaskFile([item(1.5, 2.5, mentions=mentions)], "bcq")], CAPTIONS))
    assert pick.reasoning == "red: 2\nblue: 3"


def test_a_key_item_without_a_box_on_a_frame_is_left_out_of_the_reasoning():
    mentions = (Mention("blue", 0, 4), Mention("red", 5, 8, (PlacedBox(BOX, None), PlacedBox(BOX, 0))))
    pick = only(pick_items([TaskFile([item(1.5, mentions=mentions)], "bcq")], CAPTIONS))
    assert pick.reasoning == "red: 2"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param(item(1.5, video="b.mp4"), "no captions", id="a_video_without_captions"),
        pytest.param(item(), "no core frame", id="no_core_frames"),
        pytest.param(item(None), "no core frame", id="core_frames_without_times"),
        pytest.param(Item("?", "x", "a.mp4", extra={"core_frames": 3}), "core_frames", id="core_frames_of_no_form"),
    ],
)
def test_an_item_that_teaches_no_picking_is_left_out_with_the_reason(bad, reason):
    left = only(pick_items([TaskFile([bad], "bcq")], CAPTIONS))
    assert isinstance(left, LeftOut) and reason in left.reason


def test_every_caption_becomes_an_item_that_shows_its_frame():
    items = list(caption_items(CAPTIONS.values()))
    assert [(shown_frames(one), one.answer) for one in items] == [
        ([0.5], "nothing"),
        ([1.5], "a red disc"),
        ([2.5], "a blue disc"),
    ]


def test_so_many_captions_of_a_video_are_the_same_ones_each_time_and_in_order():
    drawn = [list(caption_items(CAPTIONS.values(), 2)) for _ in range(2)]
    assert drawn[0] == drawn[1] and len(drawn[0]) == 2
    assert drawn[0][0].extra["shown_frames"] < drawn[0][1].extra["shown_frames"]


def test_an_empty_caption_teaches_nothing():
    assert not list(caption_items([VideoCaptions("a", (0.5,), (" ",))]))


def toy_file(folder, count=4):
    items = [ask(moment_clip(number)) for number in range(count) for ask in (shape_item, order_item)]
    return TaskFile(items, "bcq", "Apache-2.0", media_root="videos", path=folder / "data" / "bcq.json")


def test_the_files_are_good_datasets_whose_media_are_found(tmp_path, tao_daft):
    file = toy_file(tmp_path)
    file.media_folder.mkdir(parents=True)
    captions = {}
    for number in range(4):
        clip = moment_clip(number)
        video = f"{number:05d}.mp4"
        captions[video] = VideoCaptions(video, TIMES, tuple(map(clip.caption, TIMES)))
        (file.media_folder / video).touch()
    written = write_training([file], captions, tmp_path / "out", 5)
    assert (written.captions, written.picks, written.left_out) == (20, 8, ())
    assert tao_daft(tmp_path / "out")
    for name in ("frame_caption", "frame_pick"):
        path = tmp_path / "out" / f"{name}.json"
        assert not list(validate(path))
        back = read(path)
        assert back.task == name and all(back.media_path(one).is_file() for one in back.items)


def test_toy_picks_are_the_frames_that_show_what_is_asked(tmp_path):
    for number in range(50):
        clip = moment_clip(number)
        video = f"{number:05d}.mp4"
        captions = {video: VideoCaptions(video, TIMES, tuple(map(clip.caption, TIMES)))}
        asked = order_item(clip)
        pick = only(pick_items([TaskFile([asked], "bcq")], captions))
        shown = {clip.caption(TIMES[place]) for place in read_places(pick.answer)}
        colours = {caption.split()[1] for caption in shown}
        assert len(colours) == 2 and all(colour in asked.question for colour in colours)


def test_the_items_own_folder_is_refused_and_gets_no_file(tmp_path):
    """Captions in it would be items of the dataset, the next time that it is read."""
    file = toy_file(tmp_path)
    clip, video = moment_clip(0), "00000.mp4"
    captions = {video: VideoCaptions(video, TIMES, tuple(map(clip.caption, TIMES)))}
    with pytest.raises(DataError, match="holds the items of --data"):
        write_training([file], captions, tmp_path / "data")
    assert not (tmp_path / "data").exists()
    assert write_training([file], captions, tmp_path / "out").picks == 2


def test_media_in_two_folders_and_nothing_to_learn_are_refused(tmp_path):
    with pytest.raises(DataError, match="2 folders"):
        write_training([toy_file(tmp_path / "a"), toy_file(tmp_path / "b")], {}, tmp_path)
    with pytest.raises(DataError, match="no captions"):
        write_training([toy_file(tmp_path / "a")], {}, tmp_path)
