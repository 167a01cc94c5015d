"""Shards: who works on what, where, and what is known of them afterwards."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from demitasse.engine.merge import merge_shards, take_stock
from demitasse.engine.outcomes import Summary
from demitasse.engine.shard import Shard, begin_shard, find_shards, read_shard, read_state
from demitasse.errors import ConfigError, DataError

SLURM = {"ID": "2", "COUNT": "4", "MIN": "0", "MAX": "3"}


def array(**changed: str) -> dict[str, str]:
    return {f"SLURM_ARRAY_TASK_{name}": value for name, value in (SLURM | changed).items()}


def test_every_record_is_in_exactly_one_shard_and_none_has_much_more_than_its_share() -> None:
    names = [f"camera {number % 7}/клип {number}.mp4" for number in range(4000)]
    holders = [[index for index in range(8) if Shard(index, 8).holds(name)] for name in names]
    assert all(len(found) == 1 for found in holders)
    assert max(Counter(found[0] for found in holders).values()) < 1.2 * 4000 / 8


def test_a_record_keeps_its_shard_from_machine_to_machine_and_from_year_to_year() -> None:
    assert [name for name in ("a.mp4", "b.mp4", "c.mp4", "d.mp4") if Shard(0, 3).holds(name)] == ["b.mp4", "c.mp4"]


@pytest.mark.parametrize(
    ("text", "environment", "shard"),
    [
        pytest.param("0/4", {}, Shard(0, 4), id="counted_from_0"),
        pytest.param("3/4", {}, Shard(3, 4), id="the_last_one"),
        pytest.param("0/1", {}, Shard(0, 1), id="the_only_one"),
        pytest.param("slurm", array(), Shard(2, 4), id="a_task_of_a_slurm_array"),
    ],
)
def test_a_shard_is_named(text: str, environment: dict[str, str], shard: Shard) -> None:
    assert read_shard(text, environment) == shard


@pytest.mark.parametrize(
    ("text", "environment", "said"),
    [
        pytest.param("4/4", {}, "counted from 0, so the last one of 4 is 3/4", id="counted_from_1"),
        pytest.param("0/0", {}, "at least one", id="of_none"),
        pytest.param("-1/4", {}, "write i/n", id="negative"),
        pytest.param("1", {}, "write i/n", id="without_a_number_of_shards"),
        pytest.param("1 of 4", {}, "write i/n", id="in_words"),
        pytest.param("slurm", {}, "SLURM_ARRAY_TASK_ID is not set", id="slurm_outside_an_array"),
        pytest.param("slurm", array(ID="x"), "no number", id="slurm_with_nonsense"),
        pytest.param("slurm", array(MIN="1", MAX="4"), "from 1 to 4", id="an_array_from_1"),
        pytest.param("slurm", array(ID="3", COUNT="1", MIN="3", MAX="3"), "SLURM_ARRAY_TASK_ID/N", id="one_task_again"),
    ],
)
def test_anything_else_is_refused_with_what_would_be_right(text: str, environment: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        read_shard(text, environment)
    assert said in str(refusal.value)


def run_shard(folder: Path, index: int, count: int, done: int | None, settings: str = "same") -> None:
    state = begin_shard(Shard(index, count), folder, "video", settings)
    if done is not None:
        state.summary = Summary(done=done)
        state.summary.skipped["too long"] = 1
        state.save(Shard(index, count).folder(folder))


def test_a_shards_state_reads_back_as_it_was(tmp_path: Path) -> None:
    run_shard(tmp_path, 0, 2, done=3)
    state = read_state(tmp_path / "shards" / "0-of-2")
    assert state is not None and state.summary is not None
    assert (state.kind, state.settings, state.pure, state.summary.line()) == (
        *("video", "same", True),
        "3 done, 1 skipped (too long: 1)",
    )


def test_another_number_of_shards_is_refused_for_it_would_buy_everything_again(tmp_path: Path) -> None:
    run_shard(tmp_path, 0, 2, done=3)
    with pytest.raises(ConfigError, match="keep to 2"):
        begin_shard(Shard(0, 3), tmp_path, "video", "same")
    assert [shard for _, shard in find_shards(tmp_path)] == [Shard(0, 2)]


@pytest.mark.parametrize(
    ("done", "said"),
    [
        pytest.param({0: 2, 1: 2}, "2/3 never begun", id="one_was_never_begun"),
        pytest.param({0: 2, 1: None, 2: 2}, "1/3 not finished", id="one_is_not_finished"),
        pytest.param({0: 2, 1: 2, 2: 1}, "saw 8 inputs and now there are 9", id="inputs_have_been_added"),
    ],
)
def test_what_is_not_complete_is_not_merged_unless_asked_for(tmp_path: Path, done: dict, said: str) -> None:
    for index, count in done.items():
        run_shard(tmp_path, index, 3, count)
    with pytest.raises(DataError, match=said):
        merge_shards(tmp_path, take_stock(tmp_path), inputs=9)
    summary, _ = merge_shards(tmp_path, take_stock(tmp_path), inputs=9, partial=True)
    assert summary.total + summary.unfinished == 9 and summary.exit_code == 3


def test_shards_of_different_settings_are_never_merged(tmp_path: Path) -> None:
    run_shard(tmp_path, 0, 2, done=3)
    run_shard(tmp_path, 1, 2, done=3, settings="other")
    with pytest.raises(DataError, match=r"0-of-2 .*1-of-2 .*different settings"):
        take_stock(tmp_path)


def test_shards_of_two_runs_are_never_merged(tmp_path: Path) -> None:
    run_shard(tmp_path, 0, 2, done=3)
    (tmp_path / "shards" / "0-of-3").mkdir()
    (tmp_path / "shards" / "0-of-3" / "shard.json").write_text("{}")
    with pytest.raises(DataError, match="remove those that are not meant"):
        take_stock(tmp_path)


def test_an_unfinished_shard_is_doubtful_once_its_settings_have_changed(tmp_path: Path) -> None:
    run_shard(tmp_path, 0, 2, done=3)
    run_shard(tmp_path, 1, 2, done=3, settings="old")
    run_shard(tmp_path, 1, 2, done=None)
    stock = take_stock(tmp_path)
    assert stock.doubtful == stock.unfinished == [Shard(1, 2)]
    name = next(name for name in "abcdef" if Shard(1, 2).holds(name))
    assert not stock.counts(name)
    run_shard(tmp_path, 1, 2, done=3)
    assert take_stock(tmp_path).counts(name), "a run that came to its end has renewed what was stale"


@pytest.mark.parametrize("content", ["", "[]", '{"summary": {"gone": 1}}', '{"kind": "video"}'])
def test_a_state_that_is_damaged_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "shard.json").write_text(content)
    with pytest.raises(DataError, match=r"shard\.json: not the state of a shard"):
        read_state(tmp_path)


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no shards"):
        take_stock(tmp_path)
