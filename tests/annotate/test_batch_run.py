"""Runs in batch jobs: the same data for half the price, and nothing bought twice after an end without warning."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from annotate.quality.config import read_quality
from annotate.quality.pipeline import filter_items
from annotate.video_reasoning.assemble import FOLDER
from annotate.video_reasoning.config import Spec
from annotate.video_reasoning.pipeline import Annotated, run_of
from demitasse.chat.batch_server import BatchFaults
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.dataset import read_folder
from demitasse.engine.batch import BatchTimes
from demitasse.engine.batch_log import BATCHES
from demitasse.engine.budget import ATTEMPTS
from demitasse.engine.journal import read_rows
from demitasse.errors import ConfigError

pytestmark = pytest.mark.network
SECTION = "video_reasoning_annotation"
VIDEOS = 3
IN_BATCHES = ("vlm.batch=true", "llm.batch=true", "vlm.batch_wait=0.3", "llm.batch_wait=0.3")
ONE_WAVE = ("workflow.steps=[1a]", "workflow.mode=normal")  # two requests a video, all at once


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(ScriptedModel()) as served:
        yield served


@pytest.fixture
def words(desk, server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Arguments of the command, for a few videos, dear models and a results folder."""
    from demitasse.toyworld.render import render_clip

    monkeypatch.setattr("annotate.endpoints.BatchTimes", partial(BatchTimes, first_look=0.05, longest_look=0.1))
    for number in range(VIDEOS):
        render_clip(desk.videos / f"{number}.mp4", number)
    prices = tmp_path / "prices.yaml"
    prices.write_text('models: [{match: "openai:loopback/*", input: 100, output: 400}]')
    endpoints = [
        f"{name}.{key}"
        for name in ("vlm", "llm")
        for key in ("backend=openai", f"openai.base_url={server.base_url}", f"openai.model_name={name}")
    ]
    given = [*endpoints, "license=CC0-1.0", f"data.video_root={desk.videos}", f"prices={prices}"]

    def make(out: Path, *overrides: str) -> list[str]:
        return [f"results_dir={out}", *(f"{SECTION}.{text}" for text in (*given, *overrides))]

    return make


@pytest.fixture
def run(desk, words: Callable[..., list[str]]) -> Callable[..., Annotated]:
    return lambda out, *overrides: annotate_here(desk, words(out, *overrides))


def annotate_here(desk, arguments: list[str]) -> Annotated:
    return run_of(Spec.read(None, arguments)).annotate(progress=False, pool=desk.pool)


def cost(out: Path) -> float:
    return sum(row["cost"] for row in read_rows(out / "calls.jsonl"))


def test_a_run_in_batches_writes_the_same_files_for_half_the_price(run, server: ChatServer, tmp_path: Path) -> None:
    at_once, batched = tmp_path / "at_once", tmp_path / "batched"
    assert run(at_once).exit_code == 0
    asked = server.counts.requests
    assert run(batched, *IN_BATCHES).exit_code == 0
    assert server.counts.requests == asked, "something was asked outside of the jobs"
    assert sum(len(job.keys) for job in server.desk.jobs) == asked
    files = sorted(path.name for path in (at_once / FOLDER).iterdir())
    assert len(files) == 10
    for name in files:
        assert (batched / FOLDER / name).read_bytes() == (at_once / FOLDER / name).read_bytes()
    assert cost(batched) == pytest.approx(cost(at_once) / 2)


def test_what_was_answered_in_batches_is_not_bought_again_at_once(run, server: ChatServer, tmp_path: Path) -> None:
    run(tmp_path / "out", *IN_BATCHES, *ONE_WAVE)
    run(tmp_path / "out", *ONE_WAVE)
    assert server.counts.requests == 0


def start_and_end(arguments: list[str], out: Path, server: ChatServer, signals: list[int]) -> tuple[int, str]:
    """The real command, ended while it waits for its job; returns its exit code and what it said."""
    server.desk.faults = BatchFaults(delay=600)
    command = [Path(sys.executable).with_name("demitasse"), "annotate", "video", "--quiet", *arguments]
    said = out.with_name("said.txt")
    with said.open("w") as file:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file)
    try:
        wait_for(lambda: (out / BATCHES).exists() and b'"running"' in (out / BATCHES).read_bytes(), process, said)
        for number in signals[:-1]:
            process.send_signal(number)
            wait_for(lambda: "Ctrl-C again ends at once" in said.read_text(), process, said)
        process.send_signal(signals[-1])
        process.wait(300)
    finally:
        process.kill()
        process.wait()
    server.desk.faults = BatchFaults()
    return process.returncode, said.read_text()


def wait_for(condition: Callable[[], bool], process: subprocess.Popen, said: Path) -> None:
    until = time.monotonic() + 300
    while not condition():
        assert process.poll() is None and time.monotonic() < until, f"it never came to that: {said.read_text()}"
        time.sleep(0.05)


@pytest.mark.parametrize(
    "signals, code",
    [
        pytest.param([signal.SIGKILL], -signal.SIGKILL, id="killed_without_warning"),
        pytest.param([signal.SIGINT, signal.SIGINT], 130, id="interrupted_twice"),
    ],
)
def test_a_run_that_ends_while_it_waits_finds_its_job_again(
    run, words, server: ChatServer, tmp_path: Path, signals: list[int], code: int
) -> None:
    out, settings = tmp_path / "out", (*IN_BATCHES, *ONE_WAVE, "budget_usd=100")
    ended, said = start_and_end(words(out, *settings), out, server, signals)
    assert ended == code
    assert code != 130 or "run again and the results are read" in said
    assert run(out, *settings).exit_code == 0
    assert [len(job.keys) for job in server.desk.jobs] == [2 * VIDEOS], "something was sent twice"
    assert len(list(read_rows(out / "calls.jsonl"))) == 2 * VIDEOS
    assert not (out / ATTEMPTS).exists(), "what was only waited for counts as spent"


def test_what_a_job_lacks_goes_into_the_next_and_the_record_is_done(run, server: ChatServer, tmp_path: Path) -> None:
    server.desk.faults = BatchFaults(missing=1, repeated=2, reversed=True)
    assert run(tmp_path / "out", *IN_BATCHES, *ONE_WAVE).exit_code == 0
    first, second = server.desk.jobs
    assert second.keys == first.keys[:1]


@pytest.mark.parametrize(
    "overrides, told",
    [
        pytest.param(["executor=ray", "vlm.batch=true", "llm.batch=true"], "needs no cluster", id="no_ray"),
        pytest.param(["vlm.batch=true", "vlm.requests_per_minute=9"], "one by one", id="no_limits_per_minute"),
        pytest.param(["vlm.batch=true", "vlm.backend=scripted"], "has no batch jobs", id="no_stand_in"),
        pytest.param(["vlm.batch=true", "llm.openai.model_name=vlm"], "the same model", id="one_model_one_way"),
        pytest.param(["vlm.batch=true", "vlm.batch_requests=0"], "batch_requests", id="no_empty_jobs"),
    ],
)
def test_settings_that_make_no_sense_are_refused(words, tmp_path: Path, overrides: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Spec.read(None, words(tmp_path / "out", *overrides))


def test_the_quality_filters_ask_in_batches_too(run, desk, server: ChatServer, tmp_path: Path) -> None:
    run(tmp_path / "out", "workflow.qa_types=[mcq]")
    prices = tmp_path / "prices.yaml"
    words = [f"llm.{text}" for text in ("backend=openai", f"openai.base_url={server.base_url}", "openai.model_name=m")]
    words += ["filters=[blind]", f"prices={prices}"]
    kept, costs = [], []
    for name, more in (("at_once", []), ("batched", ["llm.batch=true", "llm.batch_wait=0.3"])):
        config = read_quality(None, [*words, *more])
        filtered = filter_items(
            read_folder(tmp_path / "out" / FOLDER), config, tmp_path / name, progress=False, pool=desk.pool
        )
        kept.append([entry.id for entry in filtered.entries])
        costs.append(cost(next((tmp_path / name).rglob("calls.jsonl")).parent))
    assert server.desk.jobs and kept[0] == kept[1]
    assert costs[1] == pytest.approx(costs[0] / 2)
