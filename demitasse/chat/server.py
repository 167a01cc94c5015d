"""A stand-in endpoint: any `ChatModel` served on 127.0.0.1 over OpenAI's chat-completions format.

For the demo, the tests, benchmarks and people who want to watch what is sent: the real client talks to it over
real HTTP, and it can be slow, overloaded and faulty on request. It is not made to face a network.

    python -m demitasse.chat.server --port 8000 --latency 0.2
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import threading
from typing import Any

from demitasse.chat.batch_server import Desk
from demitasse.chat.batch_server_openai import OpenAIDesk
from demitasse.chat.faults import Faults
from demitasse.chat.http import Message, Response
from demitasse.chat.kinds import BOX_STYLES, GEMINI
from demitasse.chat.loopback import LoopbackServer, json_response
from demitasse.chat.model import ChatModel, Reply, Request
from demitasse.chat.wire.completions import write_completion, write_error
from demitasse.chat.wire.requests import read_request
from demitasse.errors import ConfigError, DemitasseError

COMPLETIONS = "/v1/chat/completions"
MODELS = "/v1/models"


class ChatServer(LoopbackServer):
    """Serves a model over the chat-completions format, in batch jobs too.

    Attributes:
        desk: the jobs.
    """

    def __init__(
        self, model: ChatModel, port: int = 0, faults: Faults | None = None, api_key: str | None = None
    ) -> None:
        super().__init__(model, port, faults, api_key)
        self.desk = Desk(self._ask)
        self._batches = OpenAIDesk(self.desk)

    @property
    def base_url(self) -> str:
        """What a client is given as its base URL."""
        return f"{self.origin}/v1"

    async def _answer(self, message: Message) -> Response | None:
        if self.api_key is not None and message.headers.get("authorization") != f"Bearer {self.api_key}":
            key = message.headers.get("authorization", "").removeprefix("Bearer ")
            return self._error(401, f"Incorrect API key provided: {key}.")  # it repeats the key, as real ones do
        if (message.method, message.path) == ("GET", MODELS):
            model = {"id": self.model.name, "object": "model", "created": 0, "owned_by": "demitasse"}
            return json_response(200, {"object": "list", "data": [model]})
        if (response := self._batches.answer(message)) is not None:
            return response
        if (message.method, message.path) != ("POST", COMPLETIONS):
            return self._error(404, f"only POST {COMPLETIONS}, GET {MODELS}, files and batches are served here")
        return await self._complete(message.body)

    def _read(self, body: dict[str, Any]) -> Request:
        return read_request(body)

    def _write(self, reply: Reply, number: int) -> dict[str, Any]:
        return write_completion(reply, number)

    def _error(self, status: int, message: str, retry_after: str = "") -> Response:
        headers = {"Retry-After": retry_after} if retry_after else None
        return json_response(status, write_error(message, status), headers)


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `demitasse serve`."""
    parser.add_argument("--port", type=int, default=8000, help="0 for any free one (default: %(default)s)")
    parser.add_argument("--gemini", action="store_true", help="speak Gemini's protocol in the place of OpenAI's")
    parser.add_argument(
        "--boxes",
        choices=BOX_STYLES,
        metavar="STYLE",
        help="how boxes are written (default: as the protocol's models do)",
    )
    parser.add_argument("--latency", type=float, default=0.0, help="seconds an answer takes (default: %(default)s)")
    parser.add_argument(
        "--jitter", type=float, default=0.0, help="spread of the latency, 0 to 1 (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default: %(default)s)")
    parser.add_argument("--error", action="append", default=[], metavar="STATUS=RATE", help="503=0.1; may be repeated")
    parser.add_argument("--cut-rate", type=float, default=0.0, help="rate of half-sent JSON (default: %(default)s)")
    parser.add_argument(
        "--reset-rate", type=float, default=0.0, help="rate of reset connections (default: %(default)s)"
    )
    parser.add_argument(
        "--limit-every", type=int, default=0, help="every n-th request is answered 429 (default: %(default)s)"
    )
    parser.add_argument("--capacity", type=int, help="more requests at once than this are answered 429")
    parser.add_argument(
        "--batch-delay", type=float, default=0.0, help="seconds a batch job takes (default: %(default)s)"
    )
    parser.add_argument("--retry-after", default="1", help="the header of a 429 (default: %(default)s)")


def run_serve(args: argparse.Namespace) -> int:
    """Serve the scripted model until interrupted.

    Raises:
        DemitasseError: for a port that is taken, or faults that cannot be.
    """
    from demitasse.chat.gemini_server import GeminiServer
    from demitasse.chat.scripted import ScriptedModel
    from demitasse.toyworld.scene_teacher import DEFAULT_BOXES

    if not 0 <= args.batch_delay < math.inf:
        raise ConfigError(f"--batch-delay is {args.batch_delay:g}; it must be 0 seconds or more")
    kind = GeminiServer if args.gemini else ChatServer
    model = ScriptedModel(boxes=args.boxes or (GEMINI.boxes if args.gemini else DEFAULT_BOXES))
    with kind(model, args.port, _faults(args)) as server, contextlib.suppress(KeyboardInterrupt):
        server.desk.faults.delay = args.batch_delay
        print(f"{server.base_url} answers as {server.model.name}; Ctrl-C ends it", flush=True)
        threading.Event().wait()
    return 0


def _faults(args: argparse.Namespace) -> Faults:
    settings: dict[str, Any] = {
        key: value
        for key, value in vars(args).items()
        if key not in ("port", "error", "gemini", "boxes", "batch_delay")
    }
    try:
        settings["error_rates"] = {int(s): float(r) for s, r in (item.split("=") for item in args.error)}
    except ValueError:
        raise DemitasseError(f"--error {' '.join(args.error)}: write STATUS=RATE, as in 503=0.1") from None
    return Faults(**settings)


if __name__ == "__main__":
    from demitasse.cli import main

    raise SystemExit(main(["serve", *sys.argv[1:]]))
