"""A judge that costs nothing and counts: chat completions on 127.0.0.1, each answered after a fixed time.

It reads question, reference and answer from our prompt or from the recipe's, and scores from 1 to 5 by the words that
reference and answer share: the same texts get the same score whoever sends them. A wrong key is answered 401, no sooner
than a right one is answered; the list of models is answered at once. `GET /counts` tells what was seen since the last.

    python benchmarks/judge_endpoint.py --latency 0.2 --key KEY
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from a checkout, as the stages are

from demitasse.chat.blocks import read_blocks

RECIPE = re.compile(r"\*\*\* Human response \*\*\*:\n(.*?)\n\n\*\*\* LLM response \*\*\*:\n(.*)\n\nProvide", re.DOTALL)
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
MODELS = {"object": "list", "data": [{"id": "counting", "object": "model", "created": 0, "owned_by": "nobody"}]}
DENIED = {"error": {"message": "Incorrect API key provided.", "code": "invalid_api_key"}}


class Endpoint:
    """What is served, and what was seen of it."""

    def __init__(self, latency: float, key: str) -> None:
        self._latency = latency
        self._bearer = f"authorization: bearer {key}\r\n".encode().lower()
        self._in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Forget what was seen."""
        self._judged = self._denied = self._lists = self._peak = 0
        self._begun: list[float] = []
        self._ended: list[float] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                status, told = await self._answer(head, body)
                content = json.dumps(told).encode()
                writer.write(b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n" % status)
                writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(content), content))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    async def _answer(self, head: bytes, body: bytes) -> tuple[bytes, object]:
        if head.startswith(b"GET /counts"):
            return b"200 OK", self._counts()
        right = self._bearer in head.lower()
        if head.startswith(b"GET"):
            self._lists += 1
            return (b"200 OK", MODELS) if right else (b"401 Unauthorized", DENIED)
        self._begun.append(time.monotonic())
        self._in_flight += 1
        self._peak = max(self._peak, self._in_flight)
        told = completion(body) if right else DENIED
        await asyncio.sleep(self._latency)
        self._in_flight -= 1
        self._ended.append(time.monotonic())
        self._judged += right
        self._denied += not right
        return (b"200 OK" if right else b"401 Unauthorized"), told

    def _counts(self) -> object:
        """Calls, the most at once, seconds from the first to the last answer, and how late answers were on average."""
        span = self._ended[-1] - self._begun[0] if self._ended else 0.0
        took = sum(self._ended) - sum(self._begun)
        late = took / len(self._ended) - self._latency if len(self._ended) == len(self._begun) and self._ended else 0.0
        told = {"judged": self._judged, "denied": self._denied, "lists": self._lists, "peak": self._peak}
        self.reset()
        return told | {"span": span, "late": late}


def completion(body: bytes) -> object:
    """A chat completion with a verdict, as JSON where a schema is asked for, else in the recipe's tag."""
    asked = json.loads(body)
    reference, answer = texts(asked["messages"][-1]["content"])
    score = verdict(reference, answer)
    said = f"The reference has {len(reference.split())} words, the answer {len(answer.split())}."
    structured = "response_format" in asked
    text = json.dumps({"reason": said, "score": score}) if structured else f"{said}\n\n<answer>{score}</answer>"
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 500, "completion_tokens": 30, "total_tokens": 530}
    told = {"id": "counted", "object": "chat.completion", "created": 0, "model": "counting"}
    return told | {"choices": [choice], "usage": usage}


def texts(content: str | list[dict[str, str]]) -> tuple[str, str]:
    """Reference and answer of a prompt, ours or the recipe's."""
    prompt = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    recipe = RECIPE.search(prompt)
    if recipe:
        return recipe[1], recipe[2]
    blocks = read_blocks(prompt)
    return blocks["reference"], blocks["response"]


def verdict(reference: str, answer: str) -> int:
    """From 1 to 5, by the share of words that both have."""
    wanted, given = set(reference.lower().split()), set(answer.lower().split())
    return 1 + round(4 * len(wanted & given) / max(1, len(wanted | given)))


async def serve(latency: float, key: str) -> None:
    """Serve until killed; prints the port."""
    endpoint = Endpoint(latency, key)
    server = await asyncio.start_server(endpoint.talk, "127.0.0.1", 0, limit=2**20, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, required=True)
    parser.add_argument("--key", required=True)
    given = parser.parse_args()
    sys.exit(asyncio.run(serve(given.latency, given.key)))
