"""A run that test_kill.py kills: two calls a record, every request noted in a file as it is sent.

python killed_run.py RESULTS_DIR
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

from demitasse.chat.model import Capability, Outcome, Reply, Request, Text
from demitasse.engine.caller import Caller, ParseError, open_caller, provenance
from demitasse.engine.limits import Limits
from demitasse.engine.runner import run
from demitasse.engine.step import Fields, Record, Step

RECORDS = 100
CONCURRENCY = 4


class Paid:
    """A model whose every request is money: one line in `bought.txt` each."""

    name = "paid"
    capability = Capability()

    def __init__(self, folder: Path) -> None:
        self._bill = os.open(folder / "bought.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def reply(self, request: Request) -> Reply:
        """Usable at the second try for every fifth question."""
        os.write(self._bill, f"{request.key(self.name)}\n".encode())
        await asyncio.sleep(random.uniform(0.005, 0.02))
        usable = bool(request.turns) or not request.text.endswith(("0", "5"))
        return Reply(Outcome.SUCCESS, f"reply to {request.text}" if usable else "", model="paid")

    async def close(self) -> None:
        os.close(self._bill)


def parse(text: str) -> str:
    if not text:
        raise ParseError("The reply is empty.")
    return text


def make_step(name: str, caller: Caller, model: Paid, after: tuple[str, ...]) -> Step:
    async def work(fields: Fields) -> Fields:
        answer = await caller.ask(model, Request(name, (Text(f"{name} of {fields['video']}"),)), parse)
        return {name: answer.value, "provenance": provenance(answer)}

    return Step(name, f"{name}.jsonl", 1, lambda fields: fields["video"], work, after)


def main(folder: Path) -> None:
    with open_caller(folder, Limits(concurrency=CONCURRENCY)) as caller:
        model = Paid(folder)
        steps = [make_step("caption", caller, model, ()), make_step("question", caller, model, ("caption",))]
        records = (Record(f"{number}", {"video": f"{number}"}) for number in range(RECORDS))
        print(run(records, steps, folder, caller=caller, models=[model], workers=8, progress=False).line())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
