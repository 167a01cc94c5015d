"""A judge that may not take our key is asked by one at a time, until it has answered."""

import asyncio

import pytest

from demitasse.chat.model import Capability, Outcome, Reply
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.cli import main
from demitasse.engine.limits import Limits
from demitasse.engine.step import Stop
from evaluate.judging import door as door_module
from evaluate.judging.door import Door

WIDE = Limits(reasks=1, attempts=2, first_wait=0.001, longest_wait=0.001, concurrency=4)
DENIED = Reply(Outcome.ERROR, error="HTTP 401: wrong key", status=401)


class Endpoint:
    """A judge behind an endpoint: answers 4 after a moment, and tells `models`."""

    name = "endpoint/judge"
    capability = Capability()

    def __init__(self, models, answer=None):
        self.models, self.answer = models, answer or Reply(Outcome.SUCCESS, "4", model="judge")
        self.asked = self.at_once = self.peak = self.looks = 0

    async def served(self):
        self.looks += 1
        await asyncio.sleep(0)
        return self.models

    async def reply(self, request):
        self.asked += 1
        self.at_once += 1
        self.peak = max(self.peak, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        return self.answer

    async def close(self):
        pass


def test_a_wrong_key_costs_one_call_however_many_wait(answered, judge):
    one = Endpoint([], DENIED)
    with pytest.raises(Stop, match="refuses the key"):
        judge(answered, one, limits=WIDE)
    assert (one.asked, one.looks) == (1, 1)


@pytest.mark.parametrize(
    ("models", "peak"),
    [
        pytest.param(["judge"], 4, id="all_at_once_where_the_models_are_told"),
        pytest.param([], 3, id="one_alone_and_then_the_others_where_they_are_not"),
    ],
)
def test_a_right_key_is_asked_for_everything(answered, judge, models, peak):
    one = Endpoint(models)
    done = judge(answered, one, limits=WIDE)
    assert (done.scored, one.asked, one.looks, one.peak) == (4, 4, 1, peak)


def test_who_leaves_with_an_error_opens_the_door_to_the_next_alone():
    async def work():
        door, order = Door(Endpoint([])), []

        async def ask(name, fails):
            async with door.enter():
                order.append(f"{name} in")
                await asyncio.sleep(0)
                order.append(f"{name} out")
                if fails:
                    raise ValueError(name)

        await asyncio.gather(*(ask(name, name == "a") for name in "abcd"), return_exceptions=True)
        return order

    told = asyncio.run(work())
    assert told[:4] == ["a in", "a out", "b in", "b out"]
    assert told[4:] == ["c in", "d in", "c out", "d out"]


def test_a_list_that_never_comes_is_not_waited_for(monkeypatch, answered, judge):
    class Silent(Endpoint):
        async def served(self):
            await asyncio.sleep(60)

    monkeypatch.setattr(door_module, "SECONDS", 0.01)
    assert judge(answered, Silent([])).scored == 4


def test_a_model_in_this_process_has_no_list_and_no_key(answered, judge, fake):
    assert asyncio.run(door_module.tells_models(fake(lambda request: 4))) is True


def test_a_run_that_is_all_kept_looks_at_nothing(answered, judge):
    judge(answered, Endpoint(["judge"]))
    again = Endpoint(["judge"])
    assert (judge(answered, again).scored, again.looks, again.asked) == (4, 0, 0)


def test_a_wrong_key_over_http_is_a_sentence_without_the_key(answered, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-this-one-at-all")
    with ChatServer(ScriptedModel(), api_key="another") as server:
        code = main(["judge", str(answered), "--model", "m", "--base-url", server.base_url, "--concurrency", "4"])
    said = capsys.readouterr()
    assert code == 2
    assert "refuses the key (HTTP 401: Incorrect API key provided: [key]" in said.err
    assert "sk-not-this" not in said.err + said.out
