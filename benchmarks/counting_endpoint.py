"""A teacher that costs nothing and counts: chat completions on 127.0.0.1, each answered after a fixed time.

It looks for `[[prompt_key]]` in a request and answers in TAO's grammar, so that TAO and Demitasse can both read it,
with the hash of the footage in every caption, so that no two videos are told alike. It parses nothing else: on a
small machine the endpoint must not take the time of those who are measured.

    python benchmarks/counting_endpoint.py --latency 0.2 --anomalies anomalies.json
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import re
import sys
from collections import Counter
from pathlib import Path

KEY = re.compile(rb"\[\[(\w+)\]\]")
DATA = b";base64,"
MODE = re.compile(r"^(?:anomaly|normal)_")
EVENTS = "<00:00:00><00:00:04> A box of the clip {clip} slides in.\n<00:00:04><00:00:12> It comes to rest by the wall."
PROSE = "=====\nQuestion: {question}\n=====\nAnswer: {answer}\n=====\nReasoning: The box is seen to slide until then."
REPLIES = {
    "video_filtering": "Yes. The picture is steady.",
    "global_caption": "In the clip {clip} a box slides across a floor and stops by the wall.",
    "dense_caption": EVENTS,
    "chunk_caption": "In this stretch, {clip}, the box goes on sliding.",
    "highlight_timestamp_extraction": "6.0",
    "highlight_chunk_caption": "Around the moment, {clip}, the box hits the wall.",
    "description": "1. A bare floor in the clip {clip}.\n2. <00:00><00:12> A box slides.\n3. Nothing else moves.",
    "mcq": (
        "=====\nMultiple-Choice Question: What slides across the floor in {clip}?\nA. a box\nB. a ball\nC. a cart\n"
        "D. a shoe\n=====\nAnswer: A\n=====\nReasoning: The thing has corners and no wheels."
    ),
    "bcq": (
        "=====\n1. Question: Does a box slide in {clip}?\n=====\nAnswer: Yes. It slides to the wall.\n=====\n"
        "Reasoning: It changes its place.\n=====\n2. Question: Is there a ball in {clip}?\n=====\n"
        "Answer: No. There is a box only.\n=====\nReasoning: Nothing round is seen."
    ),
    "open_qa": PROSE.format(question="Why does the box stop in {clip}?", answer="The wall holds it up."),
    "causal_linkage": PROSE.format(
        question="How does 00:02 bring about 00:08 in {clip}?", answer="The push leads to the stop."
    ),
    "temporal_localization": PROSE.format(
        question="When does the box slide in {clip}?", answer="Start_Time: 00:00, End_Time: 00:04"
    ),
    "temporal_event_desc": PROSE.format(
        question="What happens between 00:01 and 00:04 in {clip}?", answer="A box slides to the wall."
    ),
    "scene_description": PROSE.format(question="What does the place look like in {clip}?", answer="A bare floor."),
    "event_summary": PROSE.format(question="What happens in {clip}?", answer="A box slides and stops."),
}


class Endpoint:
    """What is served, and what was seen of it."""

    def __init__(self, latency: float, anomalies: set[str]) -> None:
        self.latency = latency
        self.anomalies = anomalies
        self.reset()

    def reset(self) -> None:
        """Forget what was seen."""
        self.steps: Counter[str] = Counter()
        self.footage: Counter[str] = Counter()  # how often each piece of footage was sent, by its hash
        self.bytes = self.in_flight = self.peak = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1]) if length else 0)
                told = self.counts() if head.startswith(b"GET") else await self.answer(body)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ")
                writer.write(b"%d\r\n\r\n%b" % (len(told), told))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    def counts(self) -> bytes:
        """What was seen since the last time this was asked."""
        seen = {"steps": self.steps, "footage": self.footage, "bytes": self.bytes, "peak": self.peak}
        told = json.dumps(seen).encode()
        self.reset()
        return told

    async def answer(self, body: bytes) -> bytes:
        """A completion, after the set time."""
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        self.bytes += len(body)
        found = KEY.search(body)
        step = found[1].decode() if found else "?"
        clip = self.clip(body)
        self.steps[step] += 1
        await asyncio.sleep(self.latency)
        self.in_flight -= 1
        return completion(self.reply(step, clip))

    def clip(self, body: bytes) -> str:
        """The footage's hash; without footage one that an earlier reply has put into a caption."""
        start = body.find(DATA)
        if start < 0:
            named = re.search(rb"clip (\w{12})", body)
            return named[1].decode() if named else "?"
        start += len(DATA)
        digest = hashlib.sha1(body[start : body.find(b'"', start)]).hexdigest()
        self.footage[digest] += 1
        return digest[:12]

    def reply(self, step: str, clip: str) -> str:
        """What is told of a clip."""
        if step == "video_anomaly_classification":
            return f"A box slides.\nIt {'hits' if clip in self.anomalies else 'nears'} the wall.\n" + (
                "Anomaly" if clip in self.anomalies else "Normal"
            )
        return REPLIES[MODE.sub("", step)].replace("{clip}", clip)


def completion(text: str) -> bytes:
    """A chat completion's body."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    return json.dumps(
        {
            "id": "counted",
            "object": "chat.completion",
            "created": 0,
            "model": "counting",
            "choices": [choice],
            "usage": usage,
        }
    ).encode()


async def serve(latency: float, anomalies: set[str]) -> None:
    """Serve until killed; prints the port."""
    endpoint = Endpoint(latency, anomalies)
    server = await asyncio.start_server(endpoint.talk, "127.0.0.1", 0, limit=2**20, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, required=True)
    parser.add_argument("--anomalies", type=Path, required=True, help="JSON list of clips' hashes")
    asked = parser.parse_args()
    sys.exit(asyncio.run(serve(asked.latency, set(json.loads(asked.anomalies.read_text())))))
