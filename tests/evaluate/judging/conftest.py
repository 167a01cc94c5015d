"""Judges that say what a test tells them to, and runs whose free text they judge."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from demitasse.chat.blocks import read_blocks
from demitasse.chat.model import Capability, ChatModel, Outcome, Reply, Request, Usage
from demitasse.engine.limits import Limits
from evaluate.comparing.arm import load_arm
from evaluate.judging.judge import Judged, judge_run
from evaluate.judging.protocol import Judge, Protocol
from evaluate.records import Asked

QUICK = Limits(reasks=1, attempts=2, first_wait=0.001, longest_wait=0.001, concurrency=2)


class FakeJudge:
    """Replies with what `say(request)` returns: text, a number for that score, or a whole `Reply`."""

    def __init__(self, say: Callable[[Request], str | int | Reply], name: str = "fake/judge-1") -> None:
        self.name = name
        self.capability = Capability()
        self.requests: list[Request] = []
        self._say = say

    async def reply(self, request: Request) -> Reply:
        self.requests.append(request)
        said = self._say(request)
        if isinstance(said, Reply):
            return said
        text = json.dumps({"reason": "so", "score": said}) if isinstance(said, int) else said
        return Reply(Outcome.SUCCESS, text, model=f"{self.name}-dated", usage=Usage(100, 10), latency=0.5)

    async def close(self) -> None:
        """Nothing is held open."""


@pytest.fixture
def fake() -> type[FakeJudge]:
    """The class, for tests that make several."""
    return FakeJudge


@pytest.fixture
def response() -> Callable[[Request], str]:
    """The student's answer as a request carries it."""
    return lambda request: read_blocks(request.text)["response"]


@pytest.fixture
def judge() -> Callable[..., Judged]:
    """Judge a run folder with one fake or several, quickly."""

    def run(folder: Path, fakes: ChatModel | list[ChatModel], **rules: object) -> Judged:
        several = list(fakes) if isinstance(fakes, list) else [fakes]
        more = {name: rules.pop(name) for name in ("allow_self", "money", "limits") if name in rules}
        protocol = Protocol(**rules)
        judges = [Judge(one) for one in several]
        return judge_run(load_arm(folder), judges, protocol, progress=False, **{"limits": QUICK, **more})

    return run


@pytest.fixture
def answered(make_run: Callable[..., Path]) -> Path:
    """A run of four videos whose free text answers name their video."""
    return make_run("a", answers)


def answers(row: Asked) -> str:
    """An answer that names its video, or the reference where an exact metric scores."""
    return f"about {row.video_id}" if row.task == "open_qa" else row.reference
