"""Can a model that sees no video answer the question? Then training on it teaches to guess.

VidGround (arXiv 2604) found 31 % of Video-R1's questions to be so, and a better student without them. Each item is
tried several times with its options in another order each time, all fixed by the item's content. The tries end as
soon as the outcome is certain. A refusal or an answer that cannot be read is not right, and is counted.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from annotate.asking import Asked, origin
from annotate.quality.config import Blind
from annotate.quality.duplicates import tiou
from annotate.quality.entry import BINARY, CHOICE, CLOSED, SPAN, Entry
from annotate.quality.grade import AnswerGrader
from annotate.quality.prompts import Desk
from annotate.quality.verdict import Verdict, drop, keep, unknown
from demitasse.answers import read_binary, read_mcq, read_times
from demitasse.engine.step import Fields, Step

VERSION = 1
FILE = "blind.jsonl"
# A model that says the same to nearly every yes-or-no question is right about half of them and knows nothing.
ONE_SIDED, FEWEST_TO_SAY_SO = 0.9, 20


@dataclass(frozen=True)
class Try:
    """One try: what is shown, and what would be right."""

    key: str
    blocks: Mapping[str, str]
    options: Mapping[str, str]
    right: str


@dataclass(frozen=True)
class BlindFilter:
    """The filter as a step."""

    desk: Desk
    grader: AnswerGrader
    config: Blind

    def step(self) -> Step:
        """The step for the graph."""
        return Step("blind", FILE, VERSION, self._inputs, self._run, merge=False)

    def settled(self, entry: Entry) -> Verdict | None:
        """The verdict on an item that the model is not asked about; None if it is."""
        if entry.fault:
            return unknown("unreadable answer", entry.fault)
        if entry.task not in CLOSED and not self.config.open_answers:
            return keep("open answer", "open answers are asked blind only with blind.open_answers")
        return None

    def _inputs(self, fields: Fields) -> Any:
        entry: Entry = fields["entry"]
        tries = [make_try(entry, number, fields["duration"]) for number in range(self.config.tries)]
        grading = self.grader.decides() if entry.task not in CLOSED else None
        asked = [self.desk.decides(one.key, one.blocks) for one in tries]
        return {"asked": asked, "config": asdict(self.config), "item": _truth(entry), "grading": grading}

    async def _run(self, fields: Fields) -> Fields:
        entry: Entry = fields["entry"]
        wanted = self._wanted(entry)
        right, said, asked = 0, [], list[Asked[Any]]()
        for number in range(self.config.tries):
            answer, is_right = await self._try(entry, number, fields["duration"], asked)
            right += is_right
            said.append(answer)
            left = self.config.tries - number - 1
            if right >= wanted or right + left < wanted:
                break
        return self._verdict(right, wanted, said).to_json() | {"provenance": origin(*asked)}

    async def _try(
        self, entry: Entry, number: int, duration: float | None, asked: list[Asked[Any]]
    ) -> tuple[str, bool]:
        """What the model says, as it was read ("" if it could not be), and whether that is right."""
        one = make_try(entry, number, duration)
        reply = await self.desk.trying(number, self.config.temperature).ask_line(one.key, one.blocks)
        asked.append(reply)
        if entry.task in CHOICE:
            letter = read_mcq(reply.value, one.options).value or ""
            return one.options.get(letter, ""), letter == one.right
        if entry.task in BINARY:
            verdict = read_binary(reply.value).value or ""
            return verdict, verdict == one.right
        if entry.task in SPAN:
            span = read_times(reply.value).value
            return _shown(span), span is not None and tiou(span, entry.span or (0, 0)) >= self.config.tiou
        graded = await self.grader.grade(entry, reply.value)
        asked.append(graded)
        return reply.value, graded.value.score >= self.config.open_score

    def _wanted(self, entry: Entry) -> int:
        config = self.config
        wanted = dict.fromkeys(CHOICE, config.mcq_right) | dict.fromkeys(BINARY, config.bcq_right)
        return (wanted | dict.fromkeys(SPAN, config.times_right)).get(entry.task, config.open_right)

    def _verdict(self, right: int, wanted: int, said: list[str]) -> Verdict:
        scores: dict[str, Any] = {
            "blind_correct": right,
            "blind_k": self.config.tries,
            "blind_tried": len(said),
            "blind_unread": said.count(""),
            "blind_said": said,
            "blind_model": self.desk.model_name,
        }
        if right >= wanted:
            reason = f"right {right} times in {len(said)} without the video"
            return drop("answered without the video", reason, **scores)
        return keep(**scores)


def make_try(entry: Entry, number: int, duration: float | None) -> Try:
    """One try's question. The order of its options is fixed by the item and the try, and not by today's order."""
    if entry.task not in CHOICE:
        key = "blind_bcq" if entry.task in BINARY else "blind_times" if entry.task in SPAN else "blind_open"
        blocks = {"question": entry.question.stem}
        if entry.task in SPAN:
            blocks["length"] = "not known" if duration is None else f"{duration:.1f} seconds"
        return Try(key, blocks, {}, entry.right)
    texts = sorted(entry.question.options.values())
    random.Random("\0".join([entry.item.media_id, entry.question.stem, *texts, str(number)])).shuffle(texts)
    options = dict(zip(entry.question.options, texts, strict=True))
    right = next(letter for letter, text in options.items() if text == entry.right_text)
    lines = "\n".join(f"{letter}. {text}" for letter, text in options.items())
    return Try("blind_mcq", {"question": entry.question.stem, "options": lines}, options, right)


def one_sided(entries: Iterable[Entry], verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """Other verdicts on yes-or-no items, where the model says the same to nearly all of them: it knows none."""
    said: Counter[str] = Counter()
    binary = [entry for entry in entries if entry.task in BINARY and "blind_said" in verdicts[entry.id].scores]
    for entry in binary:
        said.update(word for word in verdicts[entry.id].scores["blind_said"] if word)
    word, count = said.most_common(1)[0] if said else ("", 0)
    if len(binary) < FEWEST_TO_SAY_SO or count < ONE_SIDED * said.total():
        return {}
    reason = f"right, but the model says {word} {count} times of {said.total()} to yes-or-no questions"
    dropped = [entry.id for entry in binary if verdicts[entry.id].word == "drop"]
    return {one: unknown("model answers one-sidedly", reason, **verdicts[one].scores) for one in dropped}


def _shown(span: tuple[float, float] | None) -> str:
    return "" if span is None else f"{span[0]:g}-{span[1]:g}"


def _truth(entry: Entry) -> list[Any]:
    return [entry.task, entry.right_text or entry.right or entry.item.answer, entry.span]
