"""Which items the page shows: what sorting all of them by hand would choose."""

import random
from itertools import islice, zip_longest

import pytest

from evaluate.comparing.compare import Comparison
from evaluate.records import Asked, Fault, Scored, State
from evaluate.report import items as page
from evaluate.report.items import choose_items

TASKS = ("mcq", "bcq", "open_qa")
METRIC = {"mcq": "mcq", "bcq": "binary", "open_qa": "judge"}


def comparison(seed, count):
    """Random scores, with many ties, faults and unscored rows."""
    chance = random.Random(seed)
    scores = {"before": {}, "after": {}}
    for place in chance.sample(range(10 * count), count):
        task = chance.choice(TASKS)
        asked = Asked(f"{place:05}", task, f"{place % 7}.mp4", "?", "A")
        for arm in scores.values():
            score = chance.choice((1.0, 2.0, 5.0, None) if task == "open_qa" else (0.0, 1.0))
            fault = chance.choice((None, None, Fault.EMPTY)) if score in (0.0, 1.0) else None
            state = State.JUDGE_FAULT if score is None else State.MODEL_FAULT if fault else State.SCORED
            fault = Fault.NOT_JUDGED if score is None else fault
            arm[asked.item_id] = Scored(asked, METRIC[task], state, score, fault)
    return Comparison({}, scores, "before", "after")


def by_hand(found):
    """Ids by group, and the groups' counts: everything sorted, then the first few of each task."""
    pairs = [(row, found.scores["after"][key]) for key, row in found.scores["before"].items()]

    def move(pair):
        if pair[0].score is None or pair[1].score is None:
            return 0.0
        return (pair[1].score - pair[0].score) / (4 if pair[0].metric == "judge" else 1)

    ranked = sorted(pairs, key=lambda pair: (-move(pair), pair[0].asked.item_id))
    faults = [pair for pair in pairs if pair[0].fault or pair[1].fault]
    groups = {
        "gain": [pair for pair in ranked if move(pair) > 0],
        "loss": [pair for pair in reversed(ranked) if move(pair) < 0],
        "fault": sorted(faults, key=lambda pair: (pair[1].fault is None, pair[0].asked.item_id)),
    }
    shown, told = set(), {}
    for name, group in groups.items():
        seen, chosen = dict.fromkeys(TASKS, 0), []
        for pair in group:
            task, key = pair[0].asked.task, pair[0].asked.item_id
            seen[task] += key not in shown
            if key not in shown and seen[task] <= page.SHOWN_OF_TASK:
                chosen.append(key)
        told[name] = (len(group), chosen[: page.SHOWN])
        shown |= set(told[name][1])
    rest = sorted(key for key in found.scores["before"] if key not in shown)
    task_of = {key: row.asked.task for key, row in found.scores["before"].items()}
    turns = {task_of[key]: [one for one in rest if task_of[one] == task_of[key]] for key in rest}
    others = [key for turn in zip_longest(*turns.values()) for key in turn if key is not None]
    return told | {"item": (len(pairs) - len(shown), list(islice(others, page.MOST)))}


@pytest.mark.parametrize("count", [0, 1, 5, 60, 500])
@pytest.mark.parametrize("seed", range(4))
def test_the_groups_are_those_of_sorting_everything(tmp_path, seed, count):
    found = comparison(seed, count)
    told = {
        group["name"]: (group["count"], [item["item_id"] for item in group["items"]])
        for group in choose_items(found, tmp_path, None)
    }
    assert told == by_hand(found)
