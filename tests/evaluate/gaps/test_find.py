"""What counts as a failure, how failures are told apart, and which tasks come first."""

import pytest

from evaluate.gaps.find import FEWEST_VIDEOS, Finding, failed, find_gaps, kind_of_failure
from evaluate.records import Asked, Fault, Scored, State

METRIC = {"bcq": "binary", "temporal_localization": "temporal"}


def row(task, score, video="v0.mp4", metric=None, place=0, **more):
    """A scored row of a task, whose metric has the task's name unless it is given."""
    asked = Asked(f"{task}{place}", task, video, "Which?", "A", more.pop("extra", {}))
    state = State.JUDGE_FAULT if score is None else State.MODEL_FAULT if "fault" in more else State.SCORED
    return Scored(asked, metric or METRIC.get(task, task), state, score, **more)


def many(task, scores, **more):
    """One row a video."""
    return [row(task, score, f"v{place}.mp4", place=place, **more) for place, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("metric", "score", "fails"),
    [
        pytest.param("mcq", 0.0, True, id="a_wrong_option"),
        pytest.param("mcq", 1.0, False, id="the_right_option"),
        pytest.param("temporal", 0.49, True, id="a_span_that_overlaps_by_less_than_half"),
        pytest.param("temporal", 0.5, False, id="a_span_that_overlaps_by_half"),
        pytest.param("judge", 3.0, True, id="some_right_and_some_wrong"),
        pytest.param("judge", 4.0, False, id="few_details_differ"),
        pytest.param("judge", None, False, id="what_nobody_judged_is_not_known_to_fail"),
    ],
)
def test_a_failure_is_what_the_metric_calls_no_hit(metric, score, fails):
    assert failed(row("any", score, metric=metric)) is fails


@pytest.mark.parametrize(
    ("scored", "kind"),
    [
        pytest.param(row("mcq", 0.0, fault=Fault.TRUNCATED), "truncated", id="a_fault_of_the_model_by_its_name"),
        pytest.param(row("mcq", 0.0, value="A", gold="B"), "wrong option", id="a_wrong_option"),
        pytest.param(row("bcq", 0.0, value="yes", gold="no"), "yes for no", id="which_way_a_yes_or_no_is_wrong"),
        pytest.param(row("temporal_localization", 0.0, value=[0, 1], gold=[2, 3]), "too early", id="before_it_begins"),
        pytest.param(row("temporal_localization", 0.0, value=[3, 4], gold=[2, 3]), "too late", id="after_it_ended"),
        pytest.param(row("temporal_localization", 0.0, value=[0, 2], gold=[2, 3]), "too early", id="until_it_begins"),
        pytest.param(row("temporal_localization", 0.0, value=[3, 6], gold=[2, 3]), "too late", id="from_where_it_ends"),
        pytest.param(row("temporal_localization", 0.2, value=[0, 9], gold=[2, 3]), "too long", id="longer"),
        pytest.param(row("temporal_localization", 0.2, value=[2, 3], gold=[0, 9]), "too short", id="shorter"),
        pytest.param(row("open_qa", 2.0, metric="judge"), "judged 2", id="the_judges_score"),
        pytest.param(row("grounding", 0.1), "grounding below 0.5", id="boxes_that_miss"),
    ],
)
def test_failures_are_told_apart(scored, kind):
    assert kind_of_failure(scored) == kind


def test_the_task_that_surely_fails_most_comes_first():
    """Two of two is less sure than sixty of a hundred."""
    rows = many("bcq", [0.0] * 2) + many("mcq", [0.0] * 60 + [1.0] * 40) + many("open_qa", [5.0] * 30, metric="judge")
    found = find_gaps(rows)
    assert [gap.task for gap in found] == ["mcq", "bcq", "open_qa"]
    assert [gap.share for gap in found] == [0.6, 1.0, 0.0]


def test_one_video_has_no_interval_and_its_share_stands_for_itself():
    (gap,) = find_gaps([row("mcq", 0.0, place=1), row("mcq", 1.0, place=2)])
    assert (gap.interval, gap.certain) == (None, 0.5)
    assert gap.finding(0.5, fewest_videos=1) is Finding.NO_GAP, "half is no more than half"


@pytest.mark.parametrize(
    ("scores", "finding"),
    [
        pytest.param([0.0] * 8 + [1.0] * 12, Finding.GAP, id="two_fifths_of_twenty_surely_fail"),
        pytest.param([0.0] * 4 + [1.0] * 16, Finding.UNSURE, id="a_fifth_of_twenty_may_be_a_tenth"),
        pytest.param([0.0] * 2 + [1.0] * 18, Finding.NO_GAP, id="no_more_than_is_tolerated"),
        pytest.param([0.0] * FEWEST_VIDEOS, Finding.GAP, id="all_of_as_few_as_may_be"),
        pytest.param([0.0] * (FEWEST_VIDEOS - 1), Finding.UNSURE, id="all_of_too_few"),
        pytest.param([1.0] * (FEWEST_VIDEOS - 1), Finding.UNSURE, id="none_of_too_few"),
    ],
)
def test_a_gap_is_what_surely_fails_of_enough_videos(scores, finding):
    (gap,) = find_gaps(many("mcq", scores))
    assert gap.finding(0.1) is finding


def test_many_items_of_few_videos_are_few_videos():
    rows = [row("mcq", 0.0, f"v{place % 2}.mp4", place=place) for place in range(40)]
    (gap,) = find_gaps(rows)
    assert (gap.finding(0.1), gap.finding(0.1, fewest_videos=2)) == (Finding.UNSURE, Finding.GAP)


def test_what_has_no_score_is_counted_and_in_no_share():
    (gap,) = find_gaps(many("open_qa", [1.0, None, 5.0, None], metric="judge"))
    assert (gap.items, gap.failed, gap.unscored) == (2, 1, 2)


def test_a_task_of_which_nothing_is_scored_has_no_gap():
    assert find_gaps(many("open_qa", [None, None], metric="judge")) == []


def test_failures_are_counted_by_kind_of_question_and_by_video():
    rows = [
        row("mcq", 0.0, "a.mp4", place=1, extra={"question_type": "TC"}),
        row("mcq", 0.0, "b.mp4", place=2, extra={"question_type": "TC"}),
        row("mcq", 1.0, "a.mp4", place=3, extra={"question_type": "CW"}),
    ]
    (gap,) = find_gaps(rows)
    assert gap.questions == {"TC": (2, 2), "CW": (0, 1)}
    assert gap.videos == {"a.mp4": (1, 2), "b.mp4": (1, 1)}
