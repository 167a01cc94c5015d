"""Batch jobs through the real clients, against stand-ins whose results are late, in disorder, doubled or missing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from demitasse.chat.batch import BatchError
from demitasse.chat.batch_openai import OpenAIBatches
from demitasse.chat.batch_server import BatchFaults
from demitasse.chat.gemini_server import GeminiServer
from demitasse.chat.kinds import GEMINI
from demitasse.chat.model import Image, Outcome, Reply, Request, Sampling, Text, Turn, Usage, Video
from demitasse.chat.openai import OpenAIChat
from demitasse.chat.server import ChatServer
from demitasse.engine import batch
from demitasse.engine.batch import Batched, BatchTimes
from demitasse.engine.batch_log import BATCHES, BatchLog
from demitasse.engine.caller import Answer, open_caller
from demitasse.engine.journal import read_rows
from demitasse.engine.limits import Limits
from demitasse.engine.step import Quarantine, Stop
from demitasse.toyworld.render import render_clip

KEY = "sk-a-canary-in-a-coal-mine"
TIMES = BatchTimes(quiet=0.2, first_look=0.02, longest_look=0.05)
QUICK = Limits(concurrency=64, first_wait=0.0)
KINDS = ("openai", "gemini")


class Line:
    """A server, and how to open a model on it, again and again like runs do."""

    def __init__(self, kind: str, server: ChatServer | GeminiServer, folder: Path) -> None:
        self.kind, self.server, self.folder = kind, server, folder
        self.told: list[str] = []

    @property
    def jobs(self) -> list[int]:
        """How many requests each job had."""
        return [len(job.keys) for job in self.server.desk.jobs]

    def open(self, size: int = 100, times: BatchTimes = TIMES) -> Batched:
        log = BatchLog(self.folder)
        if self.kind == "openai":
            endpoint: object = OpenAIBatches(OpenAIChat("m", self.server.base_url))
        else:
            from demitasse.chat.batch_gemini import GeminiBatches
            from demitasse.chat.gemini import GeminiChat

            endpoint = GeminiBatches(GeminiChat("m", self.server.base_url))
        return Batched(endpoint, log, size, times, self.told.append)  # type: ignore[arg-type]

    def ask(self, requests: Sequence[Request], **settings: int | BatchTimes) -> list[Answer[str] | Exception]:
        """One run of the engine's caller over the requests."""

        async def all_of_them() -> list[Answer[str] | Exception]:
            model = self.open(**settings)  # type: ignore[arg-type]
            try:
                with open_caller(self.folder, QUICK) as caller:
                    asked = (caller.ask(model, request, str) for request in requests)
                    return await asyncio.gather(*asked, return_exceptions=True)  # type: ignore[return-value]
            finally:
                await model.close()

        return asyncio.run(all_of_them())


@pytest.fixture(params=KINDS)
def line(request: pytest.FixtureRequest, tmp_path: Path, speaker: type, monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    model = speaker(lambda asked: f"about {asked.text}")
    server = (ChatServer if request.param == "openai" else GeminiServer)(model, api_key=KEY)
    with server:
        yield Line(request.param, server, tmp_path)


def questions(count: int) -> list[Request]:
    return [Request("greet", (Text(f"question {number}"),)) for number in range(count)]


def texts(answers: Sequence[Answer[str] | Exception]) -> list[str]:
    return [answer.value if isinstance(answer, Answer) else repr(answer) for answer in answers]


def right(count: int) -> list[str]:
    return [f"about question {number}" for number in range(count)]


def test_requests_that_come_together_are_one_job(line: Line) -> None:
    assert texts(line.ask(questions(7))) == right(7)
    assert line.jobs == [7]
    assert not line.server.counts.requests, "something was asked outside of the job"


def test_a_full_job_is_sent_at_once_and_the_rest_goes_in_another(line: Line) -> None:
    assert texts(line.ask(questions(7), size=3)) == right(7)
    assert sum(line.jobs) == 7 and len(line.jobs) >= 3 and max(line.jobs) == 3


@pytest.mark.parametrize(
    "faults, jobs",
    [
        pytest.param(BatchFaults(reversed=True), [6], id="results_out_of_order_reach_their_own_requests"),
        pytest.param(BatchFaults(repeated=3), [6], id="an_answer_counts_and_not_the_error_after_it"),
        pytest.param(BatchFaults(repeated=3, reversed=True), [6], id="an_answer_counts_and_not_the_error_before_it"),
        pytest.param(BatchFaults(missing=2, reversed=True), [6, 2], id="what_is_missing_and_only_that_is_sent_again"),
        pytest.param(BatchFaults(broken=2), [6, 2], id="what_failed_and_only_that_is_sent_again"),
        pytest.param(BatchFaults(expire_after=4), [6, 2], id="of_an_expired_job_the_rest_and_only_that_is_sent_again"),
        pytest.param(BatchFaults(missing=1, broken=1, repeated=2, expire_after=3), [6, 3], id="all_at_once"),
        pytest.param(BatchFaults(delay=0.4), [6], id="a_late_job_is_waited_for"),
    ],
)
def test_results_belong_to_their_keys(line: Line, faults: BatchFaults, jobs: list[int]) -> None:
    line.server.desk.faults = faults
    assert texts(line.ask(questions(6))) == right(6)
    assert line.jobs == jobs
    assert len(list(read_rows(line.folder / "calls.jsonl"))) == 6


def test_a_missing_request_is_the_one_that_is_sent_again(line: Line) -> None:
    line.server.desk.faults = BatchFaults(missing=1)
    line.ask(questions(4))
    first, second = line.server.desk.jobs
    assert second.keys == first.keys[:1]


def test_the_body_is_the_one_that_is_sent_when_asking_at_once(line: Line) -> None:
    request = Request(
        "anomaly mcq",
        (Text("t=1.50 s"), Image(b"\xff\xd8 a picture", "image/jpeg", 1.5), Text("Wähle.")),
        "Be brief.",
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        Sampling(0.3, 99, 0.9, 7),
        (Turn("{", "mend it"),),
    )

    async def both() -> None:
        model = line.open()
        await model.reply(request)
        await model._endpoint.chat.reply(request)
        await model.close()

    asyncio.run(both())
    first, second = line.server.model.heard  # type: ignore[attr-defined]
    assert first == second
    assert first.parts == request.parts and first.turns == request.turns and first.sampling == request.sampling


@pytest.mark.parametrize(
    "said, outcome",
    [
        pytest.param(Reply(Outcome.TRUNCATED, "half a"), Outcome.TRUNCATED, id="truncated"),
        pytest.param(Reply(Outcome.BLOCKED), Outcome.BLOCKED, id="blocked"),
        pytest.param(Reply(Outcome.ERROR, error="no such thing", status=400), Outcome.ERROR, id="error"),
        pytest.param(Reply(Outcome.SUCCESS, "yes", usage=Usage(70, 9)), Outcome.SUCCESS, id="success"),
    ],
)
def test_a_line_is_read_as_the_reply_would_be(line: Line, said: Reply, outcome: Outcome) -> None:
    line.server.model.say = lambda _: said  # type: ignore[attr-defined]

    async def both() -> tuple[Reply, Reply]:
        model = line.open()
        found = await model.reply(questions(1)[0]), await model._endpoint.chat.reply(questions(1)[0])
        await model.close()
        return found

    batched, at_once = asyncio.run(both())
    assert batched.outcome is outcome
    told = [(r.outcome, r.text, r.usage, r.status, r.retryable, r.model, r.finish_reason) for r in (batched, at_once)]
    assert told[0] == told[1]


def test_outcomes_of_one_job_go_their_own_ways_and_re_asks_share_the_next(line: Line) -> None:
    def say(request: Request) -> Reply:
        number = int(request.text.split()[-1])
        if number == 0:
            return Reply(Outcome.BLOCKED)
        if number == 1 and request.sampling.max_tokens < 5000:
            return Reply(Outcome.TRUNCATED, "half")
        if number == 2 and not request.turns:
            return Reply(Outcome.SUCCESS, "")
        return Reply(Outcome.SUCCESS, f"about {request.text}")

    line.server.model.say = say  # type: ignore[attr-defined]
    answers = line.ask(questions(4))
    assert isinstance(answers[0], Quarantine) and "blocked" in str(answers[0])
    assert texts(answers[1:2] + answers[3:]) == ["about question 1", "about question 3"]
    assert line.jobs[0] == 4 and line.jobs[1] in (1, 2)


def test_a_wrong_key_stops_the_run(line: Line) -> None:
    line.server.api_key = "another one"
    answers = line.ask(questions(3))
    assert any(isinstance(answer, Stop) for answer in answers)
    assert not any(KEY in str(told) for told in (*answers, *line.told)), "the key was told"
    assert KEY not in (line.folder / BATCHES).read_text()


def test_a_finished_run_asks_nothing_again(line: Line) -> None:
    line.ask(questions(3))
    assert texts(line.ask(questions(3))) == right(3)
    assert line.jobs == [3]


def stop_while_waiting(line: Line, requests: Sequence[Request], jobs: int = 1) -> None:
    """A run that is cut off as soon as so many jobs are there."""

    async def cut_off() -> None:
        model = line.open()
        with open_caller(line.folder, QUICK) as caller:
            tasks = [asyncio.create_task(caller.ask(model, request, str)) for request in requests]
            while not any("sent," in told for told in line.told):
                await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await model.close()

    asyncio.run(cut_off())
    assert len(line.jobs) == jobs


def test_a_run_that_is_interrupted_says_so_and_the_next_reads_its_job(line: Line) -> None:
    line.server.desk.faults = BatchFaults(delay=60)
    stop_while_waiting(line, questions(5))
    assert "not waited for" in line.told[-1] and "bought twice" in line.told[-1]
    line.server.desk.faults = BatchFaults()
    assert texts(line.ask(questions(6))) == right(6)
    assert line.jobs == [5, 1], "only the sixth is new"


def test_a_job_that_ended_meanwhile_is_read_too_and_what_it_lacks_is_sent_again(line: Line) -> None:
    line.server.desk.faults = BatchFaults(delay=0.3, missing=2)
    stop_while_waiting(line, questions(5))
    while line.server.desk.jobs[0].state == "running":
        pass
    assert texts(line.ask(questions(5))) == right(5)
    assert line.jobs == [5, 2]


def test_a_job_whose_creation_was_never_noted_is_found_by_its_token(line: Line) -> None:
    """Killed between the job's creation and the row that says so."""
    line.server.desk.faults = BatchFaults(delay=60)
    stop_while_waiting(line, questions(3))
    log = line.folder / BATCHES
    rows = log.read_bytes().splitlines(keepends=True)
    assert b'"sending"' in rows[0] and b'"running"' in rows[1]
    log.write_bytes(rows[0])
    line.server.desk.faults = BatchFaults()
    assert texts(line.ask(questions(3))) == right(3)
    assert line.jobs == [3]


def test_a_job_that_never_arrived_is_sent(line: Line) -> None:
    line.server.desk.faults = BatchFaults(delay=60)
    stop_while_waiting(line, questions(3))
    log = line.folder / BATCHES
    log.write_bytes(log.read_bytes().splitlines(keepends=True)[0])
    line.server.desk.jobs.clear()
    line.server.desk.faults = BatchFaults()
    assert texts(line.ask(questions(3))) == right(3)
    assert line.jobs == [3]


def test_replies_that_were_read_but_not_kept_are_read_again(line: Line) -> None:
    line.ask(questions(3))
    (line.folder / "calls.jsonl").unlink()
    assert texts(line.ask(questions(3))) == right(3)
    assert line.jobs == [3]


def test_an_error_that_an_earlier_runs_job_brought_as_an_answer_is_asked_about_anew(line: Line) -> None:
    if line.kind == "gemini":
        pytest.skip("there is no answer that says it was broken off")
    line.server.model.say = lambda _: Reply(Outcome.SUCCESS, "ha", finish_reason="abort")  # type: ignore[attr-defined]
    line.server.desk.faults = BatchFaults(delay=0.2)
    stop_while_waiting(line, questions(2))
    while line.server.desk.jobs[0].state == "running":
        pass
    line.server.model.say = lambda asked: f"about {asked.text}"  # type: ignore[attr-defined]
    assert texts(line.ask(questions(2))) == right(2)
    assert line.jobs == [2, 2]


def test_a_job_that_is_not_over_in_time_is_cancelled_and_what_it_has_is_taken(line: Line) -> None:
    line.server.desk.faults = BatchFaults(delay=60)
    times = BatchTimes(quiet=0.05, first_look=0.02, longest_look=0.05, patience=0.3)

    async def release() -> list[str]:
        model = line.open(times=times)
        asked = [asyncio.create_task(model.reply(request)) for request in questions(2)]
        while not line.jobs or line.server.desk.jobs[0].state == "running":
            await asyncio.sleep(0.02)
        replies = await asyncio.gather(*asked)
        await model.close()
        return [f"{reply.outcome} {reply.retryable}" for reply in replies]

    assert asyncio.run(release()) == ["error True"] * 2
    assert line.server.desk.jobs[0].state == "cancelled"


def test_the_input_files_do_not_stay_at_the_endpoint(line: Line) -> None:
    line.ask(questions(2))
    if line.kind == "openai":
        assert set(line.server._batches.files) == {"file-out-1"}  # type: ignore[union-attr]
    else:
        assert not line.server.files  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "hours, again",
    [
        pytest.param(20, True, id="what_would_expire_before_the_job_is_uploaded_again"),
        pytest.param(30, False, id="what_will_outlive_it_is_not"),
    ],
)
def test_videos_of_a_job_are_files_that_outlive_it(speaker: type, tmp_path: Path, hours: int, again: bool) -> None:
    """A file with 20 hours left will do for a request that is answered at once, not for a job of a day."""
    from demitasse.chat.batch_gemini import GeminiBatches
    from demitasse.chat.gemini import GeminiChat

    clip = Video(render_clip(tmp_path / "clip.mp4", 0).read_bytes(), "video/mp4", 2.0)
    watched = [Request("watch", (clip, Text(text))) for text in ("What?", "Why?")]

    async def ask(server: GeminiServer) -> tuple[list[Reply], set[str]]:
        chat = GeminiChat("m", server.base_url, capability=replace(GEMINI, max_inline_bytes=100))
        await chat.reply(watched[0])
        assert server.uploads == 1
        chat.uploads._known.clear()
        model = Batched(GeminiBatches(chat), BatchLog(tmp_path), 100, TIMES, print)
        replies = await asyncio.gather(*map(model.reply, watched))
        await model.close()
        return replies, {file.mime for file in server.files.values()}

    with GeminiServer(speaker(lambda request: f"{len(request.parts[0].data)}"), life=timedelta(hours=hours)) as server:
        replies, kept = asyncio.run(ask(server))
        videos = server.uploads - 2  # the first one, and the file of requests
    assert [reply.text for reply in replies] == [str(len(clip.data))] * 2
    assert (videos > 0) == again and kept == {"video/mp4"}


def test_what_is_too_large_for_one_file_goes_in_several(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "BATCH_BYTES", 5 * 2**20)
    pictures = [Request("look", (Image(bytes(2**20), "image/png"), Text(f"question {n}"))) for n in range(7)]
    assert texts(line.ask(pictures)) == right(7)
    assert sum(line.jobs) == 7 and len(line.jobs) >= 3 and max(line.jobs) == 3


def test_a_queue_that_is_full_is_waited_for(line: Line) -> None:
    if line.kind == "gemini":
        pytest.skip("Gemini turns the job away instead")
    line.server.desk.faults = BatchFaults(full=True)
    assert texts(line.ask(questions(3))) == right(3)
    assert line.jobs == [3, 3]
    assert any("has to wait for others" in told for told in line.told)


def test_a_job_that_is_turned_away_for_now_is_sent_again_without_a_failed_attempt(line: Line) -> None:
    turned_away = []

    async def throttled(token: str, requests: object) -> str:
        if len(turned_away) < 8:
            turned_away.append(token)
            raise BatchError(Reply(Outcome.ERROR, error="later", retryable=True, status=429))
        return await submit(token, requests)  # type: ignore[arg-type]

    async def ask() -> Reply:
        nonlocal submit
        model = line.open()
        submit = model._endpoint.submit
        model._endpoint.submit = throttled  # type: ignore[method-assign]
        try:
            return await model.reply(questions(1)[0])
        finally:
            await model.close()

    submit: object = None
    assert asyncio.run(ask()).text == "about question 0"
    assert len(turned_away) == 8


def test_a_job_the_endpoint_has_lost_is_sent_again(line: Line) -> None:
    line.server.desk.faults = BatchFaults(delay=60)
    stop_while_waiting(line, questions(2))
    line.server.desk.jobs.clear()
    line.server.desk.faults = BatchFaults()
    assert texts(line.ask(questions(2))) == right(2)
    assert line.jobs == [2]


def test_a_log_names_jobs_and_keys_and_nothing_that_was_asked(line: Line) -> None:
    line.ask(questions(2))
    rows = list(read_rows(line.folder / BATCHES))
    assert [row["state"] for row in rows] == ["sending", "running", "over"]
    assert set(rows[-1]) == {"batch", "asked", "job", "state", "began", "time", "keys"}
    assert rows[-1]["job"] and rows[-1]["asked"] == f"{line.kind}:loopback/m"
    assert b"question" not in (line.folder / BATCHES).read_bytes()
