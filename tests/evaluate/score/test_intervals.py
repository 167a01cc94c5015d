"""Sets of spans: an overlap of 0 to 1, whatever is given."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluate.score.intervals import read_intervals, union_iou

# On a busy machine drawing an input can take seconds, which says nothing of the code.
calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SPANS = st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)).map(lambda pair: (min(pair), max(pair))), max_size=6)


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        pytest.param([[0, 10]], [[0, 10]], 1.0, id="the_same"),
        pytest.param([[0, 5], [5, 10]], [[0, 10]], 1.0, id="spans_that_touch_are_one"),
        pytest.param([[0, 8], [2, 10]], [[0, 10]], 1.0, id="spans_that_overlap_count_once"),
        pytest.param([[2, 10], [0, 8]], [[0, 10]], 1.0, id="in_any_order"),
        pytest.param([[2, 5], [0, 10]], [[0, 10]], 1.0, id="one_within_another"),
        pytest.param([[0, 10]], [[20, 30]], 0.0, id="apart"),
        pytest.param([], [[0, 10]], 0.0, id="none"),
        pytest.param([], [], 0.0, id="none_and_none"),
        pytest.param([[0, 10]], [[0, 5], [10, 15]], 1 / 3, id="parts"),
        pytest.param([[5, 5]], [[5, 5]], 0.0, id="moments_cover_nothing"),
    ],
)
def test_what_sets_of_spans_share(first, second, overlap):
    assert union_iou(first, second) == pytest.approx(overlap)


@calm
@given(SPANS, SPANS)
def test_the_overlap_stays_between_zero_and_one_and_is_the_same_both_ways(first, second):
    found = union_iou(first, second)
    assert 0.0 <= found <= 1.0 + 1e-9
    assert found == pytest.approx(union_iou(second, first))


def test_what_is_given_is_not_written_into():
    spans = [[2, 10], [0, 8]]
    union_iou(spans, [[0, 10]])
    assert spans == [[2, 10], [0, 8]]


@pytest.mark.parametrize(
    ("reply", "spans"),
    [
        pytest.param("[[8, 11]]", ((8.0, 11.0),), id="a_list"),
        pytest.param("[8, 11]", ((8.0, 11.0),), id="one_span_without_its_list"),
        pytest.param('```json\n{"result": [[8, 11], [20, 30]]}\n```', ((8.0, 11.0), (20.0, 30.0)), id="fenced"),
        pytest.param("from 8 to 11 seconds", ((8.0, 11.0),), id="in_words"),
        pytest.param("[[0.2, 0.9]]", ((0.2, 0.9),), id="below_one_are_seconds_and_no_shares"),
        pytest.param("[]", (), id="none"),
        pytest.param("[[0, 10], [15, 10]]", None, id="a_reversed_span_spoils_all"),
        pytest.param("[[-5, 10]]", None, id="a_negative_time"),
        pytest.param("[[0, Infinity]]", None, id="an_endless_one"),
        pytest.param("[[1, 2, 3]]", None, id="three_numbers"),
        pytest.param('[["a", "b"]]', None, id="no_numbers"),
        pytest.param("[[true, 5]]", None, id="a_truth_value"),
        pytest.param("1 scene at 8 s", None, id="no_span"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_spans_are_read_or_there_are_none(reply, spans):
    assert read_intervals(reply).value == spans


@calm
@given(st.text(max_size=60))
def test_no_text_is_an_exception(text):
    value = read_intervals(text).value
    assert value is None or all(0 <= start <= end for start, end in value)
