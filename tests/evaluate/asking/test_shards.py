"""`predict` in shards: each asks its part, and put together they are the run of one process."""

from __future__ import annotations

import argparse
from pathlib import Path

import orjson
import pytest

from demitasse.chat.model import Capability, Outcome, Reply, Usage
from demitasse.chat.server import ChatServer
from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, write
from demitasse.engine.shard import Shard
from demitasse.errors import ConfigError, DataError
from demitasse.toyworld.render import render
from evaluate.asking.predict import predict
from evaluate.asking.spread import Spread, part_of
from evaluate.asking.spread_arguments import add_spread_arguments, spread_of
from tests.evaluate.asking.slow_student import SlowStudent, small_files

ITEMS, BATCH = 23, 3


@pytest.fixture
def files(tmp_path: Path) -> list[TaskFile]:
    return small_files(tmp_path, ITEMS)


@pytest.fixture
def ask(files, tmp_path):
    def run(out: str, spread: Spread | None = None, batch_size: int = BATCH, **settings: str):
        student = SlowStudent(tmp_path / f"{out}.txt")
        told = {"model": "slow", **settings}
        return predict(student, files, tmp_path / out, "slow", told, batch_size, spread=spread or Spread())

    return run


def heard(path: Path) -> list[str]:
    return [line.split(" ", 1)[1] for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def rows(out: Path) -> list[bytes]:
    return sorted((out / "predictions.jsonl").read_bytes().splitlines())


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9])
def test_shards_put_together_are_the_run_of_one_process(ask, tmp_path, count):
    one = ask("one")
    parts = [ask("many", Spread(shard=Shard(index, count))) for index in range(count)]
    assert sum(part.asked for part in parts) == ITEMS and not (tmp_path / "many" / "run.json").exists()
    merged = ask("many", Spread(merge=True))
    assert (merged.asked, merged.failed, merged.why, merged.exit_code) == (one.asked, 1, "0.mp4: no such file", 3)
    assert rows(tmp_path / "many") == rows(tmp_path / "one")
    for name in ("items.jsonl", "run.json"):
        assert (tmp_path / "many" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert sorted(heard(tmp_path / "many.txt")) == sorted(heard(tmp_path / "one.txt"))


@pytest.mark.parametrize(
    ("after", "said"),
    [
        pytest.param(0.0, ["predict out", "23/23"], id="long_work_tells_how_far_it_is"),
        pytest.param(60.0, [], id="short_work_says_nothing"),
    ],
)
def test_a_log_is_told_how_far_the_questions_are(ask, capsys, monkeypatch, after, said):
    monkeypatch.setattr("evaluate.asking.answering.PROGRESS_AFTER", after)
    monkeypatch.setattr("evaluate.asking.answering.LOG_INTERVAL", 0.0)
    ask("out")
    error = capsys.readouterr().err
    assert all(one in error for one in said) and bool(error) == bool(said)


def test_a_batch_holds_the_same_questions_in_a_shard_as_in_the_whole_run():
    work = list(range(ITEMS))
    batches = {tuple(work[start : start + BATCH]) for start in range(0, ITEMS, BATCH)}
    found = []
    for index in range(4):
        part = part_of(work, BATCH, Shard(index, 4))  # type: ignore[arg-type]
        found += [tuple(part[start : start + BATCH]) for start in range(0, len(part), BATCH)]
    assert len(found) == len(batches) and set(found) == batches


def test_a_shard_that_is_run_again_asks_only_what_failed(ask, tmp_path):
    ask("out", Spread(shard=Shard(0, 2)))
    before = heard(tmp_path / "out.txt")
    (tmp_path / "media" / "0.mp4").write_bytes(b"0")
    again = ask("out", Spread(shard=Shard(0, 2)))
    assert (again.asked, again.found, again.failed) == (1, len(before), 0)
    assert heard(tmp_path / "out.txt")[len(before) :] == ["open_qa 0?"]


def test_what_failed_before_a_merge_is_put_right_by_the_next(ask, tmp_path):
    spreads = [Spread(shard=Shard(index, 2)) for index in range(2)]
    for spread in (*spreads, Spread(merge=True)):
        ask("out", spread)
    (tmp_path / "media" / "0.mp4").write_bytes(b"0")
    assert sum(ask("out", spread).asked for spread in spreads) == 1
    merged = ask("out", Spread(merge=True))
    assert (merged.asked, merged.found, merged.failed, merged.exit_code) == (1, ITEMS - 1, 0, 0)
    whole = ask("out")
    assert (whole.asked, whole.found) == (0, ITEMS), "a merged run is like any other"


def test_shards_that_are_missing_are_named_and_a_partial_merge_counts_them(ask, tmp_path):
    ask("out", Spread(shard=Shard(1, 2)))
    with pytest.raises(DataError, match="of 2 shards 0/2 never begun"):
        ask("out", Spread(merge=True))
    merged = ask("out", Spread(merge=True, partial=True))
    assert (merged.asked, merged.unasked, merged.exit_code) == (11, 12, 3)
    rest = ask("out")
    assert (rest.asked, rest.found, rest.unasked) == (12, 11, 0), "one process goes on from there"


def test_a_whole_run_beside_shards_that_nobody_has_merged_is_refused(ask):
    ask("out", Spread(shard=Shard(0, 2)))
    with pytest.raises(ConfigError, match="has not been merged"):
        ask("out")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        pytest.param({"batch_size": 4}, "other settings, items or --batch-size", id="other_batches"),
        pytest.param({"frames": "blank"}, "other settings, items or --batch-size", id="other_settings"),
    ],
)
def test_shards_are_merged_only_by_the_settings_that_they_were_run_with(ask, other, message):
    for index in range(2):
        ask("out", Spread(shard=Shard(index, 2)))
    with pytest.raises(ConfigError, match=message):
        ask("out", Spread(merge=True), **other)


def test_shards_of_several_settings_are_no_run(ask):
    ask("out", Spread(shard=Shard(0, 2)))
    ask("out", Spread(shard=Shard(1, 2)), frames="blank")
    with pytest.raises(DataError, match="different settings"):
        ask("out", Spread(merge=True))


def test_only_a_shards_own_media_are_read(ask, monkeypatch):
    import evaluate.asking.work as work

    read = []
    monkeypatch.setattr(work, "content_hash", lambda path: read.append(path.name) or "0")
    ask("out", Spread(shard=Shard(0, 2)))
    assert len(read) == len(set(read)) == 11, "of 12; one is not there"


class Echo:
    """Answers with the question."""

    name = "student"
    capability = Capability()

    async def reply(self, request):
        return Reply(Outcome.SUCCESS, request.text, model="s", usage=Usage(1000, 10))

    async def close(self):
        """Nothing to close."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    render(folder / "videos", range(3))
    items = [Item(f"{what}?", "A", video_id=f"{clip:05d}.mp4") for clip in range(3) for what in ("Colour", "Way")]
    file = TaskFile(items, task="open_qa", license="x", media_root="videos", path=folder / "open_qa.json")
    write(file.path, file)
    return file.path


def test_data_merge_puts_an_endpoints_shards_together_and_nothing_was_bought_twice(dataset, tmp_path, capsys):
    with ChatServer(Echo()) as server:

        def run(out: str, *more: str) -> int:
            words = ["--data", str(dataset), "--model", "student", "--endpoint", server.base_url, "--kind", "vllm"]
            return main(["predict", *words, "--out", str(tmp_path / out), "--cache", str(tmp_path / "cache"), *more])

        assert run("one") == 0
        bought = server.counts.requests
        assert [run("many", "--shard", f"{index}/2") for index in range(2)] == [0, 0]
        assert server.counts.requests == 2 * bought
        capsys.readouterr()
        assert main(["data", "merge", str(tmp_path / "many")]) == 0
        assert run("many") == 0
        assert server.counts.requests == 2 * bought
    told = capsys.readouterr().out
    assert "6 items merged, 0 found done" in told and "0 items asked, 6 found done" in told
    assert rows(tmp_path / "many") == rows(tmp_path / "one")
    calls = [
        {row["key"] for row in map(orjson.loads, (tmp_path / out / "calls.jsonl").open("rb"))}
        for out in ("one", "many")
    ]
    assert calls[0] == calls[1]


def test_of_a_budget_a_shard_has_its_part(dataset, tmp_path, capsys):
    prices = tmp_path / "prices.yaml"
    prices.write_text('models:\n  - {match: "openai:loopback/student", input: 1000, output: 1000}\n')
    with ChatServer(Echo()) as server:
        words = ["--data", str(dataset), "--model", "student", "--endpoint", server.base_url, "--kind", "vllm"]
        where = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"), "--shard", "0/2"]
        money = ["--prices", str(prices), "--concurrency", "1", "--max-new-tokens", "16", "--budget-usd", "3"]
        code = main(["predict", *words, *where, *money])
    told = "".join(capsys.readouterr())
    assert code == 3 and "the budget of $1.50 is used up" in told and "are left" in told


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param("--shard 0/2 --merge", "--shard and --merge are different ways", id="a_shard_that_merges"),
        pytest.param("--shard 0/2 --executor ray", "different ways to run", id="a_shard_on_a_cluster"),
        pytest.param("--ray-workers 2", "give --executor ray", id="workers_of_no_cluster"),
        pytest.param("--executor ray --ray-workers 0", "must be 1 or more", id="no_workers"),
        pytest.param("--executor ray --ray-gpus -1", "must be 0 or more", id="less_than_no_gpu"),
        pytest.param("--partial", "--merge was not given", id="partial_alone"),
        pytest.param("--shard 2/2", "the last one of 2 is 1/2", id="a_shard_too_many"),
        pytest.param("--shard 0/2 --repeats 3", "a run of its own", id="repeats_in_shards"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(words, message):
    parser = argparse.ArgumentParser()
    add_spread_arguments(parser.add_argument_group())
    parser.add_argument("--repeats", type=int)
    with pytest.raises(ConfigError, match=message):
        spread_of(parser.parse_args(words.split()))


def test_the_cluster_that_the_arguments_name():
    parser = argparse.ArgumentParser()
    add_spread_arguments(parser.add_argument_group())
    parser.set_defaults(repeats=None)
    cluster = spread_of(
        parser.parse_args(["--executor", "ray", "--ray-address", "auto", "--ray-workers", "8", "--ray-gpus", "1"])
    ).cluster
    assert cluster is not None
    assert (cluster.address, cluster.workers, cluster.cpus_per_worker, cluster.gpus_per_worker) == ("auto", 8, 1, 1)


def test_what_the_workers_of_a_killed_run_have_left_is_taken_over(ask, tmp_path):
    ask("out")
    left = tmp_path / "out" / "shards" / "ray-0"
    left.mkdir(parents=True)
    (tmp_path / "out" / "predictions.jsonl").rename(left / "predictions.jsonl")
    again = ask("out")
    assert (again.asked, again.found) == (1, ITEMS - 1), "only what had failed"
    assert not left.exists()
