"""What a task with closed answers is besides its mean."""

import pytest

from evaluate.comparing.closed_form import closed_form, closed_form_lines
from evaluate.metric import BINARY, CLOSED, GRADED, JUDGE, KIND, MCQ, MULTI, TEMPORAL
from evaluate.records import Asked, Prediction
from evaluate.score import score_item

LEVELS = ["1", "2", "3", "4"]
OPTIONS = "What?\nA. one\nB. two\nC. three"


def rows(task, pairs, kind=None, classes=LEVELS, **extra):
    found = []
    for place, (reference, reply) in enumerate(pairs):
        declared = {KIND: {"kind": kind, "classes": classes}} if kind else {}
        asked = Asked(str(place), task, f"v{place}", OPTIONS if task == "mcq" else "?", reference, extra | declared)
        found.append(score_item(asked, None if reply is None else Prediction(asked, reply, "stop"), None))
    return found


def test_always_answering_the_commonest_class_has_half_the_balanced_accuracy():
    found = closed_form(rows("bcq", [("No", "No")] * 9 + [("Yes", "No")]), BINARY)
    assert found["balanced_accuracy"]["value"] == 0.5
    assert found["constant"] == 0.9
    assert found["given"] == {"no": 10}
    assert found["gold"] == {"no": 9, "yes": 1}


def test_letters_are_counted_and_crossed_with_the_right_ones():
    found = closed_form(rows("mcq", [("A", "A"), ("A", "B"), ("B", "B"), ("C", "hm"), ("C", None)]), MCQ)
    assert found["given"] == {"": 2, "A": 1, "B": 2}
    assert found["confusion"]["A"] == {"A": 1, "B": 1, "C": 0, "": 0}
    assert found["confusion"]["C"][""] == 2
    assert sum(sum(line.values()) for line in found["confusion"].values()) == 5


def test_one_class_alone_has_no_balanced_accuracy():
    assert closed_form(rows("q", [("1", "1")] * 3, "closed"), CLOSED)["balanced_accuracy"] is None


def test_grades_have_a_distance_and_a_weighted_kappa():
    right = closed_form(rows("q", [(one, one) for one in LEVELS], "graded"), GRADED)
    assert (right["mean_off"]["value"], right["kappa"]["value"]) == (0.0, pytest.approx(1.0))
    near = closed_form(rows("q", [("1", "2"), ("2", "2"), ("3", "3"), ("4", "3")], "graded"), GRADED)
    far = closed_form(rows("q", [("1", "4"), ("2", "2"), ("3", "3"), ("4", "1")], "graded"), GRADED)
    assert near["mean_off"]["value"] == 0.5
    assert far["kappa"]["value"] < 0 < near["kappa"]["value"] < 1


def test_one_grade_alone_has_no_kappa_and_says_why():
    found = closed_form(rows("q", [("2", "2")] * 4, "graded"), GRADED)
    assert found["kappa"]["value"] is None
    assert found["kappa"]["why"]


def test_items_of_different_orders_have_no_common_distance():
    mixed = rows("q", [("1", "1")], "graded") + rows("q", [("1", "1")], "graded", classes=["1", "2"])
    assert closed_form(mixed, GRADED)["kappa"] is None


def test_labels_have_exact_sets_and_their_precision():
    pairs = [('["1", "2"]', "1, 2"), ('["1"]', "1, 3"), ("[]", "nonsense")]
    found = closed_form(rows("q", pairs, "multi"), MULTI)
    assert found["exact"]["value"] == pytest.approx(1 / 3)
    assert found["precision"]["value"] == pytest.approx(3 / 4)
    assert found["recall"]["value"] == 1.0


def span(start, end):
    return f'{{"start": {start}, "end": {end}}}'


def test_spans_have_recall_at_thresholds_reached_and_errors_in_seconds():
    pairs = [(span(0, 10), span(0, 10)), (span(0, 10), span(0, 5)), (span(0, 10), span(2, 12)), (span(0, 10), "hm")]
    found = closed_form(rows("temporal_localization", pairs), TEMPORAL)
    assert [found[f"r_at_{one}"]["value"] for one in (0.3, 0.5, 0.7)] == [0.75, 0.75, 0.25]
    assert (found["start_off"]["value"], found["end_off"]["value"]) == (pytest.approx(2 / 3), pytest.approx(7 / 3))
    assert found["start_off"]["n"] == 3, "a reply without a span has no error in seconds"
    assert found["start_off"]["ci95"][0] >= 0


def test_a_span_counts_as_far_as_the_video_goes():
    past = rows("temporal_localization", [(span(3, 8), span(3, 99))], duration=8.0)[0]
    assert (past.score, past.value, past.detail) == (1.0, (3.0, 99.0), {"past_the_end": True})
    beyond = rows("temporal_localization", [(span(3, 8), span(50, 99))], duration=8.0)[0]
    assert beyond.score == 0.0
    assert rows("temporal_localization", [(span(3, 8), span(3, 99))])[0].score == pytest.approx(5 / 96)


def test_free_text_and_no_rows_have_no_closed_form():
    assert closed_form([], MCQ) == {}
    assert closed_form(rows("open_qa", [("a", "b")]), JUDGE) == {}


@pytest.mark.parametrize(
    ("found", "metric", "told"),
    [
        pytest.param(lambda: closed_form(rows("bcq", [("No", "No"), ("Yes", "hm")]), BINARY), "binary",
                     "nothing readable: 1, no: 1", id="what_was_answered"),
        pytest.param(lambda: closed_form(rows("q", [("2", "2")] * 2, "graded"), GRADED), "graded",
                     "none, for the references are all one class", id="why_there_is_no_balanced_accuracy"),
        pytest.param(lambda: closed_form(rows("temporal_localization", [(span(0, 9), "hm")]), TEMPORAL), "temporal",
                     "R@0.3 0.0%", id="recall_without_any_error_to_tell"),
    ],
)  # fmt: skip
def test_the_lines_say_it(found, metric, told):
    assert told in "\n".join(closed_form_lines(found(), metric))
