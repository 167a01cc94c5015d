"""A teacher of images that costs nothing and counts: it knows each picture's replies by the hash of what is sent.

TAO's prompts cannot be replaced, so their steps are told by their words; ours are told by the name that our requests
carry.

    python benchmarks/referring_endpoint.py --latency 0.2 --replies replies.json
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import re
import sys
from pathlib import Path

from counting_endpoint import Endpoint, completion

NAMED = re.compile(rb"\[step: (\w+)\]")
# Words of TAO's four prompts.
WORDS = {
    b"Describe each object in one short": "region_expr",
    b"avoid mentioning any location-specific details": "image_caption",
    b"classify the provided objects into groups": "grounding_expr",
    b"You are verifying grounding expressions": "double_check",
}


class Referring(Endpoint):
    """What is served: by the first twelve digits of a picture's SHA-1, each step's text."""

    def __init__(self, latency: float, replies: dict[str, dict[str, str]]) -> None:
        super().__init__(latency, set())
        self.replies = replies

    async def answer(self, body: bytes) -> bytes:
        """A completion, after the set time."""
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        self.bytes += len(body)
        step, picture = step_of(body), self.clip(body)
        self.steps[step] += 1
        await asyncio.sleep(self.latency)
        self.in_flight -= 1
        return completion(self.replies.get(picture, {}).get(step, "I do not know this picture."))


def step_of(body: bytes) -> str:
    """Which prompt it is."""
    named = NAMED.search(body)
    if named:
        return named[1].decode()
    return next((step for words, step in WORDS.items() if words in body), "?")


def picture_hash(encoded: bytes) -> str:
    """How the endpoint knows a picture, of its Base64 text."""
    return hashlib.sha1(encoded).hexdigest()[:12]


async def serve(latency: float, replies: dict[str, dict[str, str]]) -> None:
    """Serve until killed; prints the port."""
    endpoint = Referring(latency, replies)
    server = await asyncio.start_server(endpoint.talk, "127.0.0.1", 0, limit=2**20, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, required=True)
    parser.add_argument("--replies", type=Path, required=True, help="JSON: picture, step, text")
    asked = parser.parse_args()
    sys.exit(asyncio.run(serve(asked.latency, json.loads(asked.replies.read_text(encoding="utf-8")))))
