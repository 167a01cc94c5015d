"""Several judges and repeats: kept apart, then made one word that does not depend on who was heard first."""

import json
import random

import pytest

from demitasse.chat.model import Outcome, Reply
from demitasse.errors import ConfigError, DataError
from evaluate.comparing.arm import load_arm
from evaluate.comparing.compare import compare
from evaluate.judging.agreement import agreement
from evaluate.judging.pool import pool_votes
from evaluate.judging.profile import COTASKS, LIKERT
from evaluate.judging.votes import Vote
from evaluate.records import Fault, read_rows


def vote(score, judge="a", repeat=0, item="i", video="v"):
    if isinstance(score, Fault):
        return Vote(item, video, "of", judge, repeat, None, "why", score, "error")
    return Vote(item, video, "of", judge, repeat, {"score": score}, f"{judge}{repeat} says {score}")


POOLED = [
    pytest.param([vote(4)], "median", 4, id="one_vote_is_itself"),
    pytest.param([vote(2), vote(4, "b")], "median", 3, id="of_two_judges_who_disagree_neither_is_right"),
    pytest.param([vote(1), vote(4, "b"), vote(5, "c")], "median", 4, id="the_median_of_three_judges"),
    pytest.param([vote(1), vote(4, "b"), vote(5, "c")], "mean", 10 / 3, id="the_mean_of_three_judges"),
    pytest.param([vote(4), vote(5, repeat=1), vote(5, repeat=2)], "median", 14 / 3, id="the_mean_of_repeats"),
    pytest.param([vote(5), vote(5, repeat=1), vote(1, "b")], "mean", 3, id="a_judge_counts_once_however_often_asked"),
    pytest.param([vote(2), vote(Fault.JUDGE_API, "b")], "median", 2, id="a_failed_vote_is_left_out"),
    pytest.param([vote(2), vote(Fault.JUDGE_PARSE, repeat=1)], "mean", 2, id="a_failed_repeat_is_left_out"),
]


@pytest.mark.parametrize(("votes", "pooling", "score"), POOLED)
def test_votes_are_pooled_and_their_order_changes_nothing(votes, pooling, score):
    found = set()
    for seed in range(6):
        random.Random(seed).shuffle(votes)
        [one] = pool_votes(votes, LIKERT, pooling)
        found.add((one.marks["score"], one.reason))
    [(pooled, reason)] = found
    assert pooled == pytest.approx(score)
    assert "says" in reason


@pytest.mark.parametrize(
    ("faults", "fault"),
    [
        pytest.param([Fault.JUDGE_PARSE, Fault.JUDGE_PARSE], Fault.JUDGE_PARSE, id="nobody_could_be_read"),
        pytest.param([Fault.JUDGE_PARSE, Fault.JUDGE_API], Fault.JUDGE_API, id="one_could_not_be_asked"),
    ],
)
def test_a_reply_on_which_every_vote_failed_is_unscored(faults, fault):
    [one] = pool_votes([vote(kind, "ab"[place]) for place, kind in enumerate(faults)], LIKERT, "median")
    assert (one.marks, one.fault) == (None, fault)


def test_marks_are_pooled_one_by_one():
    votes = [
        Vote("i", "v", "of", judge, 0, {"correct": yes, "score": score}, "")
        for judge, yes, score in (("a", 1, 5), ("b", 0, 1), ("c", 1, 3))
    ]
    [one] = pool_votes(votes, COTASKS, "median")
    assert one.marks == {"correct": 1, "score": 3}


def test_every_judge_is_asked_every_repeat_and_each_vote_is_kept_apart(answered, fake, judge):
    mild, strict = fake(lambda request: 5 - request.round, "lab/mild"), fake(lambda request: 2, "lab/strict")
    done = judge(answered, [mild, strict], repeats=2)
    assert (done.items, done.scored, len(done.votes)) == (4, 4, 16)
    rows = [row for _, row in read_rows(answered / "judge_votes.jsonl")]
    assert {(row["judge"], row["repeat"], row["marks"]["score"]) for row in rows} == {
        ("lab/mild", 0, 5),
        ("lab/mild", 1, 4),
        ("lab/strict", 0, 2),
        ("lab/strict", 1, 2),
    }
    assert {request.sampling.seed for request in mild.requests} == {0, 1}
    [score] = {row["score"] for _, row in read_rows(answered / "judgements.jsonl")}
    assert score == 3.25
    assert {row.score for row in load_arm(answered).scores().values() if row.metric == "judge"} == {3.25}


def test_another_repeat_or_judge_costs_only_its_own_calls(answered, fake, judge):
    judge(answered, fake(lambda request: 4))
    first, second = fake(lambda request: 4), fake(lambda request: 2, "lab/second")
    judge(answered, [second, first], repeats=2)
    assert (len(first.requests), len(second.requests)) == (4, 8)


def test_the_judges_order_changes_no_file_of_scores(answered, fake, judge):
    scores = {"lab/one": 1, "lab/two": 4, "lab/three": 5}
    kept = []
    for order in (list(scores), list(scores)[::-1]):
        judge(answered, [fake(lambda request, name=name: scores[name], name) for name in order])
        kept.append([(answered / name).read_bytes() for name in ("judgements.jsonl", "judge_votes.jsonl")])
    assert kept[0] == kept[1]


def test_a_judge_that_fails_leaves_the_others_score_and_is_counted(answered, fake, judge, response):
    broken = Reply(Outcome.ERROR, error="busy", retryable=True, status=500)
    weak = fake(lambda request: broken if response(request).endswith("0.mp4") else 1, "lab/weak")
    done = judge(answered, [fake(lambda request: 5), weak])
    assert (done.scored, done.unscored) == (4, 0)
    assert done.exit_code == 3, "one vote in eight is missing: the items are not all judged by the same judges"
    assert done.header["votes"]["unscored_kinds"] == {"error": 1}
    assert [one["votes"]["scored"] for one in done.header["judges"]] == [4, 3]


def test_agreement_with_others_and_with_oneself_is_kept(answered, fake, judge, response):
    wavering = fake(lambda request: 4 + request.round * response(request).endswith("0.mp4"), "lab/wavering")
    done = judge(answered, [wavering, fake(lambda request: 4, "lab/sure")], repeats=2)
    found = done.header["agreement"]
    retest = found["test_retest"]["lab/wavering"]["score"]
    assert (retest["items"], retest["exact"]["value"]) == (4, 0.75)
    assert retest["sd"] == pytest.approx((0.5 / 4) ** 0.5)
    [pair] = found["between_judges"]["score"]["pairs"]
    assert (pair["judges"], pair["items"], pair["exact"]["value"]) == (["lab/wavering", "lab/sure"], 4, 0.75)
    assert pair["bias"]["value"] == pytest.approx(-0.125)
    assert json.loads((answered / "judge.json").read_text())["agreement"] == json.loads(json.dumps(found))


def test_judges_who_always_agree_are_not_called_reliable():
    votes = [vote(3, judge, item=f"i{place}", video=f"v{place}") for judge in "ab" for place in range(5)]
    found = agreement(votes, ["a", "b"], LIKERT)["between_judges"]["score"]
    assert found["alpha"]["value"] is None and "same" in found["alpha"]["reason"]
    assert found["pairs"][0]["kappa"]["value"] is None
    assert found["pairs"][0]["exact"]["value"] == 1


def test_alpha_is_that_of_krippendorffs_own_example():
    """Data and value of Krippendorff (2011), table for several observers with missing values, interval metric."""
    table = {
        "a": [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        "b": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        "c": [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        "d": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    }
    votes = [
        vote(score, judge, item=f"i{place:02}", video=f"v{place:02}")
        for judge, row in table.items()
        for place, score in enumerate(row)
        if score is not None
    ]
    assert agreement(votes, list(table), LIKERT)["between_judges"]["score"]["alpha"]["value"] == pytest.approx(
        0.849, abs=5e-4
    )


def test_one_judge_asked_once_has_no_agreement(answered, fake, judge):
    assert judge(answered, fake(lambda request: 4)).header["agreement"] == {}


RULES = [
    pytest.param({"repeats": 2}, "repeats", id="another_number_of_repeats"),
    pytest.param({"pooling": "mean"}, "pooling", id="another_pooling"),
]


@pytest.mark.parametrize(("rules", "named"), RULES)
def test_arms_judged_by_different_rules_are_not_compared(make_run, answered, fake, judge, rules, named):
    other = make_run("b", lambda row: row.reference)
    judge(answered, fake(lambda request: 4))
    judge(other, fake(lambda request: 4), **rules)
    with pytest.raises(DataError, match=f"judged differently .*under another {named}"):
        compare([load_arm(answered), load_arm(other)])


def test_scores_between_two_marks_are_compared_and_counted_at_the_nearer_one(make_run, answered, fake, judge):
    other = make_run("b", lambda row: row.reference)
    pair = [fake(lambda request: 4, "lab/mild"), fake(lambda request: 5, "lab/strict")]
    for folder in (answered, other):
        judge(folder, pair)
    result = compare([load_arm(answered), load_arm(other)]).result
    assert result["metrics"]["judge_mean"]["arms"]["a"]["mean"] == 4.5
    assert result["score_counts"]["a"]["5"] == 4
    assert result["transitions"][4][4] == 4


def test_no_judge_and_no_repeat_are_refused(answered, fake, judge):
    with pytest.raises(ConfigError, match="1 judges and 0 repeats"):
        judge(answered, fake(lambda request: 4), repeats=0)
    with pytest.raises(ConfigError, match="0 judges"):
        judge(answered, [])
