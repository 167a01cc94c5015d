"""The benchmark beside the recipe's script: its clips are runs of ours, its judge reads both sides' prompts alike."""

import json
import sys
from pathlib import Path

import pytest

from demitasse.chat.model import Sampling
from evaluate.comparing.arm import check_gold, load_arm
from evaluate.judging.protocol import Protocol, exchanges

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))

from judge_endpoint import completion, texts, verdict
from judge_inputs import CLASSES, PROSE, write_clips


@pytest.fixture
def clips(tmp_path):
    write_clips(tmp_path / "clips", 3)
    return tmp_path / "clips"


def test_nine_keys_of_fifteen_are_the_judges_and_the_others_can_be_scored(clips):
    arm = load_arm(clips / "run")
    given = list(exchanges(arm.items, arm.predictions))
    assert (len(arm.items), len(given)) == (3 * (len(CLASSES) + len(PROSE)), 3 * len(PROSE))
    assert {one.asked.task for one in given} == set(PROSE)
    assert check_gold(arm.items, skip=False) == {}
    exact = [row for row in arm.scores().values() if row.asked.task in CLASSES]
    assert all(row.score is not None and row.fault is None for row in exact)


def test_both_sides_are_given_the_same_texts(clips):
    arm = load_arm(clips / "run")
    for one in exchanges(arm.items, arm.predictions):
        clip, key = one.asked.item_id.split("/")
        gold = json.loads((clips / "labels" / f"{clip}.label.json").read_text())
        given = json.loads((clips / "answers" / f"{clip}.mp4.json").read_text().strip("`json\n"))
        assert (one.reference, one.response) == (gold[key], given[key])


def test_every_text_of_prose_is_another_one(clips):
    arm = load_arm(clips / "run")
    assert len({one.of for one in exchanges(arm.items, arm.predictions)}) == 3 * len(PROSE)


def test_the_judge_reads_our_prompt_and_the_recipes_alike(clips):
    arm = load_arm(clips / "run")
    one = next(exchanges(arm.items, arm.predictions))
    ours = Protocol().request(one, Sampling()).text
    theirs = f"*** Human response ***:\n{one.reference}\n\n*** LLM response ***:\n{one.response}\n\nProvide your answer"
    assert texts(ours) == texts(theirs) == (one.reference, one.response)
    said = [
        completion(json.dumps({"messages": [{"content": ours}], "response_format": {}}).encode()),
        completion(json.dumps({"messages": [{"content": [{"type": "text", "text": theirs}]}]}).encode()),
    ]
    score = verdict(one.reference, one.response)
    contents = [told["choices"][0]["message"]["content"] for told in said]
    assert json.loads(contents[0])["score"] == score
    assert contents[1].endswith(f"<answer>{score}</answer>")


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        pytest.param("Red bus near kerb", 5, id="the_same_words"),
        pytest.param("red bus far lane", 2, id="two_words_of_six"),
        pytest.param("wet hill", 1, id="none"),
    ],
)
def test_a_verdict_goes_by_the_words_that_both_have(answer, score):
    assert verdict("red bus near kerb", answer) == score
