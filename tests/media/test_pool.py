"""Decoding in other processes: one bad file costs one call, and nobody outlives the parent."""

import asyncio
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from demitasse.errors import MediaError
from demitasse.media import pool as pool_module
from demitasse.media.frames import read_frames
from demitasse.media.pool import DecodePool
from demitasse.media.probe import probe

# What is run in workers is taken from the standard library, so that a worker need not import this file.
CRASH = (signal.raise_signal, signal.SIGSEGV)


@pytest.fixture(scope="module")
def pool():
    with DecodePool(2, timeout=120.0) as shared:
        yield shared


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pids, seconds=60.0):
    deadline = time.monotonic() + seconds
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [pid for pid in pids if is_alive(pid)]


def test_work_is_done_in_other_processes_that_stay(pool):
    pids = {pool.run_sync(os.getpid) for _ in range(6)}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_frames_come_back_whole(pool, video, numbers):
    frames = pool.run_sync(read_frames, video("h264_mp4"), [0.5, 1.0], max_pixels=1_000)
    assert numbers(frames.pixels) == [15, 30]


@pytest.fixture
def fifo(tmp_path):
    """A named pipe: who opens one end waits for somebody at the other."""
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def test_async_calls_run_side_by_side(pool, fifo):
    async def both():
        return await asyncio.gather(pool.run(Path.read_text, fifo), pool.run(Path.write_text, fifo, "met"))

    assert asyncio.run(both()) == ["met", 3]


def test_event_loop_goes_on_while_workers_work(pool, fifo):
    async def held_until_the_loop_lets_go():
        call = asyncio.ensure_future(pool.run(Path.read_text, fifo))
        for _ in range(10):
            await asyncio.sleep(0.01)
        assert not call.done()
        await asyncio.to_thread(fifo.write_text, "go")
        return await call

    assert asyncio.run(held_until_the_loop_lets_go()) == "go"


def test_crash_costs_its_own_call_only(pool):
    async def one_crash_among_many():
        calls = [pool.run(time.sleep, 0.2), pool.run(*CRASH), *(pool.run(abs, -number) for number in range(10))]
        return await asyncio.gather(*calls, return_exceptions=True)

    slept, crashed, *values = asyncio.run(one_crash_among_many())
    assert slept is None
    assert isinstance(crashed, MediaError)
    assert crashed.reason == "decoder crashed"
    assert values == list(range(10))


def test_crash_names_the_first_argument_which_is_the_file(pool):
    with pytest.raises(MediaError) as caught:
        pool.run_sync(*CRASH)
    assert caught.value.path == str(CRASH[1])


def test_errors_of_the_function_are_raised_as_they_are(pool, unreadable):
    with pytest.raises(MediaError) as caught:
        pool.run_sync(probe, unreadable("empty"))
    assert caught.value.reason == "empty file"
    with pytest.raises(ZeroDivisionError) as divided:
        pool.run_sync(divmod, 1, 0)
    assert "In the decoding worker:" in divided.value.__notes__[0]


def test_end_of_file_error_of_the_function_is_no_crash(pool):
    with pytest.raises(EOFError):
        pool.run_sync(pickle.loads, b"")


def test_interrupted_call_does_not_answer_the_next_one(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with DecodePool(1) as pool:
        pool.run_sync(abs, -1)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(pool_module, "wait", interrupt)
            pool.run_sync(abs, -2)
        assert pool.run_sync(abs, -3) == 3


def test_error_that_does_not_pickle_keeps_its_words(pool):
    with pytest.raises(RuntimeError, match="^OddError: its own words"):
        pool.run_sync(eval, "(_ for _ in ()).throw(type('OddError', (Exception,), {})('its own words'))")


def test_result_that_does_not_pickle_is_an_error_of_that_call(pool):
    with pytest.raises(Exception, match="pickle"):
        pool.run_sync(eval, "lambda: 0")
    assert pool.run_sync(abs, -1) == 1


def test_argument_that_does_not_pickle_is_an_error_of_that_call(pool):
    with pytest.raises(Exception, match="pickle"):
        pool.run_sync(len, threading.Lock())
    assert pool.run_sync(abs, -1) == 1


def test_slow_call_times_out_and_its_worker_is_replaced(monkeypatch):
    with DecodePool(1) as slow:
        before = slow.run_sync(os.getpid)
        with monkeypatch.context() as patch, pytest.raises(MediaError) as caught:
            patch.setattr(slow, "_timeout", 0.3)
            slow.run_sync(time.sleep, 600)
        assert caught.value.reason == "decoding timed out"
        assert not is_alive(before)
        assert slow.run_sync(os.getpid) != before


def test_worn_worker_is_replaced(monkeypatch):
    monkeypatch.setattr(pool_module, "CALLS_PER_PROCESS", 2)
    with DecodePool(1) as worn:
        pids = [worn.run_sync(os.getpid) for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_worker_that_died_idle_is_replaced_unnoticed():
    with DecodePool(1) as idle:
        pid = idle.run_sync(os.getpid)
        os.kill(pid, signal.SIGKILL)
        while any(child.pid == pid for child in multiprocessing.active_children()):
            time.sleep(0.01)
        assert idle.run_sync(abs, -1) == 1


def test_close_ends_workers_and_calls(tmp_path):
    pool = DecodePool(1)
    pid = pool.run_sync(os.getpid)
    caught = []

    def call():
        try:
            pool.run_sync(eval, f"open({str(tmp_path / 'begun')!r}, 'w').close() or __import__('time').sleep(600)")
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    pool.close()
    thread.join(60)
    assert caught == ["the decode pool was closed during the call"]
    assert not is_alive(pid)
    with pytest.raises(RuntimeError, match="closed"):
        pool.run_sync(abs, -1)


def test_pool_needs_a_worker():
    with pytest.raises(ValueError, match="workers is 0"):
        DecodePool(0)


PARENT = """
import os, threading, time
from demitasse.media.pool import DecodePool

if __name__ == "__main__":
    pool = DecodePool(2)
    pids = [pool.run_sync(os.getpid) for _ in range(2)]
    threading.Thread(target=pool.run_sync, args=(time.sleep, 600), daemon=True).start()
    time.sleep(0.2)  # one worker is busy now, the other idle
    print(*pids, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_workers_end_with_their_parent(tmp_path, end):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.send_signal(end)
    assert wait_until_gone(pids) == []
    parent.kill()
    parent.wait(60)


def test_script_without_a_main_guard_is_told_so(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text("import os\nfrom demitasse.media.pool import DecodePool\nDecodePool(1).run_sync(os.getpid)\n")
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert "must guard its work by" in run.stderr


def test_started_workers_have_imported_what_they_will_need():
    look = "(__import__('os').getpid(), 'colorsys' in __import__('sys').modules)"
    with DecodePool(2) as pool:
        pool.start("colorsys")
        seen = {}
        deadline = time.monotonic() + 300
        while list(seen.values()) != [True, True] and time.monotonic() < deadline:
            seen |= [pool.run_sync(eval, look)]
            time.sleep(0.1)  # a worker is replaced after so many calls
    assert list(seen.values()) == [True, True]


def test_a_module_that_cannot_be_imported_does_no_harm_before_it_is_used():
    with DecodePool(1) as pool:
        pool.start("no_such_module")
        assert pool.run_sync(os.getpid) != os.getpid()


BUSY_START = """
import os, signal, time
from pathlib import Path
from demitasse.media.pool import DecodePool

if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *_: None)
    with DecodePool(1) as pool:
        print(pool.run_sync(os.getppid) == os.getpid(), flush=True)
else:
    Path("starting").touch()
    time.sleep(0.5)
"""


def test_an_interrupt_while_a_worker_starts_is_the_parents_alone(tmp_path):
    (tmp_path / "parent.py").write_text(BUSY_START)
    parent = subprocess.Popen(
        [sys.executable, "parent.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not (tmp_path / "starting").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.communicate(timeout=300) == ("True\n", "")
