"""The model's part of the consistency filter: it is shown the reasoning without the answer, and says where it leads.

For open answers, which can be worded in many ways, it is shown both and says whether one follows from the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotate.asking import origin
from annotate.quality.duplicates import tiou
from annotate.quality.entry import BINARY, CHOICE, CLOSED, Entry
from annotate.quality.grade import FOLLOWS
from annotate.quality.prompts import Desk
from annotate.quality.verdict import Verdict, drop, keep, unknown
from demitasse.answers import read_binary, read_mcq, read_times
from demitasse.engine.step import Fields, Step

VERSION = 1
FILE = "consistency.jsonl"
OVERLAP = 0.3  # tIoU below which a concluded span is another one: reasoning rounds its times


@dataclass(frozen=True)
class ConsistencyFilter:
    """The filter as a step, for items whose reasoning no rule has found to contradict the answer."""

    desk: Desk

    def step(self) -> Step:
        """The step for the graph."""
        return Step("consistency", FILE, VERSION, self._inputs, self._run, merge=False)

    def settled(self, entry: Entry) -> Verdict | None:
        """The verdict on an item that the model is not asked about; None if it is."""
        if entry.fault:
            return unknown("unreadable answer", entry.fault)
        return None if (entry.item.reasoning or "").strip() else keep("no reasoning")

    def _inputs(self, fields: Fields) -> Any:
        entry: Entry = fields["entry"]
        key, blocks = _question(entry)
        asked = self.desk.decides(key, blocks, FOLLOWS if key == "follows" else None)
        return {"asked": asked, "task": entry.task, "right": entry.right_text or entry.right, "span": entry.span}

    async def _run(self, fields: Fields) -> Fields:
        entry: Entry = fields["entry"]
        key, blocks = _question(entry)
        if key == "follows":
            asked = await self.desk.ask(key, blocks, FOLLOWS)
            leads, reason = asked.value.follows, asked.value.reason
            verdict = keep("leads to the answer", reason) if leads else drop("does not lead to the answer", reason)
            return verdict.to_json() | {"provenance": origin(asked)}
        line = await self.desk.ask_line(key, blocks)
        return _compared(entry, line.value).to_json() | {"provenance": origin(line)}


def _question(entry: Entry) -> tuple[str, Mapping[str, str]]:
    item = entry.item
    blocks = {"question": item.question, "reasoning": item.reasoning or ""}
    return ("conclude", blocks) if entry.task in CLOSED else ("follows", blocks | {"answer": item.answer})


def _compared(entry: Entry, said: str) -> Verdict:
    shown, agrees = _concluded(entry, said)
    if not shown:
        return unknown("leads to no clear answer", f'asked where the reasoning leads, the model said "{said[:80]}"')
    if agrees:
        return keep("leads to the answer", concluded=shown)
    reason = f"by the reasoning alone the model concludes {shown}, the answer is {entry.item.answer}"
    return drop("leads to another answer", reason, concluded=shown)


def _concluded(entry: Entry, said: str) -> tuple[str, bool]:
    """What the model concluded ("" if that cannot be read), and whether it is the item's answer."""
    if entry.task in CHOICE:
        letter = read_mcq(said, entry.question.options).value or ""
        return letter, letter == entry.right
    if entry.task in BINARY:
        verdict = read_binary(said).value or ""
        return verdict, verdict == entry.right
    span = read_times(said).value
    if span is None or entry.span is None:
        return "", False
    return f"{span[0]:g} to {span[1]:g} s", tiou(span, entry.span) >= OVERLAP
