"""Which replies people label: few, drawn by lot, but not all of the score that the judge gives most.

Items are drawn, not replies, so that every run's reply to an item is labelled and a difference can be corrected too.
They are stratified by the scores that the judge gave in the runs; each drawn item knows how many it stands for.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from demitasse.atomic import write_text
from demitasse.errors import DataError
from evaluate.comparing.arm import Arm
from evaluate.comparing.summary import nearest
from evaluate.metric import JUDGE
from evaluate.parse.free import parse_free
from evaluate.records import Json, Scored
from evaluate.score.judged import fingerprint

SAMPLE = "sample.json"
FORMAT = "demitasse-label-sample-v1"


@dataclass(frozen=True, slots=True)
class Card:
    """One reply to be labelled. `card` tells a labeller neither the run nor the judge's score."""

    card: str
    item_id: str
    run: str
    video_id: str
    question: str
    reference: str
    answer: str
    judged: float
    weight: float  # how many items of its stratum its item stands for


def draw(arms: Sequence[Arm], items: int, seed: int = 0) -> list[Card]:
    """The cards of so many items, in an order of their own in which neither runs nor scores can be seen.

    Args:
        arms: judged runs of the same items.
        items: how many to draw; all where there are fewer.
        seed: of the lot.

    Raises:
        DataError: if no item has a judge's score and an answer in every run.
    """
    scores = {arm.name: arm.scores() for arm in arms}
    shared = [key for key in arms[0].items if all(_labelled(scores[arm.name].get(key)) for arm in arms)]
    if not shared:
        raise DataError(
            f"{', '.join(str(arm.folder) for arm in arms)}: no item has a judge's score in every run; "
            "`demitasse judge` gives scores"
        )
    strata: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for key in shared:
        strata[tuple(nearest(scores[arm.name][key].score or 0) for arm in arms)].append(key)
    chance = random.Random(f"labels {seed}")
    counts = _shares({stratum: len(keys) for stratum, keys in strata.items()}, items)
    cards = []
    for stratum, keys in sorted(strata.items()):
        for key in chance.sample(sorted(keys), counts[stratum]):
            cards += [_card(arm, scores[arm.name][key], len(keys) / counts[stratum]) for arm in arms]
    chance.shuffle(cards)
    return cards


def _labelled(row: Scored | None) -> bool:
    """Whether a reply has words to be labelled and a score to be compared with."""
    return row is not None and row.metric == JUDGE.name and row.score is not None and row.fault is None


def _shares(sizes: dict[tuple[int, ...], int], items: int) -> dict[tuple[int, ...], int]:
    """How many of each stratum: one after the other in turns, until all are given out."""
    counts = dict.fromkeys(sizes, 0)
    left = min(items, sum(sizes.values()))
    while left:
        for stratum in sorted(sizes):
            if left and counts[stratum] < sizes[stratum]:
                counts[stratum] += 1
                left -= 1
    return counts


def _card(arm: Arm, row: Scored, weight: float) -> Card:
    answer = parse_free(arm.predictions.get(row.asked.item_id)).value or ""
    # The item too: two videos may have the same question, reference and answer.
    of = f"{arm.name}\n{row.asked.item_id}\n{fingerprint(row.asked, answer)}"
    return Card(
        card=hashlib.sha256(of.encode()).hexdigest()[:12],
        item_id=row.asked.item_id,
        run=arm.name,
        video_id=row.asked.video_id,
        question=row.asked.question,
        reference=row.asked.reference,
        answer=answer,
        judged=float(row.score or 0),
        weight=weight,
    )


def write_sample(folder: Path, cards: Sequence[Card], arms: Sequence[Arm]) -> None:
    """Write `sample.json`: the cards with all that labellers must not see, and which runs they are of."""
    runs = {arm.name: str(arm.folder.resolve()) for arm in arms}
    content: Json = {"format": FORMAT, "id": sample_id(cards), "runs": runs, "cards": [asdict(card) for card in cards]}
    write_text(folder / SAMPLE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_sample(folder: Path) -> tuple[str, dict[str, str], list[Card]]:
    """The sample's id, its runs' folders by name, and its cards.

    Raises:
        DataError: if it is not there or is no sample.
    """
    path = folder / SAMPLE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return content["id"], content["runs"], [Card(**card) for card in content["cards"]]
    except FileNotFoundError:
        raise DataError(f"{path} is not there; `demitasse calibrate sample RUN --out {folder}` writes it") from None
    except (ValueError, KeyError, TypeError) as fault:
        raise DataError(f"{path} is no sample of this version ({fault}); draw it again") from fault


def sample_id(cards: Sequence[Card]) -> str:
    """Sixteen hexadecimal digits that change with any card; labels say which sample they are of."""
    return hashlib.sha256("\n".join(sorted(card.card for card in cards)).encode()).hexdigest()[:16]
