"""How often a step was asked anew: begun, gone on with, left, ended, and in shards."""

from __future__ import annotations

import pytest

from annotate.run.rounds import FILE, begin_round, end_round, merge_rounds, read_rounds, rounds_for
from demitasse.chat.model import Request, Text
from demitasse.errors import DataError


@pytest.fixture
def shard(tmp_path):
    folder = tmp_path / "shards" / "0-of-2"
    folder.mkdir(parents=True)
    return folder


def test_a_folder_that_was_never_asked_again_has_no_rounds(tmp_path):
    begin_round(tmp_path, tmp_path, ())
    assert rounds_for(tmp_path, ()) == {} and not (tmp_path / FILE).exists()


def test_each_round_that_has_ended_is_followed_by_the_next(tmp_path):
    for number in (1, 2):
        assert rounds_for(tmp_path, ["0"]) == {"0": number}
        begin_round(tmp_path, tmp_path, ["0"])
        end_round(tmp_path)
        assert rounds_for(tmp_path, ()) == {"0": number}


def test_a_round_that_has_not_ended_is_gone_on_with_by_the_same_steps_and_left_by_others(tmp_path):
    begin_round(tmp_path, tmp_path, ["0"])
    assert rounds_for(tmp_path, ["0"]) == {"0": 1}
    assert rounds_for(tmp_path, ()) == {"0": 0}
    assert rounds_for(tmp_path, ["0", "1"]) == {"0": 1, "1": 1}
    begin_round(tmp_path, tmp_path, ["0", "1"])
    end_round(tmp_path)
    assert rounds_for(tmp_path, ()) == {"0": 1, "1": 1}


def test_a_shards_round_follows_the_whole_folders_however_often_the_shard_runs(tmp_path, shard):
    for _ in range(2):
        assert rounds_for(tmp_path, ["0"]) == {"0": 1}
        begin_round(tmp_path, shard, ["0"])
    assert not (tmp_path / FILE).exists()
    merge_rounds(tmp_path, [shard], whole=True)
    assert rounds_for(tmp_path, ()) == {"0": 1} and rounds_for(tmp_path, ["0"]) == {"0": 2}


def test_a_round_whose_shards_are_not_all_merged_is_still_under_way(tmp_path, shard):
    begin_round(tmp_path, shard, ["0"])
    merge_rounds(tmp_path, [shard], whole=False)
    assert rounds_for(tmp_path, ["0"]) == {"0": 1} and rounds_for(tmp_path, ()) == {"0": 0}


def test_shards_that_did_not_ask_again_leave_a_round_under_way_as_it_is(tmp_path, shard):
    begin_round(tmp_path, tmp_path, ["0"])
    begin_round(tmp_path, shard, ())
    merge_rounds(tmp_path, [shard], whole=True)
    assert read_rounds(tmp_path).under_way == ["0"]


def test_a_file_that_is_none_is_named(tmp_path):
    (tmp_path / FILE).write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="rounds.json: not the rounds of a run"):
        rounds_for(tmp_path, ())


def test_a_question_put_anew_has_another_key():
    keys = {Request("caption", (Text("What is it?"),), round=number).key("m") for number in (0, 1, 1)}
    assert len(keys) == 2
