"""The runner: order without barriers, isolation of failures, resuming, stopping."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from demitasse.engine.caller import open_caller, provenance
from demitasse.engine.journal import read_rows
from demitasse.engine.outcomes import State, Summary
from demitasse.engine.runner import Finished, run
from demitasse.engine.step import Fields, Quarantine, Record, Skip, Step, Stop
from demitasse.errors import ConfigError, DataError, DemitasseError, MediaError


def records(*names: str) -> list[Record]:
    return [Record(name, {"name": name}) for name in names]


def step(name: str, work: Callable[[Fields], Awaitable[Fields]] | None = None, **settings: Any) -> Step:
    async def nothing(_: Fields) -> Fields:
        return {name: f"made by {name}"}

    defaults: dict[str, Any] = {"file": f"{name}.jsonl", "version": 1, "inputs": lambda _: None}
    return Step(name=name, run=work or nothing, **(defaults | settings))


def raising(error: BaseException, only: str = "") -> Callable[[Fields], Awaitable[Fields]]:
    async def work(fields: Fields) -> Fields:
        if only in ("", fields["name"]):
            raise error
        return {}

    return work


def rows(path: Path) -> list[dict[str, Any]]:
    return list(read_rows(path)) if path.exists() else []


def test_a_row_carries_its_record_its_fields_and_its_key(tmp_path: Path) -> None:
    async def work(_: Fields) -> Fields:
        return {"caption": "a cat", "provenance": {"asked": ["teacher"], "time": "then"}}

    run(records("a/1.mp4"), [step("1", work, part="global")], tmp_path)
    (row,) = rows(tmp_path / "1.jsonl")
    told = row.pop("provenance")
    assert list(row.items()) == [("video", "a/1.mp4"), ("caption", "a cat")]
    assert len(told.pop("key")) == 32
    assert told == {"step": "1", "part": "global", "version": 1, "asked": ["teacher"], "time": "then"}


def test_a_step_may_put_the_record_where_it_likes_but_not_rename_it(tmp_path: Path) -> None:
    async def work(_: Fields) -> Fields:
        return {"video_path": "x", "video": "mistaken"}

    run(records("a"), [step("1", work)], tmp_path)
    (row,) = rows(tmp_path / "1.jsonl")
    assert list(row)[:2] == ["video_path", "video"]
    assert row["video"] == "a"


def test_a_later_step_of_one_record_starts_before_an_earlier_step_of_another_is_done(tmp_path: Path) -> None:
    events: list[str] = []
    fast_is_through = asyncio.Event()

    async def first(fields: Fields) -> Fields:
        if fields["name"] == "slow":
            await asyncio.wait_for(fast_is_through.wait(), 60)
        events.append(f"first {fields['name']}")
        return {}

    async def second(fields: Fields) -> Fields:
        events.append(f"second {fields['name']}")
        fast_is_through.set()
        return {}

    run(records("slow", "fast"), [step("first", first), step("second", second, after=("first",))], tmp_path)
    assert events == ["first fast", "second fast", "first slow", "second slow"]


def test_independent_steps_of_a_record_run_side_by_side(tmp_path: Path) -> None:
    meeting = asyncio.Barrier(3)

    async def work(_: Fields) -> Fields:
        async with asyncio.timeout(60):
            await meeting.wait()
        return {}

    assert run(records("a"), [step(name, work) for name in "123"], tmp_path).done == 1


def test_a_step_sees_the_fields_of_the_steps_before_it_and_no_others(tmp_path: Path) -> None:
    seen: dict[str, set[str]] = {}

    def watch(name: str) -> Callable[[Fields], Awaitable[Fields]]:
        async def work(fields: Fields) -> Fields:
            seen[name] = set(fields)
            return {name: 1}

        return work

    steps = [
        step("a", watch("a")),
        step("b", watch("b"), after=("a",)),
        step("unrelated", watch("unrelated")),
        step("kept_apart", watch("kept_apart"), after=("a",), merge=False),
        step("c", watch("c"), after=("b", "kept_apart")),
    ]
    run(records("x"), steps, tmp_path)
    assert seen["b"] == {"name", "video", "a"}
    assert seen["c"] == {"name", "video", "a", "b"}


def test_a_step_that_is_not_wanted_leaves_no_row_and_stops_nobody(tmp_path: Path) -> None:
    steps = [step("a", wanted=lambda _: False), step("b", after=("a",))]
    assert run(records("x"), steps, tmp_path).done == 1
    assert (len(rows(tmp_path / "a.jsonl")), len(rows(tmp_path / "b.jsonl"))) == (0, 1)


def test_a_second_run_does_nothing_twice_and_sees_the_same_fields(tmp_path: Path) -> None:
    seen: list[Any] = []

    async def first(_: Fields) -> Fields:
        return {"box": (0.1, 0.2), "score": float("nan"), "names": {"a": 1}}

    async def second(fields: Fields) -> Fields:
        seen.append({key: fields[key] for key in ("box", "score", "names")})
        return {}

    for version in (1, 2):
        steps = [step("first", first), step("second", second, after=("first",), version=version)]
        run(records("x"), steps, tmp_path)
    assert len(rows(tmp_path / "first.jsonl")) == 1
    assert seen == [{"box": [0.1, 0.2], "score": None, "names": {"a": 1}}] * 2


def test_changed_inputs_make_a_row_stale_and_the_new_one_wins(tmp_path: Path) -> None:
    def steps(prompt: str) -> list[Step]:
        async def work(_: Fields) -> Fields:
            return {"said": prompt}

        return [step("1", work, inputs=lambda _: {"prompt": prompt})]

    ended: list[Finished] = []
    summaries = [
        run(records("a", "b"), steps(prompt), tmp_path, on_finished=ended.append) for prompt in ("old", "new", "new")
    ]
    assert [summary.stale for summary in summaries] == [0, 2, 0]
    assert [end.rows["1"]["said"] for end in ended] == ["old"] * 2 + ["new"] * 4


def test_a_stale_row_is_not_handed_on_when_making_it_again_fails(tmp_path: Path) -> None:
    run(records("a"), [step("1")], tmp_path)
    ended: list[Finished] = []
    broken = step("1", raising(Quarantine("no luck")), version=2)
    summary = run(records("a"), [broken], tmp_path, on_finished=ended.append)
    assert (summary.stale, summary.quarantined) == (1, 1)
    assert ended == [Finished(records("a")[0], {}, State.QUARANTINED, "no luck")]


def test_steps_may_share_a_file_by_parts(tmp_path: Path) -> None:
    steps = [step(f"qa/{kind}", file="qa.jsonl", part=kind, merge=False) for kind in ("mcq", "bcq")]
    for _ in range(2):
        run(records("a"), steps, tmp_path)
    assert sorted(row["provenance"]["part"] for row in rows(tmp_path / "qa.jsonl")) == ["bcq", "mcq"]


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        pytest.param(Skip("too long"), "skipped", "too long", id="skipped_with_its_reason"),
        pytest.param(Quarantine("no reply"), "quarantined", "no reply", id="quarantined_with_its_reason"),
        pytest.param(MediaError("x.mp4", "truncated"), "quarantined", "truncated", id="media_reasons_are_short"),
        pytest.param(KeyError("mode"), "quarantined", "KeyError: 'mode'", id="a_defect_is_named_by_its_type"),
        pytest.param(
            asyncio.CancelledError(), "quarantined", "RuntimeError: the step cancelled itself", id="cancelled"
        ),
        pytest.param(TypeError("a\nb"), "quarantined", "TypeError: a b", id="a_reason_is_one_line"),
    ],
)
def test_one_bad_record_never_stops_the_others(tmp_path: Path, error: BaseException, state: str, reason: str) -> None:
    steps = [step("1", raising(error, only="bad")), step("2", after=("1",))]
    summary = run(records("a", "bad", "b"), steps, tmp_path)
    assert (summary.done, summary.exit_code) == (2, 3)
    bad = {"skipped": summary.skipped.total(), "quarantined": summary.quarantined}
    assert bad == {"skipped": 0, "quarantined": 0} | {state: 1}
    (row,) = rows(tmp_path / {"skipped": "skipped.jsonl", "quarantined": "quarantine.jsonl"}[state])
    assert (row["video"], row["step"], row["reason"]) == ("bad", "1", reason)
    assert {row["video"] for row in rows(tmp_path / "2.jsonl")} == {"a", "b"}


def test_only_a_defect_leaves_a_traceback(tmp_path: Path) -> None:
    run(records("a"), [step("1", raising(Quarantine("no reply")))], tmp_path)
    assert not (tmp_path / "errors.log").exists()
    run(records("a"), [step("1", raising(ZeroDivisionError("oh")))], tmp_path)
    log = (tmp_path / "errors.log").read_text()
    assert "step 1, record 'a'" in log
    assert "in work" in log


@pytest.mark.parametrize("place", ["inputs", "wanted"])
def test_a_defect_beside_the_step_is_the_records_too(tmp_path: Path, place: str) -> None:
    summary = run(records("a"), [step("1", **{place: lambda fields: fields["missing"]})], tmp_path)
    assert summary.quarantined == 1


def test_a_field_that_json_cannot_hold_is_quarantined(tmp_path: Path) -> None:
    async def work(_: Fields) -> Fields:
        return {"picture": object()}

    assert run(records("a"), [step("1", work)], tmp_path).quarantined == 1
    assert rows(tmp_path / "1.jsonl") == []


def test_a_failed_step_stops_those_after_it_and_no_others(tmp_path: Path) -> None:
    steps = [
        step("bad", raising(Quarantine("no"))),
        step("after", after=("bad",)),
        step("after_that", after=("after",)),
        step("apart"),
        step("after_apart", after=("apart",)),
    ]
    ended: list[Finished] = []
    assert run(records("a"), steps, tmp_path, on_finished=ended.append).quarantined == 1
    assert set(ended[0].rows) == {"apart", "after_apart"}


def test_the_worst_end_of_a_records_steps_is_its_own(tmp_path: Path) -> None:
    steps = [step("1"), step("2", raising(Skip("short"))), step("3", raising(Quarantine("no")))]
    summary = run(records("a"), steps, tmp_path)
    assert (summary.done, summary.skipped.total(), summary.quarantined) == (0, 0, 1)


def test_what_was_quarantined_is_tried_again_and_leaves_the_list(tmp_path: Path) -> None:
    run(records("a", "b"), [step("1", raising(Quarantine("no"), only="a"))], tmp_path)
    assert len(rows(tmp_path / "quarantine.jsonl")) == 1
    assert run(records("a", "b"), [step("1")], tmp_path).exit_code == 0
    assert not (tmp_path / "quarantine.jsonl").exists()
    assert len(rows(tmp_path / "1.jsonl")) == 2


def test_inputs_that_never_became_records_are_counted(tmp_path: Path) -> None:
    summary = run(records("a"), [step("1")], tmp_path, left_out=[("x.mp4", "empty file"), ("y.mp4", "empty file")])
    assert (summary.done, summary.skipped, summary.exit_code) == (1, {"empty file": 2}, 3)
    assert [row["video"] for row in rows(tmp_path / "skipped.jsonl")] == ["x.mp4", "y.mp4"]


def test_two_records_of_one_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"records 2 and 4 of the input are both called 'cam\.mp4'"):
        run(records("a", "cam.mp4", "b", "cam.mp4"), [step("1")], tmp_path)


def test_an_error_of_the_input_ends_the_run_after_what_is_in_flight(tmp_path: Path) -> None:
    def broken() -> Any:
        yield from records("a", "b")
        raise DataError("line 3 is broken")

    with pytest.raises(DataError, match="line 3 is broken"):
        run(broken(), [step("1")], tmp_path)
    assert len(rows(tmp_path / "1.jsonl")) == 2


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        pytest.param([step("1"), step("1", file="x")], "two steps are called '1'", id="same_name"),
        pytest.param([step("1", file="x"), step("2", file="x")], "two steps write to 'x'", id="same_rows"),
        pytest.param([step("1", after=("0",))], "'1' comes after '0', which is not among", id="missing"),
        pytest.param([step("1", after=("2",)), step("2", after=("1",))], "wait for each other: ", id="cycle"),
    ],
)
def test_steps_that_are_no_graph_are_refused(tmp_path: Path, steps: list[Step], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        run(records("a"), steps, tmp_path)


def test_a_run_without_workers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="workers is 0"):
        run(records("a"), [step("1")], tmp_path, workers=0)


def test_stop_ends_the_run_and_keeps_what_is_finished(tmp_path: Path) -> None:
    async def work(fields: Fields) -> Fields:
        if fields["name"] == "bad":
            raise Stop("the disk is full")
        await asyncio.sleep(0.02)
        return {}

    begun: list[str] = []
    names = [*"ab", "bad", *(str(number) for number in range(50))]
    inputs = (begun.append(record.id) or record for record in records(*names))
    with pytest.raises(Stop, match=r"the disk is full \(until then: 3 done"):
        run(inputs, [step("1", work)], tmp_path, workers=4)
    assert {row["video"] for row in rows(tmp_path / "1.jsonl")} == {"a", "b", "0"}
    assert len(begun) < 10


def test_a_stopped_record_does_not_begin_its_next_step(tmp_path: Path) -> None:
    async def slow(_: Fields) -> Fields:
        await asyncio.sleep(0.05)
        return {}

    with pytest.raises(Stop):
        steps = [step("1", raising(Stop("full"), only="bad"))]
        run(records("bad"), steps, tmp_path)
    steps = [step("slow", slow), step("next", after=("slow",)), step("stop", raising(Stop("full"), only="bad"))]
    with pytest.raises(Stop):
        run(records("good", "bad"), steps, tmp_path)
    assert {row["video"] for row in rows(tmp_path / "slow.jsonl")} == {"good", "bad"}, "what is in flight is paid for"
    assert rows(tmp_path / "next.jsonl") == []


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_lets_what_is_in_flight_end(tmp_path: Path) -> None:
    async def work(fields: Fields) -> Fields:
        if fields["name"] == "a":
            press_ctrl_c()
        await asyncio.sleep(0.1)
        return {}

    summary = run(records(*"abcdefgh"), [step("1", work), step("2", after=("1",))], tmp_path, workers=2)
    assert (summary.interrupted, summary.exit_code, summary.unfinished) == (True, 130, 2)
    assert len(rows(tmp_path / "1.jsonl")) == 2
    assert rows(tmp_path / "2.jsonl") == []
    summary = run(records(*"abcdefgh"), [step("1"), step("2", after=("1",))], tmp_path)
    assert (summary.done, summary.exit_code) == (8, 0)


@pytest.mark.parametrize(
    ("times", "grace"), [pytest.param(1, 0.05, id="grace_is_over"), pytest.param(2, 600, id="pressed_again")]
)
def test_an_interrupt_is_not_held_up_for_ever(tmp_path: Path, times: int, grace: float) -> None:
    async def work(_: Fields) -> Fields:
        for _ in range(times):
            press_ctrl_c()
            await asyncio.sleep(0.05)
        await asyncio.sleep(600)
        return {}

    begun = time.monotonic()
    summary = run(records("a"), [step("1", work)], tmp_path, grace=grace)
    assert (summary.exit_code, summary.unfinished) == (130, 1)
    assert time.monotonic() - begun < 60


def test_models_are_closed_on_the_loop_they_were_used_from(tmp_path: Path, teacher, request_for) -> None:
    model = teacher(lambda _: "hello")
    with open_caller(tmp_path) as caller:

        async def work(_: Fields) -> Fields:
            answer = await caller.ask(model, request_for("hi"), str)
            return {"said": answer.value, "provenance": provenance(answer)}

        run(records("a"), [step("1", work)], tmp_path, caller=caller, models=[model])
    assert model.closed
    (row,) = rows(tmp_path / "1.jsonl")
    assert row["provenance"]["requests"] == [json.loads((tmp_path / "calls.jsonl").read_text())["key"]]


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from demitasse.engine.lock import lock_results\n"
        f"with lock_results(Path({str(tmp_path)!r})): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(DemitasseError, match=f"process {holder.pid} on"):
            run(records("a"), [step("1")], tmp_path)
        holder.kill()


def test_a_file_in_the_folders_stead_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    for folder in (tmp_path / "out", tmp_path / "out" / "below"):
        with pytest.raises(DemitasseError, match="/out is a file; name a folder"):
            run(records("a"), [step("1")], folder)


def test_memory_stays_flat_and_small_steps_are_quick(tmp_path: Path) -> None:
    count, early = 40_000, 5_000
    usual = a_task_and_a_line(tmp_path / "line.jsonl", count // 10) * 10
    memory: dict[int, int] = {}

    def inputs() -> Any:
        for number in range(count):
            if number in (early, count - 1):
                memory[number] = psutil.Process().memory_info().rss
            yield Record(f"videos/clip-{number:06}.mp4", {"number": number})

    begun = time.process_time()
    assert run(inputs(), [step("1")], tmp_path, progress=False).done == count
    took = time.process_time() - begun
    assert memory[count - 1] - memory[early] < 8 * 2**20  # the hashes of their names
    assert took < 20 * usual, "five to seven times as much is usual"


def a_task_and_a_line(path: Path, count: int) -> float:
    """Seconds that the machine needs for so many tasks that write a line each: what it is worth, busy or not."""

    async def write(line: bytes) -> None:
        os.write(file.fileno(), line)

    async def all_of_them() -> None:
        for number in range(count):
            await asyncio.create_task(write(json.dumps({"number": number}).encode() + b"\n"))

    with path.open("wb") as file:
        begun = time.process_time()
        asyncio.run(all_of_them())
        return time.process_time() - begun


@pytest.mark.parametrize(
    ("summary", "line", "code"),
    [
        pytest.param(Summary(done=3), "3 done", 0, id="all_done"),
        pytest.param(
            Summary(done=1, quarantined=2, stale=4),
            "1 done, 2 quarantined (quarantine.jsonl says why), 4 rows of earlier runs were out of date",
            3,
            id="quarantined",
        ),
        pytest.param(
            Summary(interrupted=True, unfinished=2),
            "0 done, 2 unfinished, interrupted: run the same command to go on",
            130,
            id="interrupted",
        ),
    ],
)
def test_the_last_line_says_what_was_dropped(summary: Summary, line: str, code: int) -> None:
    assert (summary.line(), summary.exit_code) == (line, code)


def test_the_last_line_names_the_commonest_reasons() -> None:
    summary = Summary()
    for reason in ("long", "long", "dark", "odd", "rare"):
        summary.count(State.SKIPPED, reason)
    assert summary.line() == "0 done, 5 skipped (long: 2; dark: 1; odd: 1; 1 other reasons)"
