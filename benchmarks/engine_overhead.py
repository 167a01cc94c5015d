"""How much the engine adds to what an endpoint takes: wall time over the ideal N * latency / concurrency.

    python benchmarks/engine_overhead.py             20 rounds at 4, 32 and 512 requests at once, about two minutes
    python benchmarks/engine_overhead.py --quick     6 rounds
    python benchmarks/engine_overhead.py --memory    peak memory at 1,000, 10,000 and 100,000 short records

One text-only step a record: a prompt of 2 KB, the real `openai` client over HTTP, a journal, a row. The endpoint is a
process of its own that answers each request after a fixed time, on the same machine. Beside it stands what it costs to
do nothing but ask: the same requests through the same client from as many asyncio tasks, without limits, retries,
journal or rows. Both take turns; medians are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run from a checkout, as the stages are

CASES = [(4, 0.2), (32, 1.0), (512, 2.0)]  # concurrency, seconds
BOUNDS = {4: 1.05, 32: 1.05, 512: 1.10}
RECORDS = [1_000, 10_000, 100_000]
PROMPT = "Describe what happens between the two cars at the crossing. " * 32
REPLY = {
    "id": "timed",
    "object": "chat.completion",
    "created": 0,
    "model": "timed",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "They pass. " * 20}, "finish_reason": "stop"},
    ],
    "usage": {"prompt_tokens": 500, "completion_tokens": 60, "total_tokens": 560},
}


class Timed(asyncio.Protocol):
    """Answers each request of a connection after `latency` seconds, and reads no more of it than its length."""

    latency = 0.0

    def __init__(self) -> None:
        body = json.dumps(REPLY).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._answer = head + body
        self._seen = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head, separator, body = self._seen.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0) if separator else 1
        if len(body) >= length:
            self._seen.clear()
            asyncio.get_running_loop().call_later(self.latency, self._transport.write, self._answer)


async def serve(latency: float) -> None:
    """Serve until killed; prints the port."""
    Timed.latency = latency
    server = await asyncio.get_running_loop().create_server(Timed, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def endpoint(latency: float) -> Iterator[str]:
    """The base URL of an endpoint in a process of its own."""
    command = [sys.executable, __file__, "--serve", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


def ask_with_engine(base_url: str, count: int, concurrency: int) -> int:
    """A run of one step; returns how many records it finished."""
    from demitasse.chat.model import Request, Text
    from demitasse.chat.openai import OpenAIChat
    from demitasse.engine.caller import open_caller, provenance
    from demitasse.engine.limits import Limits
    from demitasse.engine.runner import run
    from demitasse.engine.step import Fields, Record, Step

    chat = OpenAIChat("timed", base_url)
    with tempfile.TemporaryDirectory() as folder, open_caller(Path(folder), Limits(concurrency)) as caller:

        async def describe(fields: Fields) -> Fields:
            request = Request("describe", (Text(f"{PROMPT}{fields['number']}"),))
            answer = await caller.ask(chat, request, str)
            return {"description": answer.value, "provenance": provenance(answer)}

        step = Step("describe", "described.jsonl", 1, lambda fields: [chat.name, fields["number"]], describe)
        records = (Record(f"{number:08}.mp4", {"number": number}) for number in range(count))
        summary = run(
            records, [step], Path(folder), workers=2 * concurrency, caller=caller, models=[chat], progress=False
        )
    return summary.done


def ask_plainly(base_url: str, count: int, concurrency: int) -> int:
    """The same requests and nothing else; returns how many were answered."""
    from demitasse.chat.model import Outcome, Request, Text
    from demitasse.chat.openai import OpenAIChat

    chat = OpenAIChat("timed", base_url)
    numbers = iter(range(count))
    answered = 0

    async def work() -> None:
        nonlocal answered
        for number in numbers:
            reply = await chat.reply(Request("describe", (Text(f"{PROMPT}{number}"),)))
            answered += reply.outcome is Outcome.SUCCESS

    async def work_all() -> None:
        await asyncio.gather(*(work() for _ in range(concurrency)))
        await chat.close()

    asyncio.run(work_all())
    return answered


def measure(side: str, base_url: str, count: int, concurrency: int) -> dict[str, float]:
    """One run in this process: seconds, CPU milliseconds a request, peak MiB of memory."""
    import demitasse.engine.runner  # noqa: F401
    from demitasse.chat.openai import OpenAIChat

    OpenAIChat("timed", base_url)  # importing, here and inside the client, is not what is measured
    ask = ask_with_engine if side == "ours" else ask_plainly
    begun, spent = time.monotonic(), time.process_time()
    done = ask(base_url, count, concurrency)
    wall, cpu = time.monotonic() - begun, time.process_time() - spent
    if done != count:
        raise SystemExit(f"{side} finished {done} of {count}")
    return {"wall": wall, "cpu_ms": 1000 * cpu / count, "peak_mib": peak_mib()}


def peak_mib() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_own_process(side: str, base_url: str, count: int, concurrency: int) -> dict[str, float]:
    """`measure` in a fresh process."""
    command = [sys.executable, __file__, "--measure", side, base_url, str(count), str(concurrency)]
    told: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return told


def compare(rounds: int, repeats: int) -> dict[str, Any]:
    """Both sides at every concurrency, in turns."""
    print(f"{'at once':>8} {'latency':>8} {'N':>6} {'ideal':>7}   {'':6} {'wall/ideal':>18} {'CPU ms/request':>15} MiB")
    result: dict[str, Any] = {"ratios": {}, "ours": {}, "peer": {}}
    for concurrency, latency in CASES:
        count, ideal = rounds * concurrency, rounds * latency
        runs: dict[str, list[dict[str, float]]] = {"ours": [], "peer": []}
        with endpoint(latency) as base_url:
            for _ in range(repeats):
                for side, taken in runs.items():
                    taken.append(in_own_process(side, base_url, count, concurrency))
        for side, taken in runs.items():
            ratios = sorted(run["wall"] / ideal for run in taken)
            middle = {name: statistics.median(run[name] for run in taken) for name in taken[0]}
            told = {"wall_over_ideal": statistics.median(ratios), "spread": ratios[-1] - ratios[0], **middle}
            result[side][str(concurrency)] = {name: round(value, 4) for name, value in told.items()}
            print(
                f"{concurrency:>8} {latency:>7g}s {count:>6} {ideal:>6g}s   {side:6} "
                f"{told['wall_over_ideal']:>10.3f} ± {told['spread'] / 2:.3f} {told['cpu_ms']:>15.2f} "
                f"{told['peak_mib']:.0f}"
            )
        result["ratios"][str(concurrency)] = result["ours"][str(concurrency)]["wall_over_ideal"]
    return result


def compare_memory() -> dict[str, Any]:
    """Peak memory over the number of records, ours alone, at 64 requests at once."""
    peaks = {}
    with endpoint(0.0) as base_url:
        for count in RECORDS:
            taken = in_own_process("ours", base_url, count, 64)
            peaks[str(count)] = round(taken["peak_mib"], 1)
            print(f"{count:>8} records: peak {taken['peak_mib']:.1f} MiB, {taken['cpu_ms']:.2f} ms CPU a request")
    ratio = round(peaks[str(RECORDS[-1])] / peaks[str(RECORDS[0])], 3)
    return {"ratios": {"peak_100000_over_1000": ratio}, "ours": peaks, "peer": {}}


def main() -> int:
    """Measure, print, and say in the last line what came of it."""
    parser = argparse.ArgumentParser(description="wall time over the ideal, and memory")
    parser.add_argument("--quick", action="store_true", help="6 rounds, once")
    parser.add_argument("--memory", action="store_true", help="memory over the number of records, nothing else")
    parser.add_argument("--repeats", type=int, default=1, help="of each measurement (default: %(default)s)")
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve is not None:
        asyncio.run(serve(args.serve))
    if args.measure:
        side, base_url, count, concurrency = args.measure
        print(json.dumps(measure(side, base_url, int(count), int(concurrency))))
        return 0
    result = compare_memory() if args.memory else compare(6 if args.quick else 20, args.repeats)
    versions = {name: version(name) for name in ("demitasse", "openai", "httpx", "orjson")}
    versions |= {"python": sys.version.split()[0], "cores": str(os.cpu_count())}
    bounds = BOUNDS if not args.memory else {}
    missed = [str(name) for name, bound in bounds.items() if result["ratios"][str(name)] > bound]
    if missed:
        print(f"above its bound of {BOUNDS}: {', '.join(missed)}", file=sys.stderr)
    print(json.dumps({"name": "engine_overhead" + ("_memory" if args.memory else ""), **result, "versions": versions}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
