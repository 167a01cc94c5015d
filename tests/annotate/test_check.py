"""`demitasse check`: what is missing is named in one sentence, by the fewest requests, before anything is spent."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from annotate.video_reasoning.config import SECTION
from demitasse.chat.faults import Faults
from demitasse.chat.gemini_server import GeminiServer
from demitasse.chat.model import Image, Outcome, Reply, Request, Video
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.cli import main

KEY = "sk-CANARY-0123456789"
BASE = Path(__file__).parents[2] / "recipes/quickstart/base/qwen2_5_vl"


class Picky(ScriptedModel):
    """Refuses what `refuses` says no to, as servers do: with a status and words of their own."""

    def __init__(self, refuses: Callable[[Request], bool], status: int = 400) -> None:
        super().__init__()
        self.refuses, self.status = refuses, status

    async def reply(self, request: Request) -> Reply:
        if self.refuses(request):
            return Reply(Outcome.ERROR, error="some words", status=self.status)
        return await super().reply(request)


def check(*overrides: str) -> tuple[int, str, str]:
    """Exit code, what was printed, and what was complained of."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["check", *(f"{SECTION}.{override}" for override in overrides)])
    return code, out.getvalue(), err.getvalue()


def asking(name: str, base_url: str, model: str = "scripted") -> list[str]:
    return [f"{name}.backend=openai", f"{name}.openai.base_url={base_url}", f"{name}.openai.model_name={model}"]


def shows(kind: type) -> Callable[[Request], bool]:
    return lambda request: any(isinstance(part, kind) for part in request.parts)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_each_endpoint_is_asked_once_and_the_seeing_one_is_shown_a_video() -> None:
    with ChatServer(ScriptedModel()) as seeing, ChatServer(ScriptedModel()) as reading:
        code, out, err = check(*asking("vlm", seeing.base_url), *asking("llm", reading.base_url, "other"))
        assert (seeing.counts.requests, reading.counts.requests) == (1, 1)
    assert (code, err) == (0, "")
    vlm, llm = out.splitlines()
    assert vlm.startswith("vlm: openai:loopback/scripted answered given a video and a JSON schema in ")
    assert llm.startswith("llm: openai:loopback/other answered given a JSON schema in ")
    assert " as scripted (" in llm


def test_equal_endpoints_are_asked_together_once() -> None:
    with ChatServer(ScriptedModel()) as server:
        code, out, _ = check(*asking("vlm", server.base_url), *asking("llm", server.base_url))
        assert server.counts.requests == 1
    assert code == 0
    assert out.startswith("vlm and llm: ")


def test_only_what_the_chosen_steps_ask_is_checked() -> None:
    assert check("workflow.steps=[4]") == (0, "the chosen steps ask no endpoint\n", "")


def test_a_missing_key_is_named_and_nothing_is_sent() -> None:
    code, out, err = check("workflow.steps=[0]", *asking("vlm", "https://models.example.com/v1"))
    assert (code, out) == (2, "")
    assert err == (
        "vlm: the environment variable OPENAI_API_KEY is not set: put the key for https://models.example.com/v1 in it\n"
    )


def problem_of(model: ScriptedModel, *overrides: str, name: str = "vlm") -> str:
    """The sentence about the one endpoint that is asked."""
    steps = "workflow.steps=[0]" if name == "vlm" else "workflow.steps=[2]"
    with ChatServer(model) as server:
        code, _, err = check(steps, *asking(name, server.base_url), *overrides)
        assert server.counts.requests <= 3
    assert code == 2
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("model", "overrides", "said"),
    [
        pytest.param(Picky(shows(Video)), [], "takes no video files: set {vlm}.openai.video=false", id="video"),
        pytest.param(
            Picky(shows(Image)),
            ["vlm.openai.video=false"],
            "takes no pictures: choose a model that sees",
            id="pictures",
        ),
        pytest.param(
            Picky(lambda request: request.schema is not None),
            [],
            "takes no JSON schema: set {vlm}.openai.json_schema=false",
            id="schema",
        ),
        pytest.param(
            Picky(lambda request: request.sampling.fps is not None and shows(Video)(request)),
            ["vlm.openai.kind=vllm", "vlm.openai.fps=2", "vlm.openai.json_schema=false"],
            "cannot be told frames a second in this way: let the server allow it, set another {vlm}.openai.fps_channel",
            id="frames_a_second",
        ),
        pytest.param(Picky(lambda _: True, 404), [], "set {vlm}.openai.model_name to one of scripted", id="name"),
        pytest.param(Picky(lambda _: True, 403), [], "refuses the key (HTTP 403: some words): put the right", id="key"),
        pytest.param(Picky(lambda _: True, 503), [], "is there and fails: HTTP 503: some words", id="failing"),
        pytest.param(Picky(lambda _: True, 429), [], "takes no more requests now, which will be waited for", id="busy"),
    ],
)
def test_what_is_missing_is_found_out_and_said(model: Picky, overrides: list[str], said: str) -> None:
    if "model_name" in said:
        overrides = ["vlm.openai.model_name=scriptd"]
    assert said.replace("{vlm}", f"{SECTION}.vlm") in problem_of(model, *overrides)


def test_an_endpoint_whose_model_says_nothing_is_there() -> None:
    class Silent(ScriptedModel):
        async def reply(self, request: Request) -> Reply:
            return Reply(Outcome.SUCCESS, "", model="m")

    assert "is there and answered with no text that can be used: the reply has no text" in problem_of(Silent())


def test_a_smaller_request_that_gets_an_empty_reply_was_taken() -> None:
    class Empty(Picky):
        async def reply(self, request: Request) -> Reply:
            reply = await super().reply(request)
            return reply if reply.outcome is Outcome.ERROR else Reply(Outcome.SUCCESS, "", model="m")

    assert "takes no video files" in problem_of(Empty(shows(Video)))


def test_a_schema_that_is_taken_and_not_kept_to_is_said() -> None:
    class Chatty(ScriptedModel):
        async def reply(self, request: Request) -> Reply:
            return Reply(Outcome.SUCCESS, "Sure! I am ready.")

    assert f"does not keep to it: set {SECTION}.llm.openai.json_schema=false" in problem_of(Chatty(), name="llm")


def test_nobody_there_is_said_with_the_place_of_the_address() -> None:
    with socket.socket() as deaf:  # it holds the port, so that nobody else comes to listen there
        deaf.bind(("127.0.0.1", 0))
        code, _, err = check("workflow.steps=[0]", *asking("vlm", f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"))
    assert code == 2
    assert f"is it running, and is {SECTION}.vlm.openai.base_url right?" in err


def test_a_wrong_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with ChatServer(ScriptedModel(), api_key="x") as one, GeminiServer(ScriptedModel(), api_key="x") as other:
        code, out, err = check(*asking("vlm", one.base_url), f"llm.gemini.base_url={other.base_url}")
    assert code == 2
    assert err.count("refuses the key") == 2
    assert "GOOGLE_API_KEY or GEMINI_API_KEY" in err
    assert "CANARY" not in out + err


def test_gemini_is_shown_a_video_too() -> None:
    with GeminiServer(ScriptedModel()) as server:
        code, out, _ = check("workflow.steps=[0]", f"vlm.gemini.base_url={server.base_url}")
    assert code == 0
    assert "gemini:loopback/gemini-3.1-flash-lite-preview answered given a video and a JSON schema" in out


def test_a_slow_endpoint_is_said_to_be() -> None:
    with ChatServer(ScriptedModel(), faults=Faults(latency=2)) as server:
        code, _, err = check("workflow.steps=[0]", *asking("vlm", server.base_url), "vlm.openai.timeout=0.3")
    assert code == 2
    assert "no whole reply within 0.3 s" in err


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        pytest.param(["llm.backend=openai"], "llm.openai.model_name is not set", id="no_model"),
        pytest.param(["llm.backend=local", "llm.local.path=/nowhere"], "holds no model", id="no_checkpoint"),
        pytest.param(["llm.backend=local"], "llm.local.path is not set", id="no_path"),
        pytest.param([*asking("llm", "http://h/v1?key=1")], "carries a user, a query", id="a_bad_address"),
    ],
)
def test_settings_that_cannot_be_used_are_said_without_asking(overrides: list[str], said: str) -> None:
    code, _, err = check("workflow.steps=[2]", *overrides)
    assert code == 2
    assert said in err


def test_a_spec_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(f"{SECTION}: {{vlm: {{backnd: openai}}}}", encoding="utf-8")
    err = io.StringIO()
    with redirect_stderr(err):
        assert main(["check", "--config", str(path)]) == 2
    assert "backend" in err.getvalue()
    assert err.getvalue().count("\n") == 1
