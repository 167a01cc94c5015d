"""Whatever the study, even one of a single item: no figure leaves its range, and none is missing without a reason."""

import math
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.stats import (
    corrected_mean,
    krippendorff_alpha,
    length_controlled,
    paired_difference,
    proportion,
    ratio,
    rogan_gladen,
    spearman,
    weighted_kappa,
)

SCORES = st.integers(1, 5).map(float)
ITEM = st.tuples(
    st.sampled_from("abcdef"),  # its video
    st.sampled_from([0.0, 1.0]),
    st.integers(0, 4),
    SCORES,
    SCORES,
    st.none() | SCORES,
)
STUDIES = st.lists(ITEM, min_size=1, max_size=30)


@pytest.fixture(autouse=True)
def _no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def _holds(interval, value, low=-math.inf, high=math.inf):
    assert low <= value <= high
    if interval is not None:
        assert low <= interval[0] <= value + 1e-9
        assert value - 1e-9 <= interval[1] <= high


@settings(max_examples=150, deadline=None)
@given(STUDIES)
def test_shares_and_changes_stay_in_their_ranges(study):
    videos, hits, boxes, before, after, _ = map(list, zip(*study, strict=True))
    found = proportion(hits, videos)
    _holds(found.interval, found.mean, 0, 1)
    if any(boxes):
        found = ratio([min(hit, many) for hit, many in zip(hits, boxes, strict=True)], boxes, videos)
        _holds(found.interval, found.mean, 0, 1)
    change = paired_difference(before, after, videos)
    _holds(change.estimate.interval, change.estimate.mean, -math.inf, math.inf)
    assert 0 < change.p <= 1
    controlled = length_controlled([b - a for a, b in zip(before, after, strict=True)], boxes, videos)
    assert controlled is None or math.isfinite(controlled.mean)


@settings(max_examples=100, deadline=None)
@given(STUDIES)
def test_corrected_figures_stay_in_their_ranges_or_say_why_not(study):
    videos, hits, _, judged, _, human = map(list, zip(*study, strict=True))
    mean = corrected_mean(judged, human, videos)
    assert (mean is None) == (sum(score is not None for score in human) < 2)
    if mean is not None:
        _holds(mean.interval, mean.mean)
    passed = [None if score is None else float(score >= 4) for score in human]
    share = rogan_gladen(hits, passed, videos)
    assert bool(share.reason) == (share.interval is None)
    if share.value is not None:
        _holds(share.interval, share.value, 0, 1)


@settings(max_examples=25, deadline=None)
@given(STUDIES)
def test_agreement_stays_below_one_or_says_why_there_is_none(study):
    videos, _, _, one, two, three = map(list, zip(*study, strict=True))
    for found in (weighted_kappa(one, two, videos), spearman(one, two, videos), krippendorff_alpha([one, two, three])):
        assert (found.value is None) == bool(found.reason)
        assert found.value is None or found.value <= 1 + 1e-9
