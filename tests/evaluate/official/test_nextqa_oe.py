"""NExT-QA open-ended: WUPS by type, with words whose likeness is set here."""

import pytest

from demitasse.errors import ConfigError, DataError
from evaluate.official.nextqa_oe import TYPES, read_questions, score
from evaluate.official.wups import wups

LIKENESS = {frozenset(("dog", "cat")): 0.85, frozenset(("dog", "ball")): 0.4}


class Words:
    """Splits at spaces, takes a final s off, and knows that dogs and cats are alike."""

    def __init__(self, tags=True):
        self.tags = tags

    def lemmas(self, sentence):
        return [word.removesuffix("s") for word in sentence.lower().split()]

    def tokens(self, text):
        return text.split()

    def likeness(self, first, second):
        return LIKENESS.get(frozenset((first, second)), 0.0)


WUPS = [
    pytest.param("dog", "dog", 0.0, 1.0, id="the_same"),
    pytest.param("dog", "cat", 0.0, 0.85, id="alike"),
    pytest.param("dog", "cat", 0.9, 0.085, id="below_the_threshold_a_tenth_counts"),
    pytest.param("dog", "table", 0.0, 0.0, id="nothing_in_common"),
    pytest.param("dog table", "dog", 0.0, 1.0, id="a_stranger_is_passed_over_which_is_the_scripts_flaw"),
    pytest.param("dog cat", "dog", 0.0, 0.85, id="the_lesser_direction_counts"),
    pytest.param("", "dog", 0.0, 0.0, id="nothing_said"),
    pytest.param("dog", "ball cat", 0.0, 0.34, id="a_product_over_words"),
]


@pytest.mark.parametrize(("said", "truth", "threshold", "expected"), WUPS)
def test_wups_is_the_scripts(said, truth, threshold, expected):
    assert wups(Words(), said.split(), truth.split(), threshold) == pytest.approx(expected)


HEAD = "video,frame_count,width,height,question,answer,qid,type\n"
ROWS = {
    "CW": "dogs",
    "CH": "cat",
    "TN": "dog",
    "TP": "dog",
    "TC": "dog",
    "DL": "dog",
    "DB": "yes",
    "DC": "two",
    "DO": "dog",
}
FILE = HEAD + "".join(
    f"7,300,640,480,why,{answer},{place},{kind}\n" for place, (kind, answer) in enumerate(ROWS.items())
)
GOOD = {str(place): answer for place, answer in enumerate(ROWS.values())}


@pytest.fixture
def report(write):
    def make(told, file=FILE, words=None, second=None):
        references = [write("q.csv", file)] + ([write("second.json", second)] if second else [])
        return score(references, [write("p.json", told)], words or Words(), write("stop.txt", "the\na\n"))

    return make


def test_right_answers_are_all_right(report):
    found = report({"7": GOOD})
    assert {figure.official for figure in found.figures} == {100.0}
    assert [figure.name for figure in found.figures] == [
        "CW", "CH", "WUPS_C", "TN", "TC", "WUPS_T", "DB", "DC", "DL", "DO", "WUPS_D", "WUPS"
    ]  # fmt: skip
    assert found.figure("TN").items == 2, "TP is counted under TN"


def test_a_familys_mean_is_over_its_questions_and_not_its_types(report):
    found = report({"7": GOOD | {"2": "table"}})
    assert found.figure("TN").ours == pytest.approx(50.0)
    assert found.figure("WUPS_T").ours == pytest.approx(200 / 3)
    assert found.figure("WUPS").official == pytest.approx(800 / 9)


def test_counts_and_yes_or_no_want_the_very_words(report):
    found = report({"7": GOOD | {"6": "no", "7": "a twos"}})
    assert (found.figure("DB").official, found.figure("DC").official) == (0.0, 100.0), "after stop words and base forms"


def test_the_better_of_two_references_counts(report):
    second = {"7": dict.fromkeys(GOOD, "ball")}
    assert report({"7": GOOD | {"0": "ball"}}, second=second).figure("CW").official == 100.0
    assert report({"7": GOOD}, second=second).figure("CW").official == 100.0


def test_a_missing_answer_is_nothing_and_the_script_would_stop(report):
    told = dict(GOOD)
    del told["1"]
    found = report({"7": told})
    assert (found.figure("CH").ours, found.figure("WUPS").official) == (0.0, None)
    assert found.counts["faults"] == {"missing": 1}
    assert any("stops" in note and "7_1" in note for note in found.notes)


def test_reasoning_is_set_aside_by_ours_and_read_by_the_script(report):
    found = report({"7": GOOD | {"0": "<think>cat</think>dog"}})
    assert (found.figure("CW").ours, found.figure("CW").official) == (100.0, 0.0)


FAULTS = [
    pytest.param("", "empty", id="empty"),
    pytest.param("<think>hm", "truncated", id="reasoning_that_was_never_closed"),
    pytest.param(None, "empty", id="null"),
    pytest.param(3, "unparsable", id="a_number"),
]


@pytest.mark.parametrize(("said", "fault"), FAULTS)
def test_what_is_no_answer_is_counted(report, said, fault):
    found = report({"7": GOOD | {"0": said}})
    assert (found.figure("CW").ours, found.counts["faults"]) == (0.0, {fault: 1})


def test_without_a_tagger_there_is_no_official_number_and_it_is_said(report):
    found = report({"7": GOOD}, words=Words(tags=False))
    assert {figure.official for figure in found.figures} == {None}
    assert found.figure("WUPS").ours == 100.0
    assert any("tagger" in note for note in found.notes)


def test_the_flaw_is_named(report):
    assert any("passed over" in note for note in report({"7": GOOD}).notes)


def test_stop_words_must_be_given(write):
    with pytest.raises(ConfigError, match="stopwords.txt"):
        score([write("q.csv", FILE)], [write("p.json", {"7": GOOD})], Words(), None)


BROKEN = [
    pytest.param(HEAD + "7,1,1,1,why,dog,0,CW\n7,1,1,1,why,cat,0,CW\n", "7_0 is there twice", id="twice"),
    pytest.param(HEAD + "7,1,1,1,why,dog,0,CW\n7,1,1,1,why,dog,0,CW\n", r"\(7_0\): the same question", id="the_same"),
    pytest.param(HEAD + "7,1,1,1,why,,0,CW\n", r"row 1 \(7_0\): its answer is empty", id="no_answer"),
    pytest.param("video,qid\n7,0\n", "no column question", id="columns"),
    pytest.param(
        "video,qid,question,answer,type,a0,a1\n7,0,why,1,CW,dog,cat\n", "has options.*--profile nextqa", id="options"
    ),
]


@pytest.mark.parametrize(("text", "complaint"), BROKEN)
def test_a_file_that_is_no_questions_file_is_refused(write, text, complaint):
    with pytest.raises(DataError, match=complaint):
        read_questions([write("q.csv", text)])


def test_a_second_reference_may_stand_in_the_questions_file(write):
    """As Hugging Face's copy has it."""
    row = {"video": 7, "qid": 0, "question": "why", "answer": "dog", "type": "TP", "additional_ref_answer": "cat"}
    (one,) = read_questions([write("q.json", [row])])
    assert (one.key, one.group, one.answers) == ("7_0", "TN", ("dog", "cat"))


def test_second_references_of_another_form_are_refused(write):
    with pytest.raises(DataError, match="add_reference_answer_test.json"):
        read_questions([write("q.csv", FILE), write("second.json", {"7_0": "dog"})])


def test_types_are_in_the_order_in_which_the_script_adds():
    assert TYPES == ("CW", "CH", "TN", "TC", "DL", "DB", "DC", "DO")
