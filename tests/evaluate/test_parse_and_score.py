"""From raw replies to scores in three states; denominators never shrink."""

import random

import pytest

from demitasse.answers.times import span_iou
from demitasse.errors import DataError
from evaluate.metric import METRICS, metric_of
from evaluate.records import Asked, Fault, Prediction, State
from evaluate.score import gold_faults, score_item
from evaluate.score.judged import Judgement, fingerprint

QUESTION = "Which way?\nA. left\nB. right\nAnswer with a single letter."
MCQ = Asked("m1", "mcq", "a.mp4", QUESTION, "B")
BCQ = Asked("b1", "bcq", "a.mp4", "Does it move?", "Yes")
SPAN = Asked("t1", "temporal_localization", "a.mp4", "When?", '```json\n{"start": "00:00:02", "end": "00:00:06"}\n```')
FREE = Asked("f1", "open_qa", "a.mp4", "Why?", "The wheel is blocked.")

CLOSED = [
    pytest.param(MCQ, "B", "stop", 1, None, id="the_annotators_dialect"),
    pytest.param(MCQ, "B) right", "stop", 1, None, id="the_daft_dialect"),
    pytest.param(MCQ, "A", "stop", 0, None, id="a_wrong_letter_is_scored_and_no_fault"),
    pytest.param(MCQ, "<think>A or B? A.</think>\n\nB", "stop", 1, None, id="letters_in_reasoning_do_not_count"),
    pytest.param(MCQ, "<think>It goes left. The answer is A", "length", 0, Fault.TRUNCATED, id="cut_in_reasoning"),
    pytest.param(MCQ, "<think>It goes right. The answer is B", "stop", 0, Fault.TRUNCATED, id="never_closed"),
    pytest.param(MCQ, "It could be A. The answer is B", "length", 0, Fault.TRUNCATED, id="cut_in_prose"),
    pytest.param(MCQ, "B) right, because the shape", "length", 1, None, id="an_answer_that_opened_a_cut_reply"),
    pytest.param(MCQ, "", "stop", 0, Fault.EMPTY, id="empty"),
    pytest.param(MCQ, "<think>hm</think>", "stop", 0, Fault.EMPTY, id="only_reasoning"),
    pytest.param(MCQ, "I cannot see the video.", "stop", 0, Fault.REFUSAL, id="a_refusal"),
    pytest.param(MCQ, "qwerty", "stop", 0, Fault.UNPARSABLE, id="garbage"),
    pytest.param(MCQ, "", "error", 0, Fault.ERROR, id="could_not_be_asked"),
    pytest.param(MCQ, None, "", 0, Fault.MISSING, id="no_prediction"),
    pytest.param(BCQ, "yes, it does", "stop", 1, None, id="yes_in_a_sentence"),
    pytest.param(BCQ, "No", "stop", 0, None, id="a_wrong_word"),
    pytest.param(BCQ, "Yes and no", "stop", 0, Fault.UNPARSABLE, id="both_words"),
    pytest.param(SPAN, '{"start": "00:02", "end": "00:06"}', "stop", 1, None, id="the_same_span"),
    pytest.param(SPAN, "from 2 to 4", "stop", 0.5, None, id="half_the_span"),
    pytest.param(SPAN, '{"start": "00:06", "end": "00:02"}', "stop", 0, Fault.UNPARSABLE, id="a_reversed_span"),
    pytest.param(SPAN, "00:07 - 00:09", "stop", 0, None, id="a_span_beside_it_is_scored_and_no_fault"),
]


@pytest.mark.parametrize(("item", "response", "finish", "score", "fault"), CLOSED)
def test_a_reply_is_scored_or_its_fault_is_named(item, response, finish, score, fault):
    prediction = None if response is None else Prediction(item, response, finish, "broken" if finish == "error" else "")
    row = score_item(item, prediction, None)
    assert (row.score, row.fault) == (score, fault)
    assert row.state is (State.MODEL_FAULT if fault else State.SCORED)


@pytest.mark.parametrize("item", [MCQ, BCQ, SPAN, FREE], ids=lambda item: item.task)
def test_why_an_item_could_not_be_asked_stands_in_its_row(item):
    assert score_item(item, Prediction(item, "", "error", "HTTP 429"), None).reason == "HTTP 429"


FREE_ROWS = [
    pytest.param("It is stuck.", Judgement("f1", "", 4, "close"), (4, State.SCORED, None), id="judged"),
    pytest.param("It is stuck.", None, (None, State.JUDGE_FAULT, Fault.NOT_JUDGED), id="not_judged_yet"),
    pytest.param(
        "It is stuck.",
        Judgement("f1", "", None, "429", Fault.JUDGE_API),
        (None, State.JUDGE_FAULT, Fault.JUDGE_API),
        id="the_judges_fault_is_not_the_models",
    ),
    pytest.param("", None, (1, State.MODEL_FAULT, Fault.EMPTY), id="an_empty_reply_needs_no_judge"),
    pytest.param("<think>so", None, (1, State.MODEL_FAULT, Fault.TRUNCATED), id="unclosed_reasoning_needs_no_judge"),
    pytest.param("I'm unable to view the video.", None, (1, State.MODEL_FAULT, Fault.REFUSAL), id="a_refusal"),
    pytest.param(None, None, (1, State.MODEL_FAULT, Fault.MISSING), id="missing"),
]


@pytest.mark.parametrize(("response", "judgement", "expected"), FREE_ROWS)
def test_free_text_is_judged_or_its_fault_is_named(response, judgement, expected):
    prediction = None if response is None else Prediction(FREE, response, "stop")
    if judgement:
        judgement = Judgement("f1", fingerprint(FREE, response), judgement.score, judgement.reason, judgement.fault)
    row = score_item(FREE, prediction, judgement)
    assert (row.score, row.state, row.fault) == expected


def test_a_judgement_of_another_reply_is_as_good_as_none():
    stale = Judgement("f1", fingerprint(FREE, "an older answer"), 5, "")
    row = score_item(FREE, Prediction(FREE, "a newer answer", "stop"), stale)
    assert (row.score, row.fault) == (None, Fault.NOT_JUDGED)


def test_only_the_final_answer_is_the_judges():
    thoughtful = Prediction(FREE, "<think>so much</think>It is stuck.", "stop")
    judgement = Judgement("f1", fingerprint(FREE, "It is stuck."), 5, "")
    assert score_item(FREE, thoughtful, judgement).score == 5


def test_a_free_text_answer_cut_by_the_token_limit_is_judged_as_far_as_it_goes():
    row = score_item(FREE, Prediction(FREE, "It is stu", "length"), None)
    assert row.fault is Fault.NOT_JUDGED


def test_garbage_scores_exactly_zero_with_the_denominator_unchanged():
    chance = random.Random(0)
    rows = [score_item(MCQ, Prediction(MCQ, "".join(chance.choices("xyz ?-", k=20)), "stop"), None) for _ in range(100)]
    assert [row.score for row in rows] == [0.0] * 100
    assert {row.state for row in rows} == {State.MODEL_FAULT}


GOLD = [
    pytest.param(Asked("i", "mcq", "v", QUESTION, "C"), "names none of the options A, B", id="a_letter_not_among_them"),
    pytest.param(Asked("i", "mcq", "v", "Which?", "A"), "lists no options", id="no_options"),
    pytest.param(Asked("i", "mcq", "v", "Which?\nA. up\nB. Up.", "A"), "same text", id="options_of_equal_text"),
    pytest.param(Asked("i", "mcq", "v", QUESTION, "A) right"), "names none", id="letter_and_text_disagree"),
    pytest.param(Asked("i", "bcq", "v", "Is it?", "maybe"), "neither yes nor no", id="neither_yes_nor_no"),
    pytest.param(Asked("i", "temporal_localization", "v", "When?", "soon"), "no single span", id="no_span"),
    pytest.param(Asked("i", "temporal_localization", "v", "When?", "00:02-00:02"), "same moment", id="a_moment"),
    pytest.param(Asked("i", "open_qa", "v", "Why?", " "), "empty", id="an_empty_reference"),
]


@pytest.mark.parametrize(("item", "message"), GOLD)
def test_a_reference_at_fault_is_an_error_that_names_the_item(item, message):
    with pytest.raises(DataError, match=message):
        score_item(item, Prediction(item, "A", "stop"), None)
    assert message in gold_faults([MCQ, item])["i"]
    assert set(gold_faults([MCQ, BCQ, SPAN, FREE, item])) == {"i"}


SPANS = [
    pytest.param((0, 10), (5, 15), 1 / 3, id="overlap"),
    pytest.param((0, 1), (2, 3), 0, id="apart"),
    pytest.param((0, 10), (2, 4), 0.2, id="inside"),
    pytest.param((3, 3), (3, 3), 0, id="two_moments_have_no_union"),
    pytest.param((0, 1), (1, 2), 0, id="touching"),
]


@pytest.mark.parametrize(("first", "second", "iou"), SPANS)
def test_span_iou_is_intersection_over_union(first, second, iou):
    assert span_iou(first, second) == pytest.approx(iou)
    assert span_iou(second, first) == pytest.approx(iou)


def test_span_iou_never_leaves_zero_to_one():
    chance = random.Random(0)
    for _ in range(500):
        spans = [tuple(sorted((chance.uniform(0, 9), chance.uniform(0, 9)))) for _ in range(2)]
        assert 0 <= span_iou(*spans) <= 1 + 1e-12


@pytest.mark.parametrize(
    ("task", "metric"),
    [
        ("mcq", "mcq"), ("bcq", "binary"), ("temporal_localization", "temporal"), ("mcq_openended", "judge"),
        ("bcq_openended", "judge"), ("open_qa", "judge"), ("scene_description", "judge"),
    ],
)  # fmt: skip
def test_what_an_exact_metric_can_score_is_not_judged(task, metric):
    assert metric_of(task).name == metric


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_the_judges_scale_is_one_to_five_and_every_other_nought_to_one(metric):
    assert (metric.low, metric.high) == ((1, 5) if metric.name == "judge" else (0, 1))
