"""A disk that fills up while calls wait for their turn: what cannot be kept is not bought."""

import asyncio
import os

from demitasse.chat.model import Capability, Outcome, Reply, Request, Text
from demitasse.engine import journal
from demitasse.engine.caller import open_caller
from demitasse.engine.limits import Limits
from demitasse.engine.step import Stop

REAL_WRITE = os.write


class Counting:
    """Counts what it is asked and what it has answered."""

    name, capability = "counting", Capability()
    asked = answered = 0

    async def reply(self, request):
        """The same to everything."""
        self.asked += 1
        await asyncio.sleep(0.005)
        self.answered += 1
        return Reply(Outcome.SUCCESS, "yes", model="counting")


def test_nothing_more_is_bought_once_the_disk_takes_no_more(tmp_path, monkeypatch):
    model = Counting()

    async def ask_many(caller):
        asked = (caller.ask(model, Request("ask", (Text(str(number)),)), str) for number in range(40))
        return await asyncio.gather(*asked, return_exceptions=True)

    with open_caller(tmp_path, Limits(concurrency=2)) as caller:
        monkeypatch.setattr(journal.os, "write", lambda fd, data: 0 if model.answered > 5 else REAL_WRITE(fd, data))
        ends = asyncio.run(ask_many(caller))
    written = len((tmp_path / "calls.jsonl").read_bytes().splitlines())
    assert written and model.asked <= written + 2, "no more than were in flight"
    assert sum(isinstance(end, Stop) for end in ends) == 40 - written
