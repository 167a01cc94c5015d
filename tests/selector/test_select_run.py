"""A run of `demitasse select frames`: every way of choosing, what is left out, and going on where one stopped."""

import json
import shutil
from dataclasses import replace

import pytest

from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, read_folder, write
from demitasse.dataset.evidence import core_frames_of
from demitasse.dataset.item_id import id_of
from demitasse.dataset.shown_frames import shown_frames
from demitasse.embedding.lexical import LexicalEmbedder
from demitasse.errors import ConfigError, DataError, DemitasseError
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.selector.asking import Said
from demitasse.selector.captions import read_captions
from demitasse.selector.choosing import uniform
from demitasse.selector.run import METHODS, Selecting, select
from demitasse.selector.selections import SELECTIONS, read_selections
from demitasse.selector.wording import CAPTION_QUESTION, write_places
from demitasse.toyworld.moments import moment_clip

POLICY = SamplingPolicy(fps=1, max_frames=16)


class Truth:
    """Captions toy clips as they are, and picks what is said of it. Keeps what it was asked."""

    at_once = 20

    def __init__(self, pick="3", stop_after=10**9):
        self.pick, self.stop_after, self.asked = pick, stop_after, []

    def __call__(self):
        return self

    def ask(self, asks, progress):
        if len(self.asked) + len(asks) > self.stop_after:
            raise KeyboardInterrupt
        self.asked += [item for item, _ in asks]
        progress(len(asks))
        return [self._say(item) for item, _ in asks]

    def _say(self, item):
        if item.question == CAPTION_QUESTION:
            return Said(moment_clip(int(item.video_id[:5])).caption(shown_frames(item)[0]))
        return self.pick if isinstance(self.pick, Said) else Said(self.pick)


@pytest.fixture
def files(toy):
    return read_folder(toy / "items")


def how(tmp_path, method, **more):
    return Selecting(method, keep=4, policy=POLICY, cache=FrameCache(tmp_path / "cache"), **more)


def run(files, tmp_path, method, settings=None, **more):
    done = select(files, tmp_path / "out", how(tmp_path, method, **more), settings or {"method": method})
    return done, read_selections(tmp_path / "out")


@pytest.mark.parametrize("method", METHODS)
def test_every_way_keeps_at_most_so_many_sampled_frames_of_every_item(files, tmp_path, method):
    more = {"captioner": Truth(), "picker": Truth("1-9"), "embedder": LexicalEmbedder()}
    done, selections = run(files, tmp_path, method, **more)
    assert done.items == len(selections) == 8 and done.exit_code == 0
    for one in selections.values():
        assert one.sampled == 16 and 1 <= len(one.times) <= 4 and list(one.times) == sorted(set(one.times))
        assert [place + 0.5 for place in one.choice.places] == pytest.approx(one.times, abs=0.5)


def test_uniform_shows_every_item_the_same(files, tmp_path):
    _, selections = run(files, tmp_path, "uniform")
    assert {one.choice.places for one in selections.values()} == {uniform(16, 4)}


def test_core_keeps_the_item_s_own_frames(files, tmp_path):
    _, selections = run(files, tmp_path, "core")
    for file in files:
        for item in file.items:
            kept = selections[id_of(item, file.task)].times
            assert len(kept) == len(core_frames_of(item))


def test_likeness_finds_the_toy_s_moments_by_their_captions(files, tmp_path):
    _, selections = run(files, tmp_path, "embedding", captioner=Truth(), embedder=LexicalEmbedder())
    asked = next(file for file in files if file.task == "mcq")
    for item in asked.items:
        wanted = {frame.time for frame in core_frames_of(item)}
        assert wanted <= {round(time * 2) / 2 for time in selections[id_of(item, "mcq")].times}


def test_a_picker_reads_captions_and_no_frame_and_its_reply_is_kept(files, tmp_path):
    picker = Truth("<think>\nred: 3\n</think>\n\n3, 5")
    _, selections = run(files, tmp_path, "picker", captioner=Truth(), picker=picker)
    assert {one.choice.places for one in selections.values()} == {(2, 4)}
    assert {one.reply for one in selections.values()} == {picker.pick}
    assert len(picker.asked) == 8 and all(shown_frames(item) == [] for item in picker.asked)
    assert all("16. " in item.question for item in picker.asked)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        pytest.param(Said("no idea"), "unread", id="a_reply_that_cannot_be_read"),
        pytest.param(Said("none"), "named none", id="a_reply_that_names_none"),
        pytest.param(Said("1, 2", "length"), "unread", id="a_reply_that_was_cut_short"),
    ],
)
def test_evenly_spread_frames_stand_in_for_a_picker_and_are_counted(files, tmp_path, reply, why):
    done, selections = run(files, tmp_path, "picker", captioner=Truth(), picker=Truth(reply))
    assert {(one.choice.places, one.choice.fallback) for one in selections.values()} == {(uniform(16, 4), why)}
    assert done.fallbacks == 8 and json.loads((tmp_path / "out/run.json").read_text())["counts"]["fallbacks"] == 8


def test_a_picker_that_cannot_be_asked_leaves_the_item_out_with_the_reason(files, tmp_path):
    done, selections = run(
        files, tmp_path, "picker", captioner=Truth(), picker=Truth(Said(finish="error", error="no reply"))
    )
    assert not selections and (done.left_out, done.why, done.exit_code) == (8, "no reply", 3)
    rows = [json.loads(line) for line in (tmp_path / "out/left_out.jsonl").read_text().splitlines()]
    assert len(rows) == 8 and {row["reason"] for row in rows} == {"no reply"}


def test_a_video_that_cannot_be_read_and_a_picture_are_left_out_and_the_others_go_on(toy, tmp_path):
    shutil.copytree(toy, tmp_path / "toy")
    (tmp_path / "toy/videos/00001.mp4").write_bytes(b"")
    files = read_folder(tmp_path / "toy/items")
    files[0].items.append(Item("?", "x", image_id="a.png"))
    done, selections = run(files, tmp_path, "uniform")
    assert (len(selections), done.left_out) == (6, 3)
    reasons = [json.loads(line)["reason"] for line in (tmp_path / "out/left_out.jsonl").read_text().splitlines()]
    assert "it is a picture, and has no frames to choose from" in reasons


def test_an_interrupted_run_goes_on_and_asks_for_no_caption_twice(files, tmp_path):
    first = Truth(stop_after=40)  # two groups of two videos of 16 frames
    with pytest.raises(KeyboardInterrupt):
        run(files, tmp_path, "picker", captioner=first, picker=Truth())
    assert len(read_captions(tmp_path / "out/captions.jsonl")) == 2
    second = Truth()
    _, selections = run(files, tmp_path, "picker", captioner=second, picker=Truth())
    assert len(selections) == 8 and len(first.asked) + len(second.asked) == 4 * 16


def test_a_torn_line_is_set_aside_and_chosen_anew(files, tmp_path):
    run(files, tmp_path, "uniform")
    path = tmp_path / "out" / SELECTIONS
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    _, selections = run(files, tmp_path, "uniform")
    assert len(selections) == 8 and sorted(path.read_bytes().splitlines()) == sorted(whole.splitlines())


def test_a_finished_run_asks_nobody(files, tmp_path):
    run(files, tmp_path, "picker", captioner=Truth(), picker=Truth())
    idle = Truth(stop_after=0)
    done, _ = run(files, tmp_path, "picker", captioner=idle, picker=idle)
    assert done.items == 8


def test_another_run_s_folder_is_refused(files, tmp_path):
    run(files, tmp_path, "uniform")
    with pytest.raises(ConfigError, match="other settings"):
        run(files, tmp_path, "uniform", settings={"method": "uniform", "keep": 2})
    with pytest.raises(ConfigError, match="other items"):
        run(files[:1], tmp_path, "uniform")


def test_given_captions_spare_the_captioner(files, toy, tmp_path):
    given = read_captions(toy / "captions.jsonl")
    done, _ = run(files, tmp_path, "embedding", captions=given, embedder=LexicalEmbedder())
    assert done.items == 8


def test_missing_captions_without_a_captioner_are_said(files, toy, tmp_path):
    given = read_captions(toy / "captions.jsonl")
    given.pop("00002.mp4")
    with pytest.raises(ConfigError, match=r"1 videos have no captions, 00002.mp4 the first"):
        run(files, tmp_path, "embedding", captions=given, embedder=LexicalEmbedder())


def test_captions_given_after_that_was_said_go_into_the_same_folder(files, toy, tmp_path):
    with pytest.raises(ConfigError, match=r"4 videos have no captions"):
        run(files, tmp_path, "embedding", settings={"captions": ""}, embedder=LexicalEmbedder())
    given = read_captions(toy / "captions.jsonl")
    done, _ = run(
        files, tmp_path, "embedding", settings={"captions": "hash"}, captions=given, embedder=LexicalEmbedder()
    )
    assert done.items == 8


def test_a_question_asked_twice_and_an_empty_dataset_are_refused(files, tmp_path):
    doubled = replace(files[0], items=[*files[0].items, files[0].items[0]])
    with pytest.raises(DataError, match="asked twice"):
        run([doubled], tmp_path, "uniform")
    with pytest.raises(DemitasseError, match="no item"):
        run([TaskFile([])], tmp_path, "uniform")


def test_the_items_are_written_with_the_frames_that_they_keep(files, tmp_path, tao_daft):
    _, selections = run(files, tmp_path, "random")
    written = read_folder(tmp_path / "out/items")
    assert [file.task for file in written] == [file.task for file in files] and tao_daft(tmp_path / "out/items")
    for file in written:
        for item in file.items:
            assert shown_frames(item) == list(selections[id_of(item, file.task)].times)
            assert file.media_path(item).is_file()


def test_from_the_command_line_choose_score_and_refuse(toy, tmp_path, capsys):
    words = ["select", "frames", "--data", str(toy / "items"), "--keep", "4", "--cache", str(tmp_path / "cache")]
    assert main([*words, "--method", "uniform", "--out", str(tmp_path / "uniform")]) == 0
    assert main([*words, "--method", "core", "--out", str(tmp_path / "core")]) == 0
    told = tmp_path / "scores.json"
    runs = [str(tmp_path / "uniform"), str(tmp_path / "core")]
    assert (
        main(["select", "score", *runs, "--data", str(toy / "items"), "--tolerance", "0.3", "--json", str(told)]) == 0
    )
    uniform_score, core_score = json.loads(told.read_text()).values()
    assert core_score["f1"] == 1.0 > uniform_score["f1"]
    assert "8 items, 4.00 of 16.0 frames kept" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param(["--keep", "0"], "--keep", id="nothing_to_keep"),
        pytest.param([], "needs a --picker", id="the_picker_is_not_named"),
        pytest.param(["--picker", "nowhere", "--captions", "nowhere"], "nowhere", id="captions_that_are_not_there"),
        pytest.param(["--picker", "nowhere"], "nowhere", id="a_student_that_is_not_there"),
        pytest.param(
            ["--picker", "m", "--captioner-url", "http://127.0.0.1:9/v1"], "--captioner", id="an_address_alone"
        ),
        pytest.param(["--method", "uniform", "--data", "nowhere"], "nowhere", id="data_that_are_not_there"),
    ],
)
def test_wrong_arguments_are_said_in_a_sentence(toy, tmp_path, capsys, wrong, said):
    words = ["select", "frames", "--data", str(toy / "items"), "--keep", "4", "--out", str(tmp_path / "out")]
    assert main([*words, "--cache", str(tmp_path / "cache"), *wrong]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("demitasse:") and said in shown


def test_training_data_from_the_command_line(toy, tmp_path, capsys):
    words = ["select", "training", "--data", str(toy / "items"), "--captions", str(toy / "captions.jsonl")]
    assert main([*words, "--out", str(tmp_path), "--captions-per-video", "3"]) == 0
    assert "12 frames to caption, 8 items for the picker" in capsys.readouterr().out
    assert main([*words, "--out", str(tmp_path), "--captions-per-video", "0"]) == 2


def test_places_that_are_written_are_frames_that_are_shown(files, tmp_path):
    """What a picker is taught to write for an item is what showing its core frames shows."""
    _, selections = run(files, tmp_path, "core")
    for one in selections.values():
        assert write_places(one.choice.places) == ", ".join(str(round(time + 0.5)) for time in one.times)


def test_a_dataset_whose_questions_have_no_core_frames_is_left_out_by_core_alone(toy, tmp_path):
    bare = TaskFile([Item("?", "x", "00000.mp4")], "mcq", "x", media_root=str(toy / "videos"))
    write(tmp_path / "bare.json", bare)
    done, _ = run([replace(bare, path=tmp_path / "bare.json")], tmp_path, "core")
    assert done.left_out == 1 and "no core frame" in done.why
