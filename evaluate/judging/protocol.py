"""How judging is done: everything that decides a judgement beside the judge and what it is given."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import orjson

from demitasse.chat.blocks import write_blocks
from demitasse.chat.model import ChatModel, Request, Sampling, Text
from demitasse.errors import DataError
from demitasse.prompts import Pack
from demitasse.prompts.rubric import STEP, load_rubric, rubric_hash, write_prompt
from evaluate.judging.profile import LIKERT, JudgeProfile
from evaluate.judging.questions import KeyQuestion, Questions
from evaluate.judging.sight import Sight
from evaluate.metric import JUDGE, metric_for
from evaluate.parse.free import parse_free
from evaluate.records import Asked, Prediction
from evaluate.score.judged import fingerprint

Pooling = Literal["median", "mean"]
MAX_TOKENS = 1024  # room for a judge that reasons; a reply cut short is asked once more with twice as much
SAMPLING = Sampling(temperature=0.0, max_tokens=MAX_TOKENS, seed=0)
_ORDER = ("question", "reference", "response")
_REPLY_FIRST = ("question", "response", "reference")


@dataclass(frozen=True, slots=True)
class Judge:
    """Who is asked, and how its words are chosen."""

    model: ChatModel
    sampling: Sampling = SAMPLING

    @property
    def name(self) -> str:
        """As in keys and files."""
        return self.model.name


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a judge is given about one item. `control` names the control or probe that it belongs to, if any."""

    asked: Asked
    reference: str
    response: str
    control: str = ""
    reply_first: bool = False

    @property
    def of(self) -> str:
        """The fingerprint of the item and the reply, with whatever question and rubric they are judged."""
        return fingerprint(self.asked, self.response)

    @property
    def id(self) -> str:
        """Unique in one gathering of votes."""
        return f"{self.control}/{self.asked.item_id}" if self.control else self.asked.item_id


@dataclass(frozen=True)
class Protocol:
    """The rules of one judging.

    Attributes:
        profile: what is asked for.
        rubric: in which words; None for the profile's own.
        questions: of each key, where items are keys of a clip; None for the items' own.
        repeats: times that each judge is asked about each item.
        pooling: how several judges' scores become one.
        sight: the frames that judges see; None for text alone.
    """

    profile: JudgeProfile = LIKERT
    rubric: Pack | None = None
    questions: Questions | None = None
    repeats: int = 1
    pooling: Pooling = "median"
    sight: Sight | None = None

    @cached_property
    def words(self) -> Pack:
        """The rubric that is used."""
        return self.rubric or load_rubric(self.profile.rubric)

    @property
    def rubric_sha256(self) -> str:
        """Sixteen hexadecimal digits that change with any word of the rubric, and with the marks that are asked for."""
        marks = [[mark.key, mark.low, mark.high, mark.yes_no] for mark in self.profile.marks]
        return hashlib.sha256(orjson.dumps([rubric_hash(self.words), marks])).hexdigest()[:16]

    def request(self, exchange: Exchange, sampling: Sampling, repeat: int = 0) -> Request:
        """The request about one exchange, without the frames that may follow.

        The texts are fenced: nothing in them is an instruction. A repeat is a question put anew, with its own seed.
        """
        key = self.questions.of(exchange.asked) if self.questions else KeyQuestion()
        texts = {
            "question": key.question or exchange.asked.question,
            "reference": exchange.reference,
            "response": exchange.response,
        }
        blocks = write_blocks({name: texts[name] for name in (_REPLY_FIRST if exchange.reply_first else _ORDER)})
        rubric = key.rubric or self.words
        prompt = write_prompt(rubric, blocks, key.scale, frames=self.sight is not None)
        seed = None if sampling.seed is None else sampling.seed + repeat
        sampling = replace(sampling, seed=seed)
        return Request(STEP, (Text(prompt),), rubric.system, self.profile.schema, sampling, round=repeat)


def exchanges(items: Mapping[str, Asked], predictions: Mapping[str, Prediction]) -> Iterator[Exchange]:
    """One for each free-text item whose reply leaves something to judge."""
    for item_id, asked in items.items():
        answer = parse_free(predictions.get(item_id)).value if is_judged(asked) else None
        if answer is not None:
            yield Exchange(asked, asked.reference, answer)


def is_judged(asked: Asked) -> bool:
    """Whether the item is free text; every other task has an exact metric, and costs no call.

    One whose own fields are at fault is not worth a call either: `demitasse score` names it, or leaves it out.
    """
    try:
        return metric_for(asked) is JUDGE
    except DataError:
        return False
