"""Intervals hold the truth as often as they say: a quick part of benchmarks/coverage.py."""

import pytest

from benchmarks.coverage import DESIGNS, main, measure

STUDIES = 200
# Four standard errors of a share of 200 studies beyond the bounds: chance alone does not reach it.
SLACK = 0.06
QUICK = (
    "mean of 1-5, geometric",
    "share 0.5",
    "share 0.03, ICC 0.1",
    "change of 1-5, uneven",
    "change of accuracy near 0.03",
    "precision 0.7",
    "corrected mean, biased judge",
    "corrected mean, stratified labels",
    "Rogan-Gladen, q0 0.7, q1 0.9",
    "length-controlled, all is length",
)
NAMED = {design.name: design for design in DESIGNS}


@pytest.mark.parametrize("name", QUICK)
def test_intervals_cover(name):
    low, high = NAMED[name].bounds
    assert low - SLACK <= measure(NAMED[name], STUDIES) < high + SLACK / 2


@pytest.mark.parametrize("name", ["share 0.03, ICC 0.6", "mean near 4.8, three giants", "change of accuracy near 0.99"])
def test_intervals_cover_where_most_scores_are_at_an_end(name):
    """There the error is a few videos', and neither it nor its t interval is as sure as the number of videos."""
    assert 0.93 <= measure(NAMED[name], 1000) <= 0.98


def test_mcnemar_cries_wolf_where_videos_have_many_questions():
    assert measure(NAMED["McNemar's test, no change"], STUDIES) > 0.12


def test_the_sign_flip_test_does_not():
    assert measure(NAMED["sign-flip test, no change"], STUDIES // 2) < 0.05 + SLACK


def test_the_benchmark_ends_with_a_line_of_json(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["coverage.py", "--studies", "20", "--only", "McNemar"])
    assert main() == 0, "a line that is known to be out of bounds is no miss"
    assert '"name": "coverage"' in capsys.readouterr().out.splitlines()[-1]
