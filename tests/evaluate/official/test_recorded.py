"""The official column is what the benchmarks' own scripts print, to the last digit.

Inputs and numbers were recorded by `python benchmarks/official_scorers.py --record`, which ran the scripts.
"""

import json
from pathlib import Path

import pytest

from benchmarks.peers.word_overlap import shared_words
from evaluate.official import (
    cgbench,
    mvbench,
    nextgqa,
    nextqa,
    nextqa_oe,
    star,
    tar,
    tempcompass,
    videoespresso,
    videomme,
)

RECORDED = Path(__file__).parent / "recorded"
TEMPCOMPASS = ("multi-choice.json", "yes_no.json", "caption_matching.json")


class RecordedWords:
    """What NLTK's WordNet said when the numbers were recorded."""

    tags = True

    def __init__(self):
        held = json.loads((RECORDED / "nextqa_oe" / "words.json").read_text())
        self.lemmas, self.tokens = held["lemmas"].__getitem__, held["tokens"].__getitem__
        self._likeness = held["likeness"]

    def likeness(self, first, second):
        return self._likeness[f"{first}|{second}"]


def files(profile, *names):
    return [RECORDED / profile / name for name in names]


REPORTS = {
    "nextqa": lambda: nextqa.score(files("nextqa", "questions.csv"), files("nextqa", "predictions.json")),
    "nextqa_oe": lambda: nextqa_oe.score(
        files("nextqa_oe", "questions.csv", "second.json"),
        files("nextqa_oe", "predictions.json"),
        RecordedWords(),
        RECORDED / "nextqa_oe" / "stopwords.txt",
    ),
    "nextgqa": lambda: nextgqa.score(
        files("nextgqa", "truth.json", "questions.csv"), files("nextgqa", "spans.json", "answers.json")
    ),
    "star": lambda: star.score(files("star", "questions.json"), files("star", "predictions.json")),
    "videoespresso": lambda: videoespresso.score(
        files("videoespresso", "output.json"), files("videoespresso", "output.json")
    ),
    "videomme": lambda: videomme.score(*2 * (files("videomme", "results.json"),)),
    "mvbench": lambda: mvbench.score(
        files("mvbench", "action_sequence.json", "moving_count.json", "state_change.json"),
        files("mvbench", "predictions.json"),
    ),
    "tempcompass": lambda: tempcompass.score(*2 * (files("tempcompass", *TEMPCOMPASS),)),
    "cgbench": lambda: cgbench.score(files("cgbench", "cgbench.json"), files("cgbench", "predictions.json")),
    "tar": lambda: tar.score(files("tar", "truth.json"), files("tar", "submission.csv"), shared_words),
}
FIGURES = [
    pytest.param(profile, name, printed, id=f"{profile}_{name}".replace(" ", "_"))
    for profile in REPORTS
    for name, printed in json.loads((RECORDED / profile / "official.json").read_text())["figures"].items()
]


@pytest.fixture(scope="module")
def reports():
    return {profile: make() for profile, make in REPORTS.items()}


@pytest.mark.parametrize(("profile", "name", "printed"), FIGURES)
def test_the_official_column_is_what_the_script_prints(reports, profile, name, printed):
    assert reports[profile].figure(name).to_json()["official_printed"] == printed


def test_every_figure_that_the_scripts_print_is_recorded():
    assert len(FIGURES) == 121


def test_ours_is_the_official_number_where_no_flaw_is_met(reports):
    for figure in reports["nextqa"].figures[:-1]:
        assert figure.ours == pytest.approx(figure.official), figure.name
    assert reports["star"].figure("Mean (over types)").ours == pytest.approx(
        reports["star"].figure("Mean (over types)").official
    )


def test_every_interval_is_in_the_unit_of_its_figure_and_holds_it(reports):
    figures = [one for report in reports.values() for one in report.figures if one.ci95 and one.ours is not None]
    assert len(figures) > 100
    for figure in figures:
        low, high = figure.ci95
        assert low - 1e-9 <= figure.ours <= high + 1e-9, figure.name
        assert high > 1.5 or figure.ours < 1.5, "per cent beside a share"


def test_ours_differs_where_a_flaw_is_met(reports):
    grounded, letters = reports["nextgqa"].figure("mIoP"), reports["videoespresso"].figure(videoespresso.MICRO)
    assert grounded.ours < grounded.official, "moments, and questions without a span"
    assert letters.ours > letters.official, "'Answer: C' is no A"
