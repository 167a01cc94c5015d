"""Decodes in processes of their own, so that a file that kills the decoder kills nothing else.

A damaged file can end FFmpeg with a segmentation fault, which no `except` catches (PyAV#2344). Each worker is a
spawned process with its own pipe and one call at a time, so when it dies the call is known and is the only one
lost; concurrent.futures' pool was left out because there one death fails every call in flight. A worker ends
itself when its parent is gone, however that went.
"""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing
import os
import pickle
import queue
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from demitasse.errors import DemitasseError, MediaError

P = ParamSpec("P")
R = TypeVar("R")

SPAWN = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks and the event loop
# FFmpeg and its bindings leak a little per file (PyAV#1117): a fresh process now and then bounds it.
CALLS_PER_PROCESS = 200
START_SECONDS = 120.0  # a loaded machine importing numpy and av
END_SECONDS = 5.0
READY = b"ready"
PICKLE = 5  # the protocol that copies arrays least


class DecodePool:
    """Runs functions in worker processes. Threads and tasks may share it; use it in a `with` block or `close` it.

    The function and its arguments must be importable at the top level of a module and picklable, and so must
    the result; a script that makes a pool needs `if __name__ == "__main__":`.

    Args:
        workers: calls at once; each has a process, started at its first call.
        timeout: seconds that a call may take.
    """

    def __init__(self, workers: int, timeout: float = 600.0) -> None:
        if workers < 1:
            raise ValueError(f"workers is {workers}; it must be 1 or more")
        self._timeout = timeout
        self._closed = False
        self._workers = [_Worker() for _ in range(workers)]
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="decode-pool")

    @property
    def size(self) -> int:
        """Calls at once."""
        return len(self._workers)

    def start(self, module: str) -> None:
        """Start the idle workers and have each import a module, in the background: their first calls wait less."""
        with suppress(queue.Empty):
            while True:
                self._threads.submit(self._prepare, self._idle.get_nowait(), module)

    def _prepare(self, worker: _Worker, module: str) -> None:
        """What goes wrong here goes wrong again, and is told, when the worker is called."""
        try:
            worker.call(partial(_import, module), self._timeout)
        finally:
            self._idle.put(worker)

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """`function(*args, **kwargs)` in a worker; see `run_sync`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(self.run_sync, function, *args, **kwargs))

    def run_sync(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """`function(*args, **kwargs)` in a worker; waits for a free one.

        Raises:
            MediaError: "decoder crashed" or "decoding timed out", naming the first argument; other calls go on.
            RuntimeError: the pool is closed, or a worker cannot start.
            Exception: whatever the function raised.
        """
        worker = self._idle.get()
        try:
            if self._closed:
                raise RuntimeError("the decode pool is closed")
            return worker.call(partial(function, *args, **kwargs), self._timeout)
        except _WorkerLostError as lost:
            if self._closed:
                raise RuntimeError("the decode pool was closed during the call") from None
            raise MediaError(args[0] if args else function.__name__, str(lost)) from None
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """End the workers; calls in flight fail."""
        self._closed = True
        for worker in self._workers:
            worker.stop()
        self._threads.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.close()


class _WorkerLostError(Exception):
    """The process is gone; the message says why in countable words."""


class _Worker:
    """One process at a time and the pipe to it; a lost or worn one is replaced at the next call."""

    def __init__(self) -> None:
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._calls = 0
        self._stopped = False
        self._lock = threading.Lock()  # between a call that starts a process and `stop`

    def call(self, job: Callable[[], R], timeout: float) -> R:
        message = pickle.dumps(job, PICKLE)
        process, pipe = self._running()
        self._calls += 1
        try:
            pipe.send_bytes(message)
            if not wait([pipe, process.sentinel], timeout):
                raise _WorkerLostError("decoding timed out")
            answer = pipe.recv_bytes()
        except (EOFError, OSError):
            self._end()
            raise _WorkerLostError("decoder crashed") from None
        except BaseException:  # also an interrupt: this call's answer must not be taken for the next one's
            self._end()
            raise
        value, error, trace = pickle.loads(answer)
        if error is None:
            return value
        if not isinstance(error, DemitasseError):
            error.add_note(f"In the decoding worker:\n{trace}")
        raise error

    def stop(self) -> None:
        """End the process for good. A call in flight notices, and closes the pipe that it waits on itself."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.kill()
                self._process.join(END_SECONDS)

    def _running(self) -> tuple[BaseProcess, Connection]:
        if self._process and (self._calls >= CALLS_PER_PROCESS or not self._process.is_alive()):
            self._end()
        with self._lock:
            if self._stopped:
                raise _WorkerLostError("stopped")
            if self._process is None or self._pipe is None:
                self._process, self._pipe = _start()
                self._calls = 0
            return self._process, self._pipe

    def _end(self) -> None:
        with self._lock:
            if self._process is not None and self._pipe is not None:
                self._process.kill()
                self._process.join(END_SECONDS)
                self._pipe.close()
            self._process = self._pipe = None


def _import(module: str) -> None:
    importlib.import_module(module)


def _start() -> tuple[BaseProcess, Connection]:
    pipe, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_serve, args=(theirs,), name="demitasse-decode", daemon=True)
    try:
        with _deaf():
            process.start()  # a broken pipe, if the child dies before it has read what to do
        theirs.close()  # or the end of the process would not be the end of the pipe
        if wait([pipe, process.sentinel], START_SECONDS) and pipe.recv_bytes() == READY:
            return process, pipe
    except (EOFError, OSError):
        pass
    if process.pid is not None:
        process.kill()
    raise RuntimeError("a decode worker could not start; a script must guard its work by `if __name__ == '__main__':`")


@contextmanager
def _deaf() -> Iterator[None]:
    """Hold SIGINT back in this thread: a child inherits that, and a Ctrl-C while it imports is no traceback."""
    resource_tracker.ensure_running()  # or the first start starts it, and that lets SIGINT through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection) -> None:
    """The worker's life: one job after the other until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    pipe.send_bytes(READY)
    while True:
        try:
            message = pipe.recv_bytes()
        except EOFError:
            return
        pipe.send_bytes(_answer(message))


def _answer(message: bytes) -> bytes:
    """The pickled (value, None, "") of a pickled job, or (None, error, trace)."""
    try:
        return pickle.dumps((pickle.loads(message)(), None, ""), PICKLE)
    except Exception as error:
        return pickle.dumps((None, _portable(error), traceback.format_exc()), PICKLE)


def _end_with_parent() -> None:
    """A worker busy or stuck in native code would not see the pipe close."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker is a child"
    wait([parent.sentinel])
    os._exit(1)


def _portable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # an exception class may fail in any way here
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
