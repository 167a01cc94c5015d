"""A key is sent to its endpoint and goes nowhere else (annotate.md trap 12, tao_behaviour.md E33).

Two keys, one from the environment and one from the command line, through whole runs of the command; afterwards every
byte under the results, on stdout and on stderr is searched for either.
"""

import signal
import threading

import pytest

from demitasse.chat.faults import Faults
from demitasse.chat.model import Outcome, Reply
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer

GIVEN, FROM_ENVIRONMENT = "sk-CANARY-given-0123456789", "sk-CANARY-environment-9876543210"
SHORT = ("workflow.steps=[0,1a,2,3,4]", "workflow.qa_types=[mcq]", "workflow.mode=normal")


class Listening:
    """Keeps what a server was sent as a key, and notices its first request."""

    def __init__(self, *arguments, **settings) -> None:
        super().__init__(*arguments, **settings)
        self.sent: set[str] = set()
        self.first = threading.Event()

    async def _answer(self, message):
        bearer = message.headers.get("authorization", "").removeprefix("Bearer ")
        self.sent.add(message.headers.get("x-goog-api-key", bearer))
        self.first.set()
        return await super()._answer(message)


class Endpoint(Listening, ChatServer):
    """OpenAI's formats."""


def indiscretions(key: str) -> list[Reply | Exception]:
    words = f"Incorrect API key provided: {key}."
    return [
        Reply(Outcome.ERROR, error=words, status=401),
        Reply(Outcome.ERROR, error=words, status=400),
        Reply(Outcome.ERROR, error="." * 250 + words, status=400),  # half a key is left where a message is cut first
        Reply(Outcome.ERROR, error=words, status=500, retryable=True),
        Reply(Outcome.REFUSED, error=words),
        Reply(Outcome.SUCCESS, text=f"not in the form: {words}", reasoning=words, model=words),
        Reply(Outcome.BLOCKED, text=words, model=words),
        RuntimeError(words),
    ]


class Indiscreet(ScriptedModel):
    """Repeats the key in every way an endpoint can, one video after the other."""

    keys = {"video_filtering": GIVEN, "normal_mcq": FROM_ENVIRONMENT}  # of the prompts it answers badly

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, int] = {}

    async def reply(self, request):
        """Well for the first question of a step, then badly, then well."""
        number = self.asked[request.step] = self.asked.get(request.step, -1) + 1
        faults = indiscretions(self.keys.get(request.step, ""))
        if request.step not in self.keys or not 0 < number <= len(faults):
            return await super().reply(request)
        fault = faults[number - 1]
        if isinstance(fault, Exception):
            raise fault
        return fault


def canaries(shop, *runs) -> list[str]:
    """Where a key can be found."""
    files = {str(path): path.read_bytes() for path in shop.out.rglob("*") if path.is_file()}
    said = {
        f"{stream} {number}": getattr(run, stream) for number, run in enumerate(runs) for stream in ("stdout", "stderr")
    }
    return [place for place, content in (files | said).items() if b"CANARY" in content]


def with_keys(shop, server, *overrides) -> list[str]:
    return shop.arguments(server.base_url, *SHORT, f"vlm.openai.api_key={GIVEN}", *overrides)


def run(shop, arguments, before=""):
    return shop.run(arguments, before, env={"OPENAI_API_KEY": FROM_ENVIRONMENT})


@pytest.mark.slow
def test_no_key_is_left_behind_by_a_run_that_worked_and_failed_in_every_way(shop, calm):
    with Endpoint(Indiscreet()) as server:
        assert_discreet(shop, calm, with_keys(shop, server), server)


@pytest.mark.slow
def test_no_key_is_left_behind_by_a_run_whose_footage_gemini_looks_at(shop, calm):
    pytest.importorskip("google.genai", reason="the extra `gemini` is not installed")
    from demitasse.chat.gemini_server import GeminiServer

    class GeminiEndpoint(Listening, GeminiServer):
        """Gemini's formats."""

    with Endpoint(Indiscreet()) as texts, GeminiEndpoint(Indiscreet()) as footage:
        gemini = ("backend=gemini", f"gemini.base_url={footage.base_url}", "gemini.model=m", f"gemini.api_key={GIVEN}")
        arguments = shop.arguments(texts.base_url, *SHORT, *(f"vlm.{key}" for key in gemini))
        assert_discreet(shop, calm, arguments, footage, texts)


def assert_discreet(shop, calm, arguments, *servers) -> None:
    for number in calm[:18]:
        shop.put(f"{number}.mp4", number)
    # One after the other: a key that is refused before it ever worked ends the run.
    ended = run(shop, [*arguments, "video_reasoning_annotation.workflow.max_workers=1"])
    assert set().union(*(server.sent for server in servers)) == {GIVEN, FROM_ENVIRONMENT}, ended.stderr
    assert ended.returncode == 3 and shop.items("mcq"), ended.stderr
    assert "[key]" in " ".join(shop.outcomes().values()), "what the endpoint said is told without the key"
    assert canaries(shop, ended) == []


def test_a_refused_key_is_told_without_the_key(shop):
    shop.put("a.mp4")
    with Endpoint(ScriptedModel(), api_key="another") as server:
        ended = run(shop, with_keys(shop, server))
    assert ended.returncode == 2 and b"refuses the key (HTTP 401: Incorrect API key provided: [key]" in ended.stderr
    assert canaries(shop, ended) == []


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_no_key_is_left_behind_by_an_interrupt(shop, times):
    shop.put("a.mp4")
    with Endpoint(ScriptedModel(), faults=Faults(latency=1.0)) as server:
        process = shop.start(with_keys(shop, server), env={"OPENAI_API_KEY": FROM_ENVIRONMENT})
        assert server.first.wait(300)
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            threading.Event().wait(0.2)
        process.stdout, process.stderr = (Collected(stream) for stream in process.communicate(timeout=300))
    assert process.returncode == 130, process.stderr
    assert canaries(shop, process) == []


class Collected(bytes):
    """Bytes of a stream that has ended."""

    def close(self) -> None:
        """Nothing to close."""


def test_no_key_is_left_behind_by_a_traceback(shop):
    shop.put("a.mp4")
    broken = "import demitasse.chat.openai as m; m.read_completion = lambda content: 1 // 0; "
    with Endpoint(ScriptedModel()) as server:
        ended = run(shop, with_keys(shop, server), broken)
    assert server.sent and "Traceback" in (shop.out / "errors.log").read_text(encoding="utf-8"), ended.stderr
    assert canaries(shop, ended) == []


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(f"vlm.openai.apikey={GIVEN}", id="a_misspelt_name"),
        pytest.param(f"vlm.openai.api_key={{a: {GIVEN}}}", id="a_value_that_is_no_text"),
        pytest.param(f"vlm.api_key={GIVEN}", id="the_wrong_place"),
        pytest.param(f"vlm.openai.base_url=http://127.0.0.1:1/v1?key={GIVEN}", id="a_key_in_the_address"),
    ],
)
def test_a_mistake_with_a_key_is_told_without_the_key(shop, mistake, capsys):
    from demitasse.cli import main

    shop.put("a.mp4")
    assert main(shop.arguments("http://127.0.0.1:1/v1", *SHORT, mistake)) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1 and "CANARY" not in told.out + told.err
    assert not shop.out.exists() or canaries(shop) == []
